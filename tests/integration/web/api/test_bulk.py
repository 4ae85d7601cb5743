"""Many tasks run again by one call: what is refused says why, and stops nothing else."""

from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.store import many_tasks
from pod_jobs.jobs import queue
from pod_jobs.web.api import tasks as api_tasks
from pod_jobs.web.services import EXTENSION
from tests import outbox
from tests.integration.web.conftest import Caller, Worker, problem


@pytest.fixture
def worker(callers: dict[str, Caller], settings: Any) -> Worker:
    return Worker(callers["workers"], settings.media_folder)


def failed(caller: Caller, worker: Worker) -> dict[str, Any]:
    task: dict[str, Any] = caller.upload()["task"]
    worker.report(worker.start(task), "error", error_code="source-too-long", error_facts={"limit": "1 h"}, reason="x")
    return task


def test_each_task_is_ordered_for_itself(
    callers: dict[str, Caller], worker: Worker, redis: Redis, catalog: None
) -> None:
    lea, ada = callers["léa"], callers["ada"]
    own = [failed(lea, worker) for _ in range(3)]
    foreign, waiting = failed(ada, worker), lea.upload()["task"]
    wanted = [own[2]["id"], own[0]["id"], foreign["id"], waiting["id"], 999, own[0]["id"]]
    answer = lea("POST", "/api/v1/tasks/requeue", json={"tasks": wanted})
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["done"] == [own[0]["id"], own[2]["id"]]
    why = {one["task"]: (one["status"], one["code"], one["detail"]) for one in document["refused"]}
    assert {task: told[:2] for task, told in why.items()} == {
        foreign["id"]: (404, "not-found"),
        waiting["id"]: (409, "task-open"),
        999: (404, "not-found"),
    }
    assert "cancel it first" in why[waiting["id"]][2]
    for task, generation in ((own[0], 2), (own[1], 1), (own[2], 2), (foreign, 1), (waiting, 1)):
        assert ada("GET", f"/api/v1/tasks/{task['id']}").get_json()["generation"] == generation
    assert queue.fetch(redis, f"encode-{own[0]['id']}-g2") is None, "RQ has the one that waited before"
    assert [row.job_id for row in outbox.pending()] == [f"encode-{own[n]['id']}-g2" for n in (0, 2)]


def test_failed_jobs_of_rq_go_with_the_runs_that_replace_them(lea: Caller, worker: Worker, redis: Redis) -> None:
    first, second = failed(lea, worker), failed(lea, worker)
    registry = "rq:failed:encoding"
    for task in (first, second):
        redis.zadd(registry, {f"encode-{task['id']}-g1": 1e12})
    assert lea("POST", "/api/v1/tasks/requeue", json={"tasks": [first["id"]]}).get_json()["done"] == [first["id"]]
    assert redis.zrange(registry, 0, -1) == [f"encode-{second['id']}-g1".encode()]


def test_what_one_person_may_have_waiting_holds_within_one_call(
    callers: dict[str, Caller], worker: Worker, monkeypatch: pytest.MonkeyPatch, app: Any
) -> None:
    tasks = [failed(callers["léa"], worker)["id"] for _ in range(4)]
    site = app.extensions[EXTENSION]
    limits = site.settings.limits.model_copy(update={"waiting": 3})
    monkeypatch.setitem(
        app.extensions, EXTENSION, replace(site, settings=site.settings.model_copy(update={"limits": limits}))
    )
    document = callers["léa"]("POST", "/api/v1/tasks/requeue", json={"tasks": tasks}).get_json()
    assert (document["done"], [one["task"] for one in document["refused"]]) == (tasks[:3], tasks[3:])
    document = callers["ada"]("POST", "/api/v1/tasks/requeue", json={"tasks": tasks[3:]}).get_json()
    assert document["done"] == tasks[3:], "administrators are exempt"


def test_taking_back_a_stop_is_no_way_around_that(lea: Caller, monkeypatch: pytest.MonkeyPatch, app: Any) -> None:
    first = lea.upload()["task"]["id"]
    site = app.extensions[EXTENSION]
    limits = site.settings.limits.model_copy(update={"waiting": 1})
    monkeypatch.setitem(
        app.extensions, EXTENSION, replace(site, settings=site.settings.model_copy(update={"limits": limits}))
    )
    order = lea("POST", "/api/v1/tasks/cancel", json={"tasks": [first]}).get_json()["order"]
    lea.upload()
    undone = lea("POST", "/api/v1/tasks/undo", json={"order": order}).get_json()
    assert (undone["done"], [one["code"] for one in undone["refused"]]) == ([], ["waiting-limit"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tasks": []},
        {"tasks": ["1"]},
        {"tasks": [True]},
        {"tasks": [-1]},
        {"tasks": [1] * 1001},
        {"tasks": [1], "filter": {"state": "error"}},
        {"tasks": [1], "before": "7"},
        {"filter": {}},
        {"filter": {"state": ""}},
        {"filter": {"state": "broken"}},
        {"filter": {"status": "error"}},
        {"filter": {"state": 3}},
        {"filter": {"text": "%" * 251}},
        {"filter": {"host": "x" * 251}},
        {"filter": {"since": "2026-01-02T03:04:05"}},
        {"filter": {"until": "yesterday"}},
    ],
)
def test_what_chooses_no_tasks_is_refused(lea: Caller, body: dict[str, Any]) -> None:
    problem(lea("POST", "/api/v1/tasks/requeue", json=body), 400, "malformed")


def test_a_filter_orders_in_parts_and_only_what_this_person_may_see(
    callers: dict[str, Caller], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lea, ada = callers["léa"], callers["ada"]
    own = [failed(lea, worker)["id"] for _ in range(3)]
    foreign, waiting = failed(ada, worker)["id"], lea.upload()["task"]["id"]
    monkeypatch.setattr(api_tasks, "MOST_AT_ONCE", 2)

    def ask(caller: Caller, **more: Any) -> dict[str, Any]:
        wanted = {"state": "error", "since": "2026-01-01T00:00:00+02:00"}
        answer = caller("POST", "/api/v1/tasks/requeue", json={"filter": wanted, **more})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.get_json()
        assert document.pop("order") > 0
        return document

    assert ask(lea) == {"matching": 3, "done": own[1:], "refused": [], "next": own[1]}
    assert ask(lea, before=own[1]) == {"matching": 1, "done": own[:1], "refused": [], "next": None}
    assert ask(ada) == {"matching": 1, "done": [foreign], "refused": [], "next": None}
    answer = ada("POST", "/api/v1/tasks/requeue", json={"filter": {"text": f"#{waiting}"}}).get_json()
    assert [one["code"] for one in answer["refused"]] == ["task-open"]


def test_of_two_failed_orders_for_the_same_the_newer_runs_whatever_the_slice(
    lea: Caller, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = failed(lea, worker)
    newer = lea("POST", f"/api/v1/videos/{older['video']}/encode", json={}).get_json()
    worker.report(worker.start(newer), "error", error_code="encode-killed", reason="x")
    for size in (1, 500):
        monkeypatch.setattr(many_tasks, "SLICE", size)
        answer = lea("POST", "/api/v1/tasks/requeue", json={"tasks": [older["id"], newer["id"]]}).get_json()
        assert (answer["done"], [one["code"] for one in answer["refused"]]) == ([newer["id"]], ["task-beside"])
        started = worker.start({**newer, "generation": 2 if size == 1 else 3})
        worker.report(started, "error", error_code="encode-killed", reason="x")


def test_the_team_gives_waiting_tasks_a_priority(callers: dict[str, Caller], worker: Worker, catalog: None) -> None:
    lea, tina = callers["léa"], callers["tina"]
    first, second, third = (lea.upload()["task"]["id"] for _ in range(3))
    problem(lea("POST", "/api/v1/tasks/prioritise", json={"tasks": [third], "priority": "high"}), 403, "forbidden")
    raised = tina("POST", "/api/v1/tasks/prioritise", json={"tasks": [third, 999], "priority": "high"}).get_json()
    assert (raised["done"], [one["task"] for one in raised["refused"]]) == ([third], [999])
    places = {
        one["id"]: (one["queue_position"], one["priority"]) for one in lea("GET", "/api/v1/tasks").get_json()["tasks"]
    }
    assert places == {third: (1, "high"), first: (2, "normal"), second: (3, "normal")}
    wanted = {"filter": {"state": "waiting", "owner": "léa"}, "priority": "low"}
    assert tina("POST", "/api/v1/tasks/prioritise", json=wanted).get_json()["done"] == [first, second, third]
    problem(tina("POST", "/api/v1/tasks/prioritise", json={**wanted, "priority": "urgent"}), 400, "malformed")
