"""Every address, asked by nobody and by every role with every kind of proof, against the tables of docs/permissions.md."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pod_jobs.catalog import permissions
from pod_jobs.catalog.models import ApiToken, User
from pod_jobs.catalog.permissions import GRANTED, PERMISSIONS, ROLES
from tests.integration.web.conftest import PEOPLE, Browser, Caller

PAGE = (Path(__file__).parents[4] / "docs" / "permissions.md").read_text()
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
DASHBOARD = "/rq/"
ONE_OF_EACH = {role: name for name, role in reversed(PEOPLE.items())}  # role -> who has it


class Line(NamedTuple):
    """A line of the second table. `permission` "none": for anybody."""

    method: str  # or "any method"
    address: str  # of /rq/ only the beginning
    permission: str
    by: str


@cache
def documented_roles() -> dict[str, set[str]]:
    rows = [line.strip("| ").split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    granted: dict[str, set[str]] = {role: set() for role in ROLES}
    for name, _, *cells in (tuple(map(str.strip, row)) for row in rows):
        for role, cell in zip(ROLES, [*cells, ""], strict=False):
            if cell == "yes":
                granted[role].add(name.strip("`"))
    return granted


@cache
def documented_lines() -> set[Line]:
    found = re.findall(r"^\| ([A-Z]+|any method) `(.+?)` \| `?([a-z-]+)`? \| ([a-z ]+) \|$", PAGE, re.MULTILINE)
    return {Line(*groups) for groups in found}


def addresses(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and rule of every view."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) & METHODS:
            if rule.rule != "/csrf-of-the-tests":
                yield method, re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule)


def line_of(method: str, address: str) -> Line:
    wanted = ("any method", DASHBOARD) if address.startswith(DASHBOARD) else (method, address)
    return next(line for line in documented_lines() if line[:2] == wanted)


def test_the_page_lists_what_each_role_may_do() -> None:
    assert documented_roles() == {role: set(granted) for role, granted in GRANTED.items()}
    assert set().union(*documented_roles().values()) == set(PERMISSIONS)  # and there is none that nobody has


def test_the_page_lists_every_address_once(app: Flask) -> None:
    real = {(method, path) for method, path in addresses(app) if not path.startswith(DASHBOARD)}
    lines = [(line.method, line.address) for line in documented_lines()]
    assert len(lines) == len(set(lines)) and set(lines) == real | {("any method", DASHBOARD)}


def ask(client: FlaskClient, method: str, address: str, **headers: str) -> TestResponse:
    values = {
        "folder": "encode-1-g1",
        "kind": "encode",
        "action": "requeue",
        "order": "asc",
        "registry_name": "queued",
        "queue_name": "encoding",
    }
    path = re.sub(r"<(\w+)>", lambda match: values.get(match[1], "1"), address)
    proof = {"Tus-Resumable": "1.0.0", "Sec-Fetch-Site": "same-origin", **headers}
    return client.open(path, method=method, headers=proof, buffered=True)


def is_let_in(response: TestResponse) -> bool:
    sent_away = response.status_code == 302 and response.location.startswith("/sign-in")
    own_refusal = b"re-queuing takes a POST" in response.data  # rq-dashboard would change something at a GET
    return not sent_away and (response.status_code not in (401, 403) or own_refusal)


def compare(app: Flask, ask_as: FlaskClient | Browser, role: str, by: str, **headers: str) -> list[str]:
    """The differences between answers and documentation, for one kind of caller at every address."""
    client = ask_as.client if isinstance(ask_as, Browser) else ask_as
    wrong = []
    for method, address in addresses(app):
        line = line_of(method, address)
        if line.permission == "none" and (by == "session" or method == "POST"):
            continue  # these begin and end sessions, and want a page's CSRF token; their own tests ask them
        granted = line.permission == "none" or line.permission in documented_roles().get(role, ())
        wanted = granted and (line.permission == "none" or by in line.by.split(" or "))
        if isinstance(ask_as, Browser) and method != "GET":
            headers["X-CSRFToken"] = ask_as.csrf_token()  # a new one after each new beginning of the session
        if is_let_in(response := ask(client, method, address, **headers)) is not wanted:
            wrong.append(f"{role} by {by}: {method} {address}: {response.status_code} instead of {line}")
    return wrong


def test_nobody(app: Flask) -> None:
    assert compare(app, app.test_client(), "nobody", "nothing") == []


@pytest.mark.parametrize("role", ROLES)
def test_a_token_opens_what_the_page_says(app: Flask, tokens: dict[str, str], role: str) -> None:
    token = tokens[ONE_OF_EACH[role]]
    client = app.test_client(use_cookies=False)
    assert compare(app, client, role, "token", Authorization=f"Token {token}") == []


@pytest.mark.parametrize("role", [role for role in ROLES if "have-account" in GRANTED[role]])
def test_a_session_opens_what_the_page_says(app: Flask, browser: Browser, role: str) -> None:
    assert browser.sign_in(ONE_OF_EACH[role]).status_code == 303
    assert compare(app, browser, role, "session") == []
    assert browser.get("/api/v1/me").get_json()["role"] == role  # it was signed in to the end


@pytest.mark.parametrize("end", ["revoked", "switched off"])
def test_a_token_that_ended_opens_nothing(app: Flask, catalog: None, tokens: dict[str, str], end: str) -> None:
    if end == "revoked":
        ApiToken.update(revoked_at=User.get().created_at).execute()
    else:
        User.update(active=False).execute()
    for method, address in addresses(app):
        if line_of(method, address).permission != "none":
            response = ask(app.test_client(), method, address, Authorization=f"Token {tokens['ada']}")
            assert response.status_code == 401, (method, address, response.status_code)


@pytest.mark.parametrize("end", ["signed out", "switched off"])
def test_a_session_that_ended_opens_nothing(app: Flask, catalog: None, browser: Browser, end: str) -> None:
    browser.sign_in("ada")
    cookie = browser.client.get_cookie("pod_jobs_8000") or next(iter(browser.client._cookies.values()))
    if end == "signed out":
        browser.send("POST", "/sign-out")
        browser.client._cookies[cookie._storage_key] = cookie  # a copy that somebody kept
    else:
        User.update(active=False).execute()
    assert compare(app, browser.client, "nobody", "an ended session") == []


def test_a_role_that_nobody_thought_of_sees_nothing(
    app: Flask, catalog: None, browser: Browser, callers: dict[str, Caller]
) -> None:
    callers["léa"].upload()
    browser.sign_in("tina")
    User.update(role="guest").where(User.name == "tina").execute()
    assert compare(app, browser, "guest", "session") == []
    assert not any(permissions.may("guest", permission) for permission in PERMISSIONS)


def test_a_view_that_names_no_permission_is_refused_to_everybody(app: Flask, callers: dict[str, Caller]) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert [caller("GET", "/forgotten").status_code for caller in callers.values()] == [403] * len(callers)


def test_a_permission_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="see-all-vidoes"):
        permissions.may("admin", "see-all-vidoes")  # type: ignore[arg-type]


def test_who_may_only_see_changes_nothing(callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    """A role of a coming feature: it sees every video and orders nothing, whatever a view asks for."""
    video = callers["léa"].upload()
    seeing = GRANTED["lecturer"] | {"see-all-videos"}
    monkeypatch.setitem(GRANTED, "team", seeing)
    tina = callers["tina"]
    assert tina("GET", f"/api/v1/videos/{video['id']}").status_code == 200
    assert [row["id"] for row in tina("GET", "/api/v1/videos").get_json()["videos"]] == [video["id"]]
    for method, path in (("DELETE", ""), ("PATCH", ""), ("POST", "/encode")):
        response = tina(method, f"/api/v1/videos/{video['id']}{path}", json={"title": "x"} if method == "PATCH" else {})
        assert response.status_code == 403, response.text
    task = tina("GET", "/api/v1/tasks").get_json()["tasks"][0]["id"]
    assert tina("POST", f"/api/v1/tasks/{task}/cancel").status_code == 403
    monkeypatch.setitem(GRANTED, "team", seeing - {"see-videos", "see-all-videos"})
    assert tina("GET", f"/api/v1/videos/{video['id']}").status_code == 403


def test_the_account_is_not_for_tokens(callers: dict[str, Caller]) -> None:
    """A program with a stolen token must not switch the learning traces of its person off, or make a second token."""
    for path in ("/account/traces", "/account/tokens", "/account/password", "/account/sign-out-everywhere"):
        assert callers["léa"]("POST", path).status_code == 403
