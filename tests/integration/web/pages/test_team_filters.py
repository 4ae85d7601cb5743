"""Filters of the list of tasks that people save under a name, on the page and by the API."""

import re
from html import unescape
from typing import Any

import pytest

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import saved_filters
from pod_jobs.catalog.team_models import SavedFilter
from tests.integration.web.conftest import Browser, Caller, problem

NAME = "<b>Échecs</b> محاضرة 🎓 {{ 7 * 7 }}"


def post(browser: Browser, path: str, **form: str) -> Any:
    return browser.client.post(path, data={"csrf_token": browser.csrf_token(), **form})


def links(page: str) -> list[tuple[str, str]]:
    """Address and name of the saved filters on a page."""
    own = page.partition('class="saved-links"')[2].partition("</ul>")[0]
    found = re.findall(r'href="([^"]+)"[^>]*>([^<]*)</a>', own)
    return [(unescape(address), unescape(name)) for address, name in found]


def test_a_filter_is_saved_followed_renamed_and_deleted_without_a_script(browser: Browser, lea: Caller) -> None:
    lea.upload(name="Optics.mp4")
    browser.sign_in("tina")
    assert "Save this filter as" not in browser.get("/team/tasks").text
    here = "/team/tasks?state=waiting&text=Optics+%26+more"
    assert "Save this filter as" in browser.get(here).text
    answer = post(browser, "/team/filters", state="waiting", text="Optics & more", name=NAME, other="x")
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert links(page) == [("/team/tasks?state=waiting&text=Optics+%26+more", NAME)]
    assert 'aria-current="true">&lt;b&gt;' in page and "<b>Échecs" not in page and "49" not in page
    assert "Save this filter as" not in page and links(browser.get("/team/tasks").text)
    saved = int(re.findall(r"/team/filters/([0-9]+)/rename", page)[0])
    renamed = post(browser, f"/team/filters/{saved}/rename", name="Optics", state="waiting")
    assert links(browser.get(renamed.location).text) == [("/team/tasks?state=waiting&text=Optics+%26+more", "Optics")]
    browser.sign_in("ada")
    assert post(browser, f"/team/filters/{saved}/rename", name="mine").status_code == 404
    assert not links(browser.get("/team/tasks").text)
    browser.sign_in("tina")
    gone = post(browser, f"/team/filters/{saved}/delete")
    page = browser.get(gone.location).text
    assert "The filter is deleted." in page and not links(page)
    assert post(browser, f"/team/filters/{saved}/delete").status_code == 404


def test_what_cannot_be_saved_is_said(browser: Browser, catalog: None) -> None:
    browser.sign_in("tina")
    for form, words in (
        ({"name": " ", "state": "error"}, "1 to 60 characters"),
        ({"name": "a"}, "leaves everything open"),
        ({"name": "a", "state": "broken"}, "There is no state broken."),
    ):
        page = browser.get(post(browser, "/team/filters", **form).location).text
        assert words in page and 'role="alert"' in page and not links(page)
    for _ in range(2):
        answer = post(browser, "/team/filters", name="a", state="error")
    assert "You have a filter named “a” already." in browser.get(answer.location).text
    assert SavedFilter.select().count() == 1


def test_a_saved_filter_that_is_none_any_more_is_said_to_be_none(browser: Browser, catalog: None) -> None:
    saved_filters.save(User.get(User.name == "tina"), "old", {"state": "paused"})
    browser.sign_in("tina")
    ((address, _),) = links(browser.get("/team/tasks").text)
    assert "There is no state paused." in browser.get(address).text


def test_a_lecturer_saves_none(browser: Browser) -> None:
    browser.sign_in("léa")
    assert post(browser, "/team/filters", name="a", state="error").status_code == 403


def test_programs_save_rename_and_delete_filters(callers: dict[str, Caller]) -> None:
    tina, ada = callers["tina"], callers["ada"]
    said = {"name": NAME, "fields": {"state": "error", "since": "2026-01-02"}}
    answer = tina("POST", "/api/v1/filters", json=said)
    assert answer.status_code == 201
    saved = answer.get_json()
    assert saved == {**said, "id": saved["id"], "page": "/team/tasks?state=error&since=2026-01-02"}
    problem(tina("POST", "/api/v1/filters", json=said), 409, "filter-exists")
    path = f"/api/v1/filters/{saved['id']}"
    problem(ada("PATCH", path, json={"name": "mine"}), 404, "not-found")
    assert tina("PATCH", path, json={"name": "failed"}).get_json()["name"] == "failed"
    assert [one["name"] for one in tina("GET", "/api/v1/filters").get_json()["filters"]] == ["failed"]
    assert ada("GET", "/api/v1/filters").get_json() == {"filters": []}
    problem(callers["léa"]("GET", "/api/v1/filters"), 403, "forbidden")
    assert tina("DELETE", path).status_code == 204
    problem(tina("DELETE", path), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "a"}, "malformed"),
        ({"name": 7, "fields": {"state": "error"}}, "malformed"),
        ({"name": "a", "fields": {}}, "filter-empty"),
        ({"name": "a", "fields": {"text": " "}}, "filter-empty"),
        ({"name": "", "fields": {"state": "error"}}, "filter-name"),
        ({"name": "x" * 61, "fields": {"state": "error"}}, "filter-name"),
        ({"name": "\x00" * 60 + "x", "fields": {"state": "error"}}, "filter-name"),
        ({"name": "a", "fields": {"state": "paused"}}, "malformed"),
        ({"name": "a", "fields": {"since": "yesterday"}}, "malformed"),
        ({"name": "a", "fields": {"text": "x" * 251}}, "malformed"),
        ({"name": "a", "fields": {"status": "error"}}, "malformed"),
        ({"name": "a", "fields": {"state": 3}}, "malformed"),
    ],
)
def test_what_is_no_filter_is_refused_by_the_api(callers: dict[str, Caller], body: Any, code: str) -> None:
    problem(callers["tina"]("POST", "/api/v1/filters", json=body), 400, code)
