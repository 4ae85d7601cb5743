"""Who gets in, and who stays out."""

import re

import pytest
from flask import Flask

from pod_jobs.catalog import database
from pod_jobs.catalog.models import User
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.guards import access
from tests.integration.web.conftest import Browser, Caller, problem


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
        "GET /api/version",
        "POST /api/v1/workers/join",  # which asks for the code of an invitation
    }


def test_workers_have_no_way_to_the_pages(browser: Browser) -> None:
    assert browser.sign_in("workers").status_code == 401


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


def test_no_address_is_logged_for_it_may_hold_a_secret(
    settings: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A sign-in link that failed because the database was away has not been used up."""

    @access.public
    def fail(token: str) -> str:
        raise RuntimeError("a bug")

    app.add_url_rule("/bug/<token>", "bug", fail)
    assert app.test_client().get("/bug/the-secret").status_code == 500
    monkeypatch.setenv("POD_JOBS_DATABASE__URL", "sqlite:////nowhere/at/all.sqlite3")
    client = create_app(load(settings.home)).test_client()
    assert client.get("/sign-in/the-secret?x=the-secret").status_code == 503
    assert client.get("/api/v1/uploads/the-secret").status_code == 503
    assert "GET /sign-in/<token>" in caplog.text and "GET /bug/<token>" in caplog.text
    assert "the-secret" not in caplog.text
