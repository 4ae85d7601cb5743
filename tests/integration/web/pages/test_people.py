"""The page on which administrators see people and give them roles."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import users
from pod_jobs.web.pages import people
from tests.integration.web.conftest import PASSWORD_HASH, Browser, Caller

PAGE, ROLE = "/admin/people", "/admin/people/role"


def role_of(name: str) -> str:
    return str(User.get(User.name == name).role)


def test_a_role_changes_at_once_and_the_change_is_shown(browser: Browser, app: Flask, catalog: None) -> None:
    lea = Browser(app)
    lea.sign_in("léa")
    assert lea.get("/team").status_code == 403
    browser.sign_in("ada")
    assert f'href="{PAGE}"' in browser.get("/").text
    changed = browser.send("POST", ROLE, data={"name": "léa", "role": "team", "text": "l"})
    assert (changed.status_code, changed.location) == (303, f"{PAGE}?text=l")
    assert lea.get("/team").status_code == 200
    page = browser.get(changed.location).text
    assert "léa has the role “Video team” now." in page and "Lecturer, now Video team" in page
    [entry] = users.role_changes(9)
    assert (entry.who, entry.subject, entry.details) == ("ada", "léa", "lecturer -> team")
    browser.send("POST", ROLE, data={"name": "léa", "role": "team"})
    assert len(users.role_changes(9)) == 1, "nothing has changed"


def test_the_last_administrator_stays_one(browser: Browser, catalog: None) -> None:
    browser.sign_in("ada")
    refused = browser.send("POST", ROLE, data={"name": "ada", "role": "team"})
    assert refused.status_code == 409 and "This is the last administrator who can sign in." in refused.text
    assert role_of("ada") == "admin" and not users.role_changes(9)
    users.create("eve", "admin", PASSWORD_HASH, datetime.now(UTC))
    gone = browser.send("POST", ROLE, data={"name": "ada", "role": "lecturer"})
    assert (gone.status_code, gone.location) == (303, "/"), "the page is not theirs any more"
    assert browser.get(PAGE).status_code == 403 and PAGE not in browser.get("/").text


@pytest.mark.parametrize("name", ["workers", "command-line", "moodle", "site-univ", "nobody", "LÉA", ""])
def test_programs_and_strangers_have_no_role_of_people(browser: Browser, catalog: None, name: str) -> None:
    users.create("command-line", "admin", None, datetime.now(UTC))
    browser.sign_in("ada")
    before = {user.name: user.role for user in users.list_users()}
    assert browser.send("POST", ROLE, data={"name": name, "role": "lecturer"}).status_code == 404
    assert {user.name: user.role for user in users.list_users()} == before
    assert f'value="{name or "workers"}"' not in browser.get(PAGE).text


@pytest.mark.parametrize("role", ["worker", "application", "site", "king", ""])
def test_people_get_no_role_of_programs(browser: Browser, catalog: None, role: str) -> None:
    browser.sign_in("ada")
    assert browser.send("POST", ROLE, data={"name": "léa", "role": role}).status_code == 409
    assert role_of("léa") == "lecturer"


def test_no_other_page_and_no_token_gives_roles(browser: Browser, callers: dict[str, Caller], catalog: None) -> None:
    browser.sign_in("ada")
    form = {"name": "léa", "role": "admin"}
    assert browser.client.post(ROLE, data=form).status_code == 403, "without the page's CSRF token"
    assert callers["ada"]("POST", ROLE, data=form).status_code == 403, "a stolen token makes no administrators"
    assert role_of("léa") == "lecturer"


def test_names_are_found_and_a_long_list_says_that_it_is_not_whole(
    browser: Browser, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.switch_off("max", datetime.now(UTC))
    users.create("<b>o'neill</b>", "team", None, datetime.now(UTC))
    browser.sign_in("ada")
    page = browser.get(PAGE).text
    assert "Lecturer, switched off" in page and "&lt;b&gt;o&#39;neill&lt;/b&gt;" in page and "<b>o'" not in page
    assert page.count("No sign-in is known.") == 4 and "The first" not in page  # only ada came
    assert browser.get(f"{PAGE}?text=%25").text.count('name="role"') == 0, "a % is no wild card"
    assert "No name matches." in browser.get(f"{PAGE}?text=%25").text
    assert browser.get(f"{PAGE}?text=EIL").text.count('name="role"') == 1
    monkeypatch.setattr(people, "MOST_PEOPLE", 2)
    assert "The first 2 of 5" in browser.get(PAGE).text
