"""The activity log of administrators, as page, CSV and API."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from pod_jobs.catalog.models import Audit
from pod_jobs.catalog.store import users
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import ROOT
from pod_jobs.web.pages import activity
from pod_jobs.web.services import now
from tests.integration.web.api.test_openapi import Checked
from tests.integration.web.conftest import Browser, Caller, problem


def lines(page: str) -> list[str]:
    """The rows of the table, as people read them."""
    rows = re.findall(r"<tr><td>(.*?)</tr>", page, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_who_did_what_is_listed_by_person_and_action(browser: Browser, lea: Caller, catalog: None) -> None:
    number = lea.upload()["id"]
    users.note("tina <b>", "drain", "host enc3", now(), "disk swap")
    browser.sign_in("ada")
    assert 'href="/admin/log"' in browser.get("/").text
    page = browser.get("/admin/log").text
    assert "css/filters.css" in page, "or each field of the filter is as wide as the page"
    signed_in, drained, uploaded = lines(page)[:3]
    assert "ada signs in" in signed_in
    assert "tina &lt;b&gt; lets workers finish and stop host enc3 disk swap" in drained
    assert f"léa uploads video {number}" in uploaded and f'href="/videos/{number}"' in page
    assert len(lines(browser.get("/admin/log?who=léa").text)) == 1
    assert len(lines(browser.get("/admin/log?action=drain&since=2020-01-01").text)) == 1
    for nothing in ("who=nobody", "action=encode", "until=2020-01-01"):
        assert "Nothing matches." in browser.get(f"/admin/log?{nothing}").text, nothing
    assert "x is no date." in browser.get("/admin/log?since=x").text
    rows = list(csv.reader(browser.get("/admin/log.csv?who=tina <b>").text.splitlines()))
    assert [row[1:] for row in rows] == [
        ["who", "action", "subject", "details"],
        ["tina <b>", "drain", "host enc3", "disk swap"],
    ]


def test_older_lines_are_on_the_next_page(browser: Browser, catalog: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "LINES", 2)
    for number in range(3):
        users.note("léa", "upload", f"video {number}", now())
    browser.sign_in("ada")
    page = browser.get("/admin/log?who=léa").text
    assert ["video 2" in lines(page)[0], "video 1" in lines(page)[1], len(lines(page))] == [True, True, 2]
    (address,) = re.findall(r'href="([^"]+before=[^"]+)"', page)
    older = browser.get(address.replace("&amp;", "&")).text
    assert len(lines(older)) == 1 and "video 0" in lines(older)[0] and "Older ones" not in older


def test_only_administrators_see_it(callers: dict[str, Caller], app: Flask) -> None:
    for who in ("léa", "tina"):
        problem(callers[who]("GET", "/api/v1/log"), 403, "forbidden")
        assert callers[who]("GET", "/admin/log").status_code == 403


def test_programs_read_it_too(callers: dict[str, Caller], app: Flask, catalog: None) -> None:
    Audit.delete().execute()
    for number in range(3):
        users.note("léa", "upload", f"video {number}", now(), "x")
    users.note("max", "delete", "video 9", now())
    description: dict[str, Any] = yaml.safe_load(app.test_client().get("/api/v1/openapi.yaml", buffered=True).text)
    ada = Checked(description, callers["ada"])
    first = ada("GET", "/api/v1/log?who=léa&limit=2").get_json()
    assert [line["subject"] for line in first["lines"]] == ["video 2", "video 1"]
    rest = ada("GET", f"/api/v1/log?who=léa&limit=2&before={first['next']}").get_json()
    assert ([line["subject"] for line in rest["lines"]], rest["next"]) == (["video 0"], None)
    assert len(ada("GET", "/api/v1/log?action=delete&since=2020-01-01T00:00:00Z").get_json()["lines"]) == 1
    assert ada("GET", "/api/v1/log?until=2020-01-01T00:00:00Z").get_json()["lines"] == []
    for unreadable in ("since=yesterday", "since=", "until=", "before=", "before=x", "limit=", "limit=0", "limit=201"):
        problem(callers["ada"]("GET", f"/api/v1/log?{unreadable}"), 400, "malformed")


def test_whatever_is_noted_has_words(app: Flask) -> None:
    noted = re.compile(r"""(?:users\.note\((?:[^(),]|\([^()]*\))*,|action=)\s*"([^"]+)\"""")
    sources = (path.read_text("utf-8") for path in Path(ROOT, "pod_jobs").rglob("*.py"))
    actions = {action for source in sources for action in noted.findall(source)}
    assert len(actions) > 25
    with app.test_request_context():
        nameless = {action for action in actions if activity.action_words(action) == action}
    assert nameless - JOB_TYPES.keys() - {"check"} == set()
