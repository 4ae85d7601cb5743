"""What the team's pages tell and do, programs can learn and do too; each answer fits openapi.yaml."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from flask import Flask
from redis import Redis

from pod_jobs.catalog.models import Task
from pod_jobs.web.services import now
from tests.integration.web.api.test_openapi import Checked
from tests.integration.web.conftest import Caller, Worker, problem
from tests.integration.web.pages.test_team import failed
from tests.integration.web.pages.test_team_machines import alive, sign
from tests.integration.web.test_media_files import ENDED, MEDIA, PART


@pytest.fixture
def description(app: Flask) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(app.test_client().get("/api/v1/openapi.yaml", buffered=True).text)
    return document


@pytest.fixture
def team(description: dict[str, Any], callers: dict[str, Caller]) -> Checked:
    return Checked(description, callers["tina"])


@pytest.fixture
def lecturer(description: dict[str, Any], lea: Caller) -> Checked:
    return Checked(description, lea)


def test_everything_at_a_glance(
    team: Checked, lea: Caller, worker: Worker, redis: Redis, redis_away: Callable[[], list[int]]
) -> None:
    lea("PUT", f"/api/v1/tasks/{failed(lea, worker)['id']}/help")
    worker.start(lea.upload()["task"])
    lea.upload()
    alive(redis, "encoding.host.1", "host")
    alive(redis, "encoding.host.2", "host", state="suspended")
    sign(redis, "enc3", ago_s=40)
    seen = team("GET", "/api/v1/overview").get_json()
    counts = ("running", "waiting", "failed", "error_groups", "new_error_groups", "help_asked")
    assert [seen[name] for name in counts] == [1, 1, 1, 1, 1, 1]
    assert seen["waiting_since"] and seen["last_ended_at"] and seen["last_begins_at"]
    (crew,) = (one for one in seen["workers"] if one["queue"] == "encoding")
    assert (crew["able"], crew["held"]) == (1, 1)
    assert (seen["silent_hosts"], seen["janitor_lives"]) == (["enc3"], False)
    assert seen["media_free"] > 0 and seen["media_days"] > 0

    wanted = redis_away()
    seen = team("GET", "/api/v1/overview").get_json()
    assert (seen["workers"], seen["janitor_lives"], seen["waiting"]) == (None, None, 1)
    assert len(wanted) == 1, "each try may take seconds"
    wanted.clear()
    assert len(lea("GET", "/api/v1/videos").get_json()["videos"]) == 3
    assert len(wanted) == 1, "a lecturer waits no longer"
    problem(lea("GET", "/api/v1/overview"), 403, "forbidden")


def test_an_overview_that_did_not_change_is_not_sent_again(
    team: Checked, lea: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    monkeypatch.setattr("pod_jobs.web.api.overview.now", lambda: at)
    monkeypatch.setattr("pod_jobs.storage.web_host_folder.WebHostFolder.free_bytes", lambda _: 412_000_000_000)
    same = {"If-None-Match": team("GET", "/api/v1/overview").headers["ETag"]}
    assert team("GET", "/api/v1/overview", headers=same).status_code == 304
    lea.upload()
    assert team("GET", "/api/v1/overview", headers=same).status_code == 200


def test_tasks_are_counted_before_something_is_ordered_for_them(
    team: Checked, lecturer: Checked, lea: Caller, callers: dict[str, Caller]
) -> None:
    lea.upload(name="Algèbre.mp4")
    lea.upload(name="Optique.mp4")
    callers["max"].upload(name="Algebra.mp4")
    assert team("GET", "/api/v1/tasks/count").get_json() == {"count": 3}
    assert team("GET", "/api/v1/tasks/count?text=alg%C3%A8b&state=waiting").get_json() == {"count": 2}
    assert lecturer("GET", "/api/v1/tasks/count").get_json() == {"count": 2}
    problem(lea("GET", "/api/v1/tasks/count?state=x"), 400, "malformed")
    order = {"filter": {"text": "algeb"}, "count": 2}
    assert len(team("POST", "/api/v1/tasks/cancel", json=order).get_json()["done"]) == 2


def test_what_a_failed_task_had_encoded_can_be_fetched(
    lecturer: Checked, lea: Caller, worker: Worker, callers: dict[str, Caller]
) -> None:
    order = worker.start(lea.upload()["task"])
    assert lecturer("GET", "/api/v1/tasks/1").get_json()["part_url"] is None
    worker.write(order, PART, part=True)
    worker.report(order, "error", error_code="encode-failed", reason="x")
    address = lecturer("GET", "/api/v1/tasks/1").get_json()["part_url"]
    assert address == "http://pod.test/api/v1/tasks/1/part"
    part = lecturer("GET", "/api/v1/tasks/1/part").get_json()
    assert (part["duration_s"], part["master"]) == (8.0, f"http://pod.test{ENDED}/master.m3u8")
    assert [(one["name"], one["is_sound"], one["bytes"]) for one in part["streams"]] == [
        ("360p.m4s", False, 800),
        ("audio.m4s", True, 800),
    ]
    assert lea("GET", part["streams"][0]["url"].removeprefix("http://pod.test")).data == MEDIA[:800]
    problem(callers["max"]("GET", "/api/v1/tasks/1/part"), 404, "not-found")
    lea("POST", "/api/v1/tasks/1/requeue")
    problem(lea("GET", "/api/v1/tasks/1/part"), 404, "not-found")


def test_a_task_says_who_can_mend_it_who_ordered_it_and_what_it_ordered(
    lecturer: Checked, lea: Caller, worker: Worker, catalog: None
) -> None:
    number = failed(lea, worker, code="source-damaged")["id"]
    child = Task.create(kind="encode", state="waiting", created_at=now(), queued_at=now(), parent=number)
    task = lecturer("GET", f"/api/v1/tasks/{number}").get_json()
    assert (task["mender"], task["ordered_by"], task["children"]) == ("author", "léa", [child.id])


def test_errors_have_their_trend_and_who_asked_for_help(
    team: Checked, lea: Caller, worker: Worker, catalog: None
) -> None:
    tasks = [failed(lea, worker) for _ in range(3)]
    lea("PUT", f"/api/v1/tasks/{tasks[1]['id']}/help")
    found = team("GET", "/api/v1/errors").get_json()
    (group,) = found["groups"]
    assert group["trend"] == [0] * 13 + [3]
    assert [task["id"] for task in found["help_asked"]] == [tasks[1]["id"]]
    assert team("GET", f"/api/v1/errors/{group['fingerprint']}").get_json() == group


def test_hosts_say_whether_they_are_silent_and_what_ended_there(
    team: Checked, lea: Caller, worker: Worker, redis: Redis
) -> None:
    failed(lea, worker)
    sign(redis, "host")
    sign(redis, "enc3", ago_s=40)
    found = team("GET", "/api/v1/hosts").get_json()
    assert {one["host"]: one["silent"] for one in found["hosts"]} == {"enc3": True, "host": False}
    assert found["ended_today"] == {"host": {"error": 1}}


def test_videos_without_captions_from_their_speech_are_listed(team: Checked, lea: Caller) -> None:
    numbers = [lea.upload(name=f"{number}.mp4")["id"] for number in range(3)]
    page = team("GET", "/api/v1/captions/missing?limit=2").get_json()
    assert [one["id"] for one in page["videos"]] == [numbers[2], numbers[1]]
    assert (page["videos"][0]["title"], page["videos"][0]["owner"]) == ("2", "léa")
    rest = team("GET", f"/api/v1/captions/missing?limit=2&before={page['next']}").get_json()
    assert ([one["id"] for one in rest["videos"]], rest["next"]) == ([numbers[0]], None)
    problem(lea("GET", "/api/v1/captions/missing"), 403, "forbidden")
