"""Who gets in, and who stays out."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis
from werkzeug.security import generate_password_hash

from pod_jobs.catalog import database
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings, load
from pod_jobs.web import throttle
from pod_jobs.web.app import create_app
from tests.integration.web.conftest import PASSWORD, Browser, Caller, problem


def test_every_address_but_a_few_wants_a_sign_in(app: Flask) -> None:
    """A view that forgets to say who may call it must not be open."""
    client = app.test_client()
    open_to_all = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:int:)?(\w+)>", lambda m: "1" if m[1] != "folder" else "encode-1-g1", rule.rule)
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            response = client.open(path, method=method, headers={"Tus-Resumable": "1.0.0"}, buffered=True)
            sent_away = response.status_code == 302 and response.location.startswith("/sign-in")
            if response.status_code not in (401, 403) and not sent_away:
                open_to_all.add(f"{method} {rule.rule}")
    assert open_to_all == {
        "GET /static/<path:filename>",
        "GET /vendor/<path:name>",
        "GET /words.js",
        "GET /sign-in",
        "GET /sign-in/<token>",
        "GET /healthz",
        "GET /api/v1/openapi.yaml",
    }


def test_a_password_opens_a_session_and_signing_out_ends_it(browser: Browser) -> None:
    response = browser.get("/?a=1")
    assert response.location == "/sign-in?next=/?a%3D1"
    assert browser.sign_in("léa", next="/?a=1").location == "/?a=1"
    cookie = browser.client.get_cookie("pod_jobs_8000")
    assert cookie is not None and cookie.http_only and cookie.same_site == "Lax" and not cookie.secure
    me = browser.get("/api/v1/me").get_json()
    assert (me["name"], me["role"]) == ("léa", "lecturer")
    assert browser.send("POST", "/sign-out").location == "/sign-in"
    problem(browser.get("/api/v1/me"), 401, "unauthorized")


def copied(app: Flask, browser: Browser) -> Browser:
    """Another browser with the very cookie of this one."""
    cookie = browser.client.get_cookie("pod_jobs_8000")
    assert cookie is not None
    other = Browser(app)
    other.client.set_cookie("pod_jobs_8000", cookie.value)
    assert other.get("/api/v1/me").status_code == 200
    return other


def test_signing_out_ends_a_copied_cookie_too_and_no_other_session(browser: Browser, app: Flask) -> None:
    elsewhere = Browser(app)
    elsewhere.sign_in("léa")
    browser.sign_in("léa")
    thief = copied(app, browser)
    browser.send("POST", "/sign-out")
    problem(thief.get("/api/v1/me"), 401, "unauthorized")
    assert elsewhere.get("/api/v1/me").status_code == 200


def test_signing_in_again_ends_the_session_before(browser: Browser, app: Flask) -> None:
    browser.sign_in("léa")
    thief = copied(app, browser)
    form = {"name": "léa", "password": PASSWORD, "csrf_token": browser.csrf_token()}
    assert browser.client.post("/sign-in", data=form).status_code == 303
    problem(thief.get("/api/v1/me"), 401, "unauthorized")


@pytest.mark.parametrize("revoke", [False, True])
def test_a_new_password_ends_the_other_sessions_and_tokens_if_wanted(
    browser: Browser, app: Flask, lea: Caller, revoke: bool
) -> None:
    browser.sign_in("léa")
    thief = copied(app, browser)
    form = {"present": PASSWORD, "new": "a new and longer one", **({"revoke": "on"} if revoke else {})}
    assert browser.send("POST", "/account/password", data=form).location == "/account"
    assert browser.get("/api/v1/me").status_code == 200
    problem(thief.get("/api/v1/me"), 401, "unauthorized")
    assert lea("GET", "/api/v1/me").status_code == (401 if revoke else 200)


@pytest.mark.parametrize("path", ["tokens", "password", "sign-out-everywhere"])
def test_a_token_makes_no_other_way_in(lea: Caller, path: str) -> None:
    """It would outlive the token's revocation."""
    form = {"label": "more", "present": PASSWORD, "new": "a new and longer one"}
    assert lea("POST", f"/account/{path}", data=form).status_code == 403


def test_signing_out_everywhere_leaves_this_browser(browser: Browser, app: Flask) -> None:
    browser.sign_in("léa")
    thief = copied(app, browser)
    assert browser.send("POST", "/account/sign-out-everywhere").location == "/account"
    assert "signed out everywhere else" in browser.get("/account").text
    problem(thief.get("/api/v1/me"), 401, "unauthorized")


def test_who_is_switched_off_is_out_at_once_and_may_come_back(
    browser: Browser, lea: Caller, settings: Settings
) -> None:
    browser.sign_in("léa")
    now = datetime.now(UTC)
    with database.connect(settings.database_url).connection_context():
        link = users.create_link(users.find("léa"), timedelta(hours=1), now)
        users.switch_off("léa", now)
    problem(browser.get("/api/v1/me"), 401, "unauthorized")
    problem(lea("GET", "/api/v1/me"), 401, "unauthorized")
    assert browser.get(f"/sign-in/{link}").status_code == 410
    assert browser.sign_in("léa").status_code == 401
    with database.connect(settings.database_url).connection_context():
        users.switch_on("léa")
    assert browser.sign_in("léa").status_code == 303
    assert lea("GET", "/api/v1/me").status_code == 401


def test_the_last_administrator_cannot_be_switched_off(settings: Settings, tokens: dict[str, str]) -> None:
    with database.connect(settings.database_url).connection_context():
        with pytest.raises(Refused, match="last administrator"):
            users.switch_off("ada", datetime.now(UTC))
        assert users.find("ada").active


def test_over_https_the_cookie_is_secure(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_WEB__PUBLIC_URL", "https://pod.test")
    response = create_app(load(settings.home)).test_client().get("/sign-in")
    assert "; Secure;" in response.headers["Set-Cookie"]
    assert response.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test",
        "https://evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "evil",
        "javascript:alert(1)",
        "/a\nb",
        "///x",
        "//[",
    ],
)
def test_signing_in_never_leads_to_another_site(browser: Browser, wanted: str) -> None:
    assert browser.sign_in("léa", next=wanted).location == "/"


def test_an_old_session_does_not_live_on_in_a_new_one(browser: Browser) -> None:
    with browser.client.session_transaction() as session:
        session["planted"] = "x"
    before = browser.csrf_token()
    browser.sign_in("léa")
    with browser.client.session_transaction() as session:
        assert "planted" not in session and "csrf_token" not in session
    stale = browser.client.post("/sign-out", data={"csrf_token": before})
    assert stale.status_code == 403


def test_a_new_password_ends_the_sessions(browser: Browser, settings: Settings) -> None:
    browser.sign_in("léa")
    with database.connect(settings.database_url).connection_context():
        users.set_password(users.find("léa"), generate_password_hash("another"))
    problem(browser.get("/api/v1/me"), 401, "unauthorized")


def test_guessing_is_slowed_down_for_the_guesser_only(browser: Browser, app: Flask) -> None:
    for _ in range(throttle.TRIES["both"]):
        assert browser.sign_in("léa", "wrong").status_code == 401
    refused = browser.sign_in("léa")
    assert refused.status_code == 429 and "15 minutes" in refused.text
    assert browser.sign_in("max").status_code == 303
    elsewhere = Browser(app)
    elsewhere.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.sign_in("léa").status_code == 303


def test_right_passwords_use_nothing_up_and_counts_expire(browser: Browser, app: Flask, redis: Redis) -> None:
    for _ in range(throttle.TRIES["address"] + 1):
        browser.client.delete_cookie("pod_jobs_8000")
        assert browser.sign_in("léa").status_code == 303
    keys = list(redis.scan_iter("pod_jobs:sign-in:*"))
    assert keys and all(0 < redis.ttl(key) <= throttle.WINDOW_S for key in keys)


def test_tries_are_counted_on_the_oldest_server_too(redis: Redis) -> None:
    """Redis 6.2 refuses EXPIRE with NX, the one command here that came later."""
    redis.acl_setuser("old", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-expire"])
    path = redis.get_connection_kwargs()["path"]
    with Redis(unix_socket_path=path, username="old", password="any") as old:
        throttle.enter(old, "léa", "192.0.2.1")
        throttle.succeed(old, "léa", "192.0.2.1")
        for _ in range(throttle.TRIES["both"]):
            throttle.enter(old, "léa", "192.0.2.1")
        with pytest.raises(Refused):
            throttle.enter(old, "léa", "192.0.2.1")


def test_an_unknown_name_reads_like_a_wrong_password(browser: Browser) -> None:
    answers = [browser.sign_in(name, "wrong") for name in ("nobody", "léa")]
    assert [a.status_code for a in answers] == [401, 401]
    assert all("The name or the password is wrong." in a.text for a in answers)


def test_workers_have_no_way_to_the_pages(browser: Browser) -> None:
    assert browser.sign_in("workers").status_code == 401


def test_a_link_signs_in_once_and_only_when_a_person_says_so(browser: Browser, settings: Settings) -> None:
    with database.connect(settings.database_url).connection_context():
        token, other = (users.create_link(users.find("ada"), timedelta(hours=1), datetime.now(UTC)) for _ in range(2))
    for _ in range(3):  # a mail program's preview
        assert "ada" in browser.get(f"/sign-in/{token}").text
    assert browser.client.post(f"/sign-in/{token}").status_code == 403
    form = {"csrf_token": browser.csrf_token()}
    assert browser.client.post(f"/sign-in/{token}", data=form).location == "/"
    assert browser.get("/api/v1/me").get_json()["role"] == "admin"
    for gone in (browser.get(f"/sign-in/{name}") for name in (token, other, "made-up")):
        assert gone.status_code == 410 and "used already or has expired" in gone.text


def test_a_session_alone_changes_nothing_and_a_token_alone_does(browser: Browser, lea: Caller) -> None:
    browser.sign_in("léa")
    problem(browser.client.delete("/api/v1/videos/1"), 403, "page-outdated")
    problem(browser.client.post("/api/v1/videos", data={"csrf_token": browser.csrf_token()}), 403, "page-outdated")
    problem(browser.send("DELETE", "/api/v1/videos/1"), 404, "not-found")
    problem(lea("DELETE", "/api/v1/videos/1"), 404, "not-found")


def test_a_bad_token_is_refused_whatever_the_cookie_says(browser: Browser) -> None:
    browser.sign_in("léa")
    response = browser.get("/api/v1/me", headers={"Authorization": "Token wrong"})
    problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Token"
    assert browser.get("/api/v1/me", headers={"Authorization": "Basic bGE6bGE="}).status_code == 200


def test_worker_routes_are_for_workers_and_workers_have_no_others(callers: dict[str, Caller]) -> None:
    for name in ("léa", "tina", "ada"):
        problem(callers[name]("POST", "/api/v1/tasks/1/start", json={}), 403, "forbidden")
    for method, path in (("GET", "/api/v1/videos"), ("POST", "/api/v1/videos"), ("POST", "/api/v1/tasks/1/cancel")):
        problem(callers["workers"](method, path), 403, "forbidden")
    assert callers["workers"]("GET", "/api/v1/me").status_code == 200


def test_headers_that_protect_are_on_every_answer(browser: Browser) -> None:
    for path in ("/sign-in", "/nowhere", "/api/v1/me", "/healthz"):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "same-origin"


def test_addresses_come_from_the_settings_and_not_from_the_request(lea: Caller) -> None:
    document = lea("GET", f"/api/v1/videos/{lea.upload()['id']}", headers={"Host": "evil.test"}).get_json()
    assert document["page_url"] == f"http://pod.test/videos/{document['id']}"


def test_errors_speak_the_language_of_the_browser(app: Flask) -> None:
    page = app.test_client().get("/sign-in/none", headers={"Accept-Language": "fr-CH, en;q=0.3"})
    assert '<html lang="fr' in page.text
    page = app.test_client().get("/sign-in/none", headers={"Accept-Language": "de"})
    assert '<html lang="en' in page.text


def test_without_redis_signing_in_says_so(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_REDIS__URL", "unix:///nowhere/redis.sock")
    response = Browser(create_app(load(settings.home))).sign_in("léa", PASSWORD)
    assert response.status_code == 503 and "A service is away" in response.text
    assert response.headers["Retry-After"]


def test_without_its_database_the_app_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_JOBS_DATABASE__URL", "sqlite:////nowhere/at/all.sqlite3")
    client = create_app(load(settings.home)).test_client()
    problem(client.get("/api/v1/me", headers={"Authorization": "Token x"}), 503, "service-unavailable")
    health = client.get("/healthz")
    assert health.status_code == 503 and not health.get_json()["parts"]["database"]["ok"]


@pytest.mark.parametrize("path", ["/rq", "//sign-in", "/rq?x=1"])
def test_redirects_go_nowhere_that_the_host_header_names(app: Flask, path: str) -> None:
    response = app.test_client().get(path, headers={"Host": "evil.test"})
    assert response.status_code == 308 and "evil" not in response.location
    assert response.location.startswith("/") and not response.location.startswith("//")


@pytest.mark.parametrize("path", ["/videos/{}", "/api/v1/videos/{}", "/api/v1/tasks/{}", "/media/{}/encode-1-g1/a.mp4"])
def test_an_id_that_no_database_holds_is_not_found(lea: Caller, path: str) -> None:
    for digits in ("9" * 18, "9" * 40):
        assert lea("GET", path.format(digits)).status_code == 404


def test_who_is_not_signed_in_sends_little(app: Flask) -> None:
    answer = app.test_client().post("/sign-in", data={"name": "x" * 20_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("depth", [100_000, 1_900_000])
def test_deep_json_is_a_fault_of_the_request(lea: Caller, depth: int) -> None:
    video = lea.upload()["id"]
    for method, path in (("PATCH", f"videos/{video}"), ("POST", f"videos/{video}/encode"), ("POST", "xapi/statements")):
        response = lea(method, f"/api/v1/{path}", data="[" * depth + "]" * depth, content_type="application/json")
        assert response.status_code in (400, 413, 422), (path, response.text)


def test_a_page_that_does_not_exist_keeps_the_menu_of_who_is_signed_in(browser: Browser, app: Flask) -> None:
    browser.sign_in("léa")
    page = browser.get("/nowhere")
    assert page.status_code == 404 and "/account" in page.text
    nobody = app.test_client().get("/nowhere")
    assert nobody.status_code == 404 and "/account" not in nobody.text


def test_a_first_start_says_where_the_way_in_is(app: Flask, settings: Settings) -> None:
    hint = "one-time link in the terminal"
    assert hint not in app.test_client().get("/sign-in").text
    with database.connect(settings.database_url).connection_context():
        User.update(password_hash=None).where(User.role == "admin").execute()
    assert hint in app.test_client().get("/sign-in").text
