"""The page on which administrators see people and give them roles."""

import re
from datetime import UTC, datetime

import pytest
from flask import Flask

from pod_jobs.catalog.models import Audit, User
from pod_jobs.catalog.store import activity, users
from pod_jobs.web.pages import people
from tests.integration.web.conftest import PASSWORD_HASH, Browser, Caller

PAGE, ROLE = "/admin/people", "/admin/people/role"


def noted() -> list[Audit]:
    return activity.page(activity.ActivityFilter(), 9)


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
    assert browser.get(f"{PAGE}?text=%25").text.count(f'action="{ROLE}"') == 0, "a % is no wild card"
    assert "No name matches." in browser.get(f"{PAGE}?text=%25").text
    assert browser.get(f"{PAGE}?text=EIL").text.count(f'action="{ROLE}"') == 1
    monkeypatch.setattr(people, "MOST_PEOPLE", 2)
    assert "The first 2 of 5" in browser.get(PAGE).text


def link_in(page: str) -> str:
    """The sign-in link that the page shows; "" if it shows none."""
    found = re.search(r'value="http[^"]*(/sign-in/[^"]+)"', page)
    return found[1] if found else ""


def test_a_person_is_added_and_signs_in_by_a_link_that_is_shown_once(
    browser: Browser, app: Flask, catalog: None
) -> None:
    browser.sign_in("ada")
    made = browser.send("POST", PAGE, data={"name": " zoë <b> ", "role": "team"})
    link = link_in(made.text)
    assert made.status_code == 201 and link and role_of("zoë <b>") == "team" and "zoë <b>" not in made.text
    assert not link_in(browser.get(PAGE).text)
    zoe = Browser(app)
    assert zoe.send("POST", link).status_code == 303 and zoe.get("/team").status_code == 200
    assert zoe.get("/account").status_code == 200 and Browser(app).send("POST", link).status_code == 410, "only once"
    note = noted()[-2]
    assert (note.who, note.action, note.subject, note.details) == ("ada", "user add", "zoë <b>", "team")
    assert not any(link.rpartition("/")[2] in f"{line.subject} {line.details}" for line in noted())


@pytest.mark.parametrize("name", ["", " ", "léa", "workers", "site-new", "two\nlines", "nul\0", "x" * 101])
def test_a_name_that_cannot_be_added(browser: Browser, catalog: None, name: str) -> None:
    browser.sign_in("ada")
    before = len(users.list_users())
    refused = browser.send("POST", PAGE, data={"name": name, "role": "lecturer"})
    assert refused.status_code in (400, 409) and not link_in(refused.text) and len(users.list_users()) == before


@pytest.mark.parametrize("role", ["worker", "application", "site", "king", ""])
def test_nobody_is_added_with_a_role_of_programs(browser: Browser, catalog: None, role: str) -> None:
    browser.sign_in("ada")
    assert browser.send("POST", PAGE, data={"name": "zoë", "role": role}).status_code == 409
    assert all(user.name != "zoë" for user in users.list_users())


def test_a_person_who_lost_the_link_gets_another_and_a_program_gets_none(
    browser: Browser, app: Flask, catalog: None
) -> None:
    browser.sign_in("ada")
    made = browser.send("POST", f"{PAGE}/link", data={"name": "léa"})
    assert made.status_code == 201 and Browser(app).send("POST", link_in(made.text)).status_code == 303
    assert (noted()[-2].action, noted()[-2].subject) == ("user link", "léa")
    for name in ("workers", "command-line", "moodle", "site-univ", "nobody", ""):
        refused = browser.send("POST", f"{PAGE}/link", data={"name": name})
        assert refused.status_code == 404 and not link_in(refused.text), name
