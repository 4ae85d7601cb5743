"""The team's pages as the server renders them: for whom, and with what on them."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from peewee import OperationalError
from redis import Redis

from pod_jobs.catalog.models import Attempt, Task
from pod_jobs.catalog.store import day_figures, error_groups, overview
from pod_jobs.catalog.team_models import TeamVisit
from pod_jobs.jobs import keys
from pod_jobs.settings import QUEUES
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker

SENTENCE = "The system stopped the encoding, perhaps for lack of memory."


def failed(lea: Caller, worker: Worker, code: str = "encode-killed", name: str = "Cours.mp4") -> dict[str, Any]:
    """A video whose encoding failed. Returns its task."""
    task = lea.upload(name=name)["task"]
    order = worker.start(task)
    worker.report(order, "error", error_code=code, reason="killed by signal 9")
    return task


def test_a_failure_that_was_made_good_is_none_any_more(lea: Caller, worker: Worker, catalog: None) -> None:
    since = now() - timedelta(hours=1)
    task = failed(lea, worker)
    (one,) = error_groups.list_open(since)
    assert (one.group.kind, one.group.code, one.count, one.hosts) == ("encode", "encode-killed", 1, ("host",))
    assert one.is_new(since) and one.latest_task == task["id"]
    assert error_groups.list_open(now()) == []
    response = lea("POST", f"/api/v1/videos/{task['video']}/encode", json={})
    assert response.status_code in (200, 201, 202), response.text
    assert error_groups.list_open(since) == []


def test_days_are_counted_between_midnights(lea: Caller, worker: Worker, catalog: None) -> None:
    task = failed(lea, worker)
    at = now()
    yesterday, today, tomorrow = (at + timedelta(days=days) for days in (-1, 0, 1))
    Task.update(ended_at=today).where(Task.id == task["id"]).execute()
    days = overview.per_day(["encode"], [yesterday, today, tomorrow])
    assert [(day.done, day.failed) for day in days] == [(0, 0), (0, 1)]


def test_who_waits_far_behind_is_told_so(
    lea: Caller, browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.web.intake.orders.PLACES", 2)
    numbers = [lea.upload(name=f"{number}.mp4")["task"]["id"] for number in range(4)]
    browser.sign_in("tina")
    page = browser.get("/team/tasks").text
    assert page.count("More than 2 are before it") == 2 and "Number 2 in the queue" in page
    assert "Number 1 in the queue" in browser.get(f"/team/tasks/{numbers[0]}").text


def test_the_overview_says_what_is_wrong(app: Flask, lea: Caller, worker: Worker, browser: Browser) -> None:
    failed(lea, worker)
    lea.upload(name="Next <b>one.mp4")
    browser.sign_in("tina")
    page = browser.get("/team").text
    assert "No worker is running" in page and "only on host" in page
    assert "Next &lt;b&gt;one" in page and "<b>one" not in page
    assert "need JavaScript" not in page and "need JavaScript" in browser.get("/").text


def test_the_first_page_requeues_what_a_requeue_can_mend(lea: Caller, worker: Worker, browser: Browser) -> None:
    failed(lea, worker)
    failed(lea, worker, code="source-damaged")
    browser.sign_in("tina")
    (path,) = re.findall(r'href="(/team/tasks/requeue[^"]+)"', browser.get("/team").text)
    assert "Requeue 1" in browser.get(path.replace("&amp;", "&")).text


def test_an_empty_instance_says_what_to_do_next(browser: Browser) -> None:
    browser.sign_in("tina")
    assert "Upload a recording" in browser.get("/team").text


def test_a_part_that_did_not_change_is_not_sent_again(
    browser: Browser, lea: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.storage.web_host_folder.WebHostFolder.free_bytes", lambda _: 412_000_000_000)
    browser.sign_in("tina")
    first = browser.get("/team", headers={"HX-Request": "true"})
    assert "<html" not in first.text and "<h1>" in first.text
    same = {"HX-Request": "true", "If-None-Match": first.headers["ETag"]}
    assert browser.get("/team", headers=same).status_code == 304
    lea.upload()
    assert browser.get("/team", headers=same).status_code == 200


def test_the_team_sees_and_ends_a_drain(browser: Browser, callers: dict[str, Caller], catalog: None) -> None:
    drain = {"scope": "queue", "name": "encoding", "why": "disk swap on <enc2>"}
    number = callers["tina"]("POST", "/api/v1/drains", json=drain).get_json()["id"]
    browser.sign_in("tina")
    page = browser.get("/team").text
    assert "The queue encoding is paused." in page and "disk swap on &lt;enc2&gt;" in page
    answer = browser.send("POST", f"/team/drains/{number}/end")
    assert (answer.status_code, answer.location) == (303, "/team")
    assert "is paused" not in browser.get("/team").text


@pytest.mark.parametrize("part", [{}, {"HX-Request": "true"}], ids=["page", "part"])
def test_without_the_key_value_server_the_catalog_is_shown(
    browser: Browser, lea: Caller, worker: Worker, redis_away: Callable[[], list[int]], part: dict[str, str]
) -> None:
    failed(lea, worker)
    running = lea.upload(name="Running.mp4")["task"]
    worker.start(running)
    lea.upload(name="Waiting.mp4")
    browser.sign_in("tina")
    wanted = redis_away()
    shown = {
        "/team": ("only on host", "Running", "Waiting"),
        "/team/tasks": ("Running", "Waiting"),
        f"/team/tasks/{running['id']}": ("Running",),
        "/team/errors": (SENTENCE,),
        "/team/machines": ("encoding",),
        "/team/schedule": ("verify",),
        "/team/figures": ("Encodings per day",),
        "/team/captions": ("Waiting",),
    }
    for path, words in shown.items():
        wanted.clear()
        answer = browser.get(path, headers=part)
        page = plain(answer.text)
        assert answer.status_code == 200 and "The key-value server does not answer; progress" in page, path
        assert [word for word in words if word not in page] == [], path
        for untrue in ("No worker", "No machine", "has said nothing", "gives no sign of life"):
            assert untrue not in page, path
        assert len(wanted) == 1, f"{path}: each try may take seconds"


def test_who_comes_back_on_monday_is_told_what_failed_over_the_weekend(
    browser: Browser, lea: Caller, worker: Worker, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = day_figures.yesterday_evening(now()) + timedelta(hours=14, minutes=30)  # at 8:30
    friday, saturday = monday - timedelta(days=3), monday - timedelta(days=2)
    browser.sign_in("tina")

    def comes(at: datetime, **headers: str) -> str:
        monkeypatch.setattr("pod_jobs.web.pages.team.overview.now", lambda: at)
        return browser.get("/team", headers=headers).text

    assert "Nothing failed since" in comes(friday) and "your last visit" not in comes(friday)
    comes(friday + timedelta(hours=1))
    failed(lea, worker)
    Task.update(ended_at=saturday).execute()
    Attempt.update(ended_at=saturday).execute()
    comes(monday, **{"HX-Request": "true"})
    for at in (monday, monday + timedelta(hours=3), monday + timedelta(hours=6)):
        page = comes(at)
        assert "Failed since your last visit," in page and SENTENCE in page, at
        assert (friday + timedelta(hours=1)).isoformat(timespec="seconds") in page, "a page left open is no visit"
    later = comes(monday + timedelta(hours=11))
    assert "your last visit" not in later and "Nothing failed since" in later
    (visit,) = TeamVisit.select()
    assert visit.before_at == monday + timedelta(hours=6)


def test_the_navigation_shows_the_team_to_those_who_may(browser: Browser) -> None:
    browser.sign_in("léa")
    assert 'href="/team"' not in browser.get("/").text
    assert browser.get("/team").status_code == 403


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the workers of the fleet say; the pages see it."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("pod_jobs.jobs.workforce.list_workers", lambda *_: found)
    return found


def idle(queue: str, state: str = "idle") -> dict[str, Any]:
    return {"name": f"{queue}.host.1", "queue": queue, "host": "host", "state": state, "job": None}


def test_a_queue_without_workers_is_said(browser: Browser, workers: list[dict[str, Any]]) -> None:
    browser.sign_in("tina")
    workers += [idle(name) for name in QUEUES]
    assert "No worker" not in browser.get("/team").text
    workers[:] = [one for one in workers if one["queue"] != "encoding"]
    page = plain(browser.get("/team").text)
    assert "No worker of the queue encoding is running" in page and "honcho start encoding" in page
    assert page.count("No worker") == 1


def test_workers_that_take_no_jobs_do_not_count(browser: Browser, lea: Caller, workers: list[dict[str, Any]]) -> None:
    lea.upload()
    browser.sign_in("tina")
    workers += [idle("encoding", "suspended"), idle("inspecting"), idle("transcripting"), idle("xapi"), idle("catalog")]
    page = plain(browser.get("/team").text)
    assert "4 of 5" in page and "encoding 0 of 1 · take no new jobs: 1" in page and "xapi 1 of 1" not in page
    assert "Its workers take no new jobs." in page and "No worker" not in page
    workers[0] = idle("encoding")
    page = plain(browser.get("/team").text)
    assert "5 of 5" in page and "encoding 1 of 1 ·" in page and "take no new jobs" not in page


def test_a_janitor_that_gives_no_sign_of_life_is_told(browser: Browser, app: Flask, redis: Redis) -> None:
    browser.sign_in("tina")
    redis.delete(keys.JANITOR)
    assert "The janitor gives no sign of life" in browser.get("/team/tasks").text
    redis.set(keys.JANITOR, "host:1", ex=20)
    assert "The janitor gives no sign of life" not in browser.get("/team/tasks").text


def test_the_first_page_shows_who_asks_for_help_and_what_is_tried_again_and_again(
    browser: Browser, lea: Caller, worker: Worker
) -> None:
    browser.sign_in("tina")
    assert "Nothing failed since" in browser.get("/team").text
    task = failed(lea, worker)
    assert lea("PUT", f"/api/v1/tasks/{task['id']}/help").status_code == 202
    order = worker.start(lea.upload(name="b.mp4")["task"])
    worker.report(order, "retry", error_code="disk-full", reason="no room", retry_in_s=30)
    page = plain(browser.get("/team").text)
    assert "People ask for help: 1" in page and "waiting tasks that are tried again: 1" in page
    assert "/team/tasks?state=waiting&amp;error=disk-full" in browser.get("/team").text


def plain(html: str) -> str:
    """The text of a page, with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


@pytest.mark.parametrize("part", [{}, {"HX-Request": "true"}], ids=["page", "part"])
def test_the_page_about_a_database_that_is_away_asks_it_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, part: dict[str, str]
) -> None:
    browser.sign_in("tina")

    def away(*_: object) -> None:
        raise OperationalError("away")

    for name in ("drains.list_drains", "error_groups.count_unknown"):
        monkeypatch.setattr(f"pod_jobs.catalog.store.{name}", away)
    answer = browser.get("/team/schedule", headers=part)
    assert answer.status_code == 503 and "<h1>" in answer.text
