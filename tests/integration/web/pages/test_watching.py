"""How a video was watched: the page and the tables, without names unless the settings allow them."""

import csv
import io
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask

from pod_jobs.catalog import database
from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import lanes, statements, users
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Lane, Statement
from pod_jobs.instance import learning_traces
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.xapi.profile import COMPLETED, PAUSED
from pod_jobs.xapi.statement import canonical
from tests.integration.web.conftest import Browser, Caller
from tests.unit.xapi.samples import of_video, watched

HOME_PAGE = "https://univ.example"


def add(
    settings: Settings,
    video: int,
    who: str,
    segments: str,
    at: datetime,
    *,
    completed: bool = False,
    length: float = 100.4,
) -> None:
    """One attempt: an early report that is outdated, the last one, and perhaps `completed`."""
    registration = str(uuid4())
    verbs = [PAUSED, *([COMPLETED] if completed else []), PAUSED]
    rows: list[NewStatement] = []
    for number, verb in enumerate(verbs):
        said = segments if number else segments.split("[,]")[0]
        actor = {"account": {"homePage": HOME_PAGE, "name": who}}
        body = {
            **of_video(verb, number, watched(1, 0.1, said), {"length": length}),
            "actor": actor,
            "timestamp": f"{at:%FT%T}.000Z",
        }
        rows.append(
            NewStatement(str(uuid4()), json.dumps(body), verb, registration, (), False, of_profile=True, video=video)
        )
    rows.append(replace(rows[-1], id=str(uuid4()), body=json.dumps({**body, "result": {}})))  # of another player
    with database.connect(settings.database_url).connection_context():
        for row in rows:
            statements.add([row], (), at)


@pytest.fixture
def video(lea: Caller, settings: Settings) -> int:
    number: int = lea.upload()["id"]
    with database.connect(settings.database_url).connection_context():
        Video.update(duration_s=100.0).where(Video.id == number).execute()
    now = datetime.now(UTC)
    add(settings, number, "=zoé", "0[.]50[,]80[.]100[,]0[.]10", now, completed=True)
    add(settings, number, "=zoé", "50[.]80", now - timedelta(days=3))
    add(settings, number, "noé", "0[.]25", now - timedelta(days=3))
    add(settings, number, "max", "0[.]100", now - timedelta(days=60))
    return number


def rows(browser: Browser, video: int, what: str, days: int = 30) -> list[dict[str, str]]:
    query = "" if "?" in what else f".csv?days={days}"
    answer = browser.get(f"/videos/{video}/traces/{what}{query}")
    assert answer.status_code == 200 and answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_last_report_of_each_attempt_counts(browser: Browser, video: int) -> None:
    browser.sign_in("léa")
    moments = rows(browser, video, "moments")
    assert len(moments) == 100
    assert {name: moments[5][name] for name in ("watched", "watched_again", "skipped")} == {
        "watched": "2",
        "watched_again": "1",
        "skipped": "1",
    }
    assert [moments[60][name] for name in ("watched", "skipped")] == ["1", "1"]
    found = rows(browser, video, "viewers")
    assert [(one["attempts"], one["share_watched"], one["completed"]) for one in found] == [
        ("2", "1.0", "1"),
        ("1", "0.25", "0"),
    ]
    assert [(one["attempts"], one["viewers"], one["watched_s"]) for one in rows(browser, video, "days")] == [
        ("1", "1", "80.0"),
        ("2", "2", "55.0"),
    ]
    assert len(rows(browser, video, "viewers", days=0)) == 3, "all that is kept"


def test_the_page_shows_figures_and_no_names(browser: Browser, video: int) -> None:
    browser.sign_in("léa")
    page = browser.get(f"/videos/{video}/traces")
    assert page.status_code == 200
    assert page.text.count('class="heat-seen"') == 100
    assert "zoé" not in page.text and "noé" not in page.text
    assert [one["viewer"] for one in rows(browser, video, "viewers")] == ["1", "2"]
    assert "Nobody watched this video in this period." not in page.text


def test_a_day_has_a_heat_map_and_viewers_of_its_own(browser: Browser, lea: Caller, video: int) -> None:
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    browser.sign_in("léa")
    page = browser.get(f"/videos/{video}/traces")
    assert f'href="/videos/{video}/traces?days=30&amp;day={day}"' in page.text
    of_day = f"day={day}"
    moments = rows(browser, video, f"moments.csv?{of_day}")
    assert [moments[at]["watched"] for at in (5, 60, 90)] == ["1", "1", "0"]
    assert [one["share_watched"] for one in rows(browser, video, f"viewers.csv?{of_day}")] == ["0.3", "0.25"]
    assert len(rows(browser, video, f"days.csv?{of_day}")) == 2, "the other days can still be chosen"
    shown = browser.get(f"/videos/{video}/traces?{of_day}").text
    assert 'aria-current="true"' in shown and "Show the whole period" in shown
    said = lea("GET", f"/api/v1/videos/{video}/watching?{of_day}").get_json()
    assert (said["day"], said["days_back"], said["moments"][5]["watched"], len(said["viewers"])) == (day, 30, 1, 2)


def test_a_day_may_be_empty_older_than_the_period_or_no_day(browser: Browser, video: int) -> None:
    browser.sign_in("léa")
    now = datetime.now(UTC)
    yesterday, old = ((now - timedelta(days=days)).date().isoformat() for days in (1, 60))
    assert "Nobody watched this video on this day." in browser.get(f"/videos/{video}/traces?day={yesterday}").text
    assert len(rows(browser, video, f"viewers.csv?day={old}")) == 1
    assert len(rows(browser, video, "viewers.csv?day=today")) == 2


@pytest.mark.parametrize(
    ("segments", "length"), [("0[.]1[,]1e308[.]1.5e308", 1.5), ("0[.]1", 10**400)], ids=("moments", "length")
)
def test_nonsense_of_a_viewer_breaks_no_page(
    browser: Browser, lea: Caller, settings: Settings, segments: str, length: float
) -> None:
    number = lea.upload()["id"]
    with database.connect(settings.database_url).connection_context():
        Video.update(duration_s=1.5).where(Video.id == number).execute()
    add(settings, number, "max", segments, datetime.now(UTC), length=length)
    browser.sign_in("léa")
    assert browser.get(f"/videos/{number}/traces").status_code == 200
    assert len(lea("GET", f"/api/v1/videos/{number}/watching").get_json()["moments"]) == 100


def test_names_are_shown_where_record_stores_get_them(
    browser: Browser, video: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_XAPI__ANONYMIZE", "false")
    named: Flask = create_app(load(settings.home))
    other = Browser(named)
    other.client.set_cookie("pod_jobs_8000", _cookie(browser))
    assert "noé" in other.get(f"/videos/{video}/traces").text
    assert [one["viewer"] for one in rows(other, video, "viewers")] == ["'=zoé", "noé"], "no formula in a spreadsheet"


def _cookie(browser: Browser) -> str:
    browser.sign_in("léa")
    cookie = browser.client.get_cookie("pod_jobs_8000")
    assert cookie is not None
    return cookie.value


def test_attempts_at_another_cut_are_left_out_and_counted(
    browser: Browser, lea: Caller, video: int, settings: Settings
) -> None:
    add(settings, video, "old", "0[.]140", datetime.now(UTC), length=140.0)
    browser.sign_in("léa")
    assert "because the video had another length then: 1" in browser.get(f"/videos/{video}/traces").text
    said = lea("GET", f"/api/v1/videos/{video}/watching").get_json()
    assert (said["of_other_length"], len(said["viewers"])) == (1, 2)


def test_days_are_those_of_the_servers_time_zone(
    browser: Browser, video: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, video, "late", "0[.]9", datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        browser.sign_in("léa")
        assert "2026-03-02" in [one["day"] for one in rows(browser, video, "days", days=0)]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_long_table_of_viewers_says_that_it_is_not_whole(browser: Browser, video: int, settings: Settings) -> None:
    now = datetime.now(UTC)
    actors = [{"account": {"homePage": HOME_PAGE, "name": f"n{number}"}} for number in range(200)]
    body = of_video(PAUSED, 1, watched(1, 0.1, "0[.]9"), {"length": 100})
    made = [json.dumps({**body, "actor": actor, "timestamp": f"{now:%FT%T}.000Z"}) for actor in actors]
    new = [
        NewStatement(str(uuid4()), one, PAUSED, str(uuid4()), (), False, of_profile=True, video=video) for one in made
    ]
    with database.connect(settings.database_url).connection_context():
        statements.add(new, (), now)
    browser.sign_in("léa")
    assert "200 of 202 are shown" in browser.get(f"/videos/{video}/traces").text


def test_they_are_their_owners_and_the_teams(browser: Browser, app: Flask, video: int) -> None:
    for who, status in (("max", 404), ("tina", 200)):
        other = browser if who == "max" else Browser(app)
        other.sign_in(who)
        assert other.get(f"/videos/{video}/traces/viewers.csv").status_code == status
        assert other.get(f"/videos/{video}/traces").status_code == status
        other.send("POST", "/sign-out")
    browser.sign_in("léa")
    assert browser.get(f"/videos/{video}/traces/people.csv").status_code == 404
    assert browser.get(f"/videos/{video}/traces?days=8").status_code == 200


def test_a_video_that_nobody_watched_says_so(browser: Browser, lea: Caller, settings: Settings) -> None:
    number = lea.upload()["id"]
    browser.sign_in("léa")
    assert "watching-card" not in browser.get(f"/videos/{number}/traces").text, "its length is not known yet"
    with database.connect(settings.database_url).connection_context():
        Video.update(duration_s=10.0).where(Video.id == number).execute()
    assert "Nobody watched this video in this period." in browser.get(f"/videos/{number}/traces").text


def test_a_person_downloads_and_erases_what_was_recorded(browser: Browser, app: Flask, settings: Settings) -> None:
    (settings.home / "secrets" / "xapi_key").write_text("k")
    browser.sign_in("léa")
    with database.connect(settings.database_url).connection_context():
        actor = learning_traces.actor_of(settings, users.find("léa"))
        for number, who in enumerate((actor, {"account": {"homePage": HOME_PAGE, "name": "max"}})):
            body = canonical({**of_video(PAUSED, number), "actor": who}).decode()
            row = NewStatement(str(uuid4()), body, PAUSED, None, (), False, of_profile=True)
            statements.add([row], (), datetime.now(UTC))
    assert len(browser.get("/account/traces.jsonl").text.splitlines()) == 1
    browser.send("POST", "/account/traces", data={"traces": "on"})
    assert len(browser.get("/account/traces.jsonl").text.splitlines()) == 1, "nothing is erased unasked"
    with database.connect(settings.database_url).connection_context():
        lanes.ensure(["moodle"], 0, datetime.now(UTC))
        lanes.claim("moodle", "w", 90, datetime.now(UTC))
    answer = browser.send("POST", "/account/traces", data={"erase": "on"})
    assert answer.status_code == 303 and "within a few minutes" in browser.get(answer.location).text
    with database.connect(settings.database_url).connection_context():
        Lane.update(lease_until=None).execute()
    browser.send("POST", "/account/traces", data={"erase": "on"})
    assert browser.get("/account/traces.jsonl").text == ""
    with database.connect(settings.database_url).connection_context():
        assert statements.has_opted_out(users.find("léa").id)
        assert Statement.select().count() == 1, "what is of others stays"
    assert Caller(app.test_client(use_cookies=False), "x")("GET", "/account/traces.jsonl").status_code == 401
