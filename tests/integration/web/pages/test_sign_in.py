"""Signing in, by password or link, and where a session ends."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis
from werkzeug.security import generate_password_hash

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.guards import sign_in_throttle
from tests.integration.web.conftest import PASSWORD, Browser, Caller, problem


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
    """It would still work after the token has been revoked."""
    form = {"label": "more", "present": PASSWORD, "new": "a new and longer one"}
    assert lea("POST", f"/account/{path}", data=form).status_code == 403


def test_no_browser_keeps_the_page_that_shows_a_token_once(browser: Browser) -> None:
    browser.sign_in("léa")
    made = browser.send("POST", "/account/tokens", data={"label": "script"})
    assert made.status_code == 200 and made.headers["Cache-Control"] == "no-store"


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


def test_a_role_changes_at_once_and_the_last_administrator_stays(browser: Browser, settings: Settings) -> None:
    browser.sign_in("léa")
    assert browser.get("/team").status_code == 403
    with database.connect(settings.database_url).connection_context():
        now = datetime.now(UTC)
        users.change_role("léa", "team", "ada", now)
        with pytest.raises(Refused, match="last administrator"):
            users.change_role("ada", "lecturer", "ada", now)
        with pytest.raises(Refused, match="none of"):
            users.change_role("léa", "king", "ada", now)
        assert users.find("ada").role == "admin"
    assert browser.get("/team").status_code == 200


def test_after_the_end_of_a_session_a_form_leads_back_to_its_page(browser: Browser) -> None:
    token = browser.csrf_token()
    page = "http://pod.test/account?a=1&b=2"
    options = {"base_url": "http://pod.test", "data": {"csrf_token": token}, "buffered": True}
    sent = browser.client.post("/account/tokens", headers={"Referer": page}, **options)
    assert sent.status_code == 401
    assert 'href="/sign-in?next=/account?a%3D1%26b%3D2"' in sent.text
    other = browser.client.post("/account/tokens", headers={"Referer": "http://evil.test/account"}, **options)
    assert "evil" not in other.text and "next=" not in other.text.split("<main")[1]


def test_whoever_came_by_a_link_is_reminded_to_set_a_password(browser: Browser, settings: Settings) -> None:
    with database.connect(settings.database_url).connection_context():
        new = users.create("noé", "admin", None, datetime.now(UTC))
        link = users.create_link(new, timedelta(hours=1), datetime.now(UTC))
    browser.send("POST", f"/sign-in/{link}")
    for path in ("/", "/team", "/traces"):
        assert 'id="no-password"' in browser.get(path).text
    assert 'id="no-password"' not in browser.get("/account").text
    browser.send("POST", "/account/password", data={"new": PASSWORD})
    assert 'id="no-password"' not in browser.get("/").text


def test_a_link_leads_back_to_the_page_that_asked_for_it(browser: Browser, settings: Settings) -> None:
    with database.connect(settings.database_url).connection_context():
        link = users.create_link(users.find("ada"), timedelta(hours=1), datetime.now(UTC))
    asked = browser.get("/team/tasks?state=error")
    assert browser.get(asked.location).status_code == 200
    assert browser.send("POST", f"/sign-in/{link}").location == "/team/tasks?state=error"


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
    for _ in range(sign_in_throttle.TRIES["both"]):
        assert browser.sign_in("léa", "wrong").status_code == 401
    refused = browser.sign_in("léa")
    assert refused.status_code == 429 and "in 15 min." in refused.text
    assert browser.sign_in("max").status_code == 303
    elsewhere = Browser(app)
    elsewhere.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.sign_in("léa").status_code == 303


def test_right_passwords_use_nothing_up_and_counts_expire(browser: Browser, app: Flask, redis: Redis) -> None:
    for _ in range(sign_in_throttle.TRIES["address"] + 1):
        browser.client.delete_cookie("pod_jobs_8000")
        assert browser.sign_in("léa").status_code == 303
    keys = list(redis.scan_iter("pod_jobs:sign-in:*"))
    assert keys and all(0 < redis.ttl(key) <= sign_in_throttle.WINDOW_S for key in keys)


def test_a_household_is_one_guesser(redis: Redis) -> None:
    """It has one IPv4 address, and 2^64 of IPv6."""
    for number in range(sign_in_throttle.TRIES["both"]):
        sign_in_throttle.enter(redis, "léa", f"2001:db8::{number:x}")
        sign_in_throttle.enter(redis, "max", f"192.0.2.{number}")
    with pytest.raises(Refused):
        sign_in_throttle.enter(redis, "léa", "2001:db8::ffff")
    sign_in_throttle.enter(redis, "léa", "2001:db8:0:1::1")
    sign_in_throttle.enter(redis, "max", "192.0.2.200")


def test_tries_are_counted_on_the_oldest_server_too(redis: Redis) -> None:
    """Redis 6.2 refuses EXPIRE with NX, the one command here that came later."""
    redis.acl_setuser("old", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-expire"])
    path = redis.get_connection_kwargs()["path"]
    with Redis(unix_socket_path=path, username="old", password="any") as old:
        sign_in_throttle.enter(old, "léa", "192.0.2.1")
        sign_in_throttle.succeed(old, "léa", "192.0.2.1")
        for _ in range(sign_in_throttle.TRIES["both"]):
            sign_in_throttle.enter(old, "léa", "192.0.2.1")
        with pytest.raises(Refused):
            sign_in_throttle.enter(old, "léa", "192.0.2.1")


def test_an_unknown_name_reads_like_a_wrong_password(browser: Browser) -> None:
    answers = [browser.sign_in(name, "wrong") for name in ("nobody", "léa")]
    assert [a.status_code for a in answers] == [401, 401]
    assert all("The name or the password is wrong." in a.text for a in answers)


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
        assert gone.status_code == 410 and "already been used or has expired" in gone.text


def test_without_redis_signing_in_says_so(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_REDIS__URL", "unix:///nowhere/redis.sock")
    response = Browser(create_app(load(settings.home))).sign_in("léa", PASSWORD)
    assert response.status_code == 503 and "A service is unavailable" in response.text
    assert response.headers["Retry-After"]


def test_the_account_page_puts_the_day_before_the_month(browser: Browser, lea: Caller) -> None:
    browser.sign_in("léa")
    today = datetime.now(UTC)
    assert f"<td>{today.day} {today:%b} {today.year}</td>" in browser.get("/account").text
