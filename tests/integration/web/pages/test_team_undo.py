"""What was done to many tasks is undone for a minute, by the page and by the API; ended tasks are deleted."""

import re
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.models import Audit, Task
from pod_jobs.catalog.store import many_orders, many_tasks, undone_tasks
from pod_jobs.catalog.team_models import ManyOrder
from pod_jobs.janitor import purge
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker, problem
from tests.integration.web.pages.test_team import failed
from tests.integration.web.pages.test_team_tasks import confirm


def order_on(page: str) -> int:
    return int(re.findall(r"/team/orders/([0-9]+)/undo", page)[0])


def undo(browser: Browser, order: int) -> str:
    answer = browser.client.post(f"/team/orders/{order}/undo", data={"csrf_token": browser.csrf_token()})
    assert answer.status_code == 303
    page: str = browser.get(answer.location).text
    return page


def states() -> list[tuple[str, int]]:
    return [(task.state, task.generation) for task in Task.select().order_by(Task.id)]


def test_a_requeue_is_undone_by_a_colleague_and_once(
    browser: Browser, lea: Caller, worker: Worker, catalog: None, redis: Redis
) -> None:
    tasks = [failed(lea, worker, name=f"{number}.mp4") for number in range(3)]
    browser.sign_in("tina")
    page = browser.get(confirm(browser, 3, state="error").location).text
    assert "Tasks requeued: 3" in page and "tina" in page
    worker.start({**tasks[0], "generation": 2})
    browser.sign_in("ada")
    order = order_on(browser.get("/team/tasks").text)
    page = undo(browser, order)
    assert "Undone: 2." in page and "Left as they are: 1." in page and "has begun, ended or changed since" in page
    assert states() == [("running", 2), ("error", 1), ("error", 1)]
    begun, undone = (browser.get(f"/team/tasks/{task['id']}").text for task in tasks[:2])
    assert "queued again" in begun and "queued again" not in undone
    assert not redis.lrange("rq:queue:encoding", 0, -1), "RQ would hand out jobs that are of no use"
    assert "This was undone already." in undo(browser, order)
    assert Audit.select().where(Audit.action == "undo-requeue", Audit.who == "ada").count() == 1
    browser.sign_in("léa")
    form = {"csrf_token": browser.csrf_token()}
    assert browser.client.post(f"/team/orders/{order}/undo", data=form).status_code == 403


def test_the_offer_ends_with_the_minute(browser: Browser, lea: Caller, catalog: None) -> None:
    lea.upload()
    browser.sign_in("tina")
    confirm(browser, 1, "stop", state="waiting")
    page = browser.get("/team/tasks").text
    order = order_on(page)
    assert 30 < int(re.findall('data-seconds="([0-9]+)"', page)[0]) <= 60
    ManyOrder.update(at=ManyOrder.get().at - timedelta(seconds=61)).execute()
    assert "/undo" not in browser.get("/team/tasks").text
    assert "more than a minute has passed" in undo(browser, order) and states() == [("cancelled", 1)]


@pytest.mark.parametrize(("action", "state"), [("stop", "waiting"), ("high", "waiting")])
def test_other_orders_are_undone(browser: Browser, lea: Caller, catalog: None, action: str, state: str) -> None:
    for name in "ab":
        lea.upload(name=f"{name}.mp4")
    browser.sign_in("tina")
    assert confirm(browser, 2, action, state=state).status_code == 303
    assert "Undone: 2." in undo(browser, order_on(browser.get("/team/tasks").text))
    assert [(task.state, task.priority) for task in Task.select()] == [("waiting", 0)] * 2


def superseded(caller: Caller, worker: Worker) -> tuple[int, int]:
    """The ids of a failed task, and of a newer one of the same kind of the same recording."""
    old = failed(caller, worker)
    newer = caller("POST", f"/api/v1/videos/{old['video']}/encode", json={}).get_json()
    worker.report(worker.start(newer), "error", error_code="encode-killed", reason="x")
    return old["id"], newer["id"]


def test_old_failures_are_deleted_and_come_back(browser: Browser, lea: Caller, worker: Worker, catalog: None) -> None:
    old, newer = superseded(lea, worker)
    browser.sign_in("tina")
    asked = " ".join(browser.get("/team/tasks/delete?state=error").text.split())
    assert "Delete these tasks?" in asked and "Delete at most 2" in asked
    assert "Recordings and what is published of them stay." in asked and "so does the newest task of each kind" in asked
    assert "Nothing was changed." in confirm(browser, 1, "delete", state="error").text
    page = browser.get(confirm(browser, 2, "delete", state="error").location).text
    assert "Done: 1." in page and "newest task of its kind" in page
    assert f"/team/tasks/{old}" not in page and f"/team/tasks/{newer}" in page
    assert Task.get(Task.id == old).delete_at is not None
    page = undo(browser, order_on(page))
    assert f"/team/tasks/{old}" in page and Task.get(Task.id == old).delete_at is None


def test_after_the_minute_the_janitor_deletes(browser: Browser, lea: Caller, worker: Worker, catalog: None) -> None:
    old, newer = superseded(lea, worker)
    browser.sign_in("tina")
    assert confirm(browser, 2, "delete", state="error").status_code == 303
    assert not purge.delete_hidden(now(), nullcontext) and Task.select().count() == 2
    assert purge.delete_hidden(now() + timedelta(seconds=61), nullcontext), "one was deleted: there may be more"
    assert not purge.delete_hidden(now() + timedelta(seconds=61), nullcontext)
    assert [task.id for task in Task.select()] == [newer]
    assert browser.get(f"/team/tasks/{old}").status_code == 404
    page = undo(browser, order_on(browser.get("/team/tasks").text))
    assert "Undone: 0." in page and "Left as they are: 1." in page


def test_a_death_in_the_middle_of_an_undo_leaves_whole_slices_and_the_rest_can_be_undone(
    browser: Browser, lea: Caller, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        lea.upload(name=f"{number}.mp4")
    monkeypatch.setattr(many_tasks, "SLICE", 1)
    browser.sign_in("tina")
    confirm(browser, 3, "stop", state="waiting")
    whole, calls = undone_tasks.run_after_all, []

    def dies_at_the_second(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return whole(*arguments)

    monkeypatch.setattr(undone_tasks, "run_after_all", dies_at_the_second)
    order = ManyOrder.get().id
    form = {"csrf_token": browser.csrf_token()}
    assert browser.client.post(f"/team/orders/{order}/undo", data=form).status_code == 500
    assert sorted(state for state, _ in states()) == ["cancelled", "cancelled", "waiting"]
    monkeypatch.undo()
    assert "Undone: 2." in undo(browser, order)
    assert [state for state, _ in states()] == ["waiting"] * 3


def test_programs_delete_and_undo(callers: dict[str, Caller], worker: Worker, catalog: None) -> None:
    lea, tina = callers["léa"], callers["tina"]
    old, newer = superseded(lea, worker)
    body: dict[str, Any] = {"filter": {"state": "error"}}
    problem(lea("POST", "/api/v1/tasks/delete", json=body), 403, "forbidden")
    problem(tina("POST", "/api/v1/tasks/delete", json={**body, "count": 3}), 409, "tasks-changed")
    answer = tina("POST", "/api/v1/tasks/delete", json={**body, "count": 2}).get_json()
    assert (answer["done"], [one["code"] for one in answer["refused"]]) == ([old], ["task-newest"])
    listed = tina("GET", "/api/v1/tasks/orders").get_json()["orders"]
    assert [(one["order"], one["who"], one["action"], one["tasks"]) for one in listed] == [
        (answer["order"], "tina", "delete", 1)
    ]
    assert lea("GET", "/api/v1/tasks/orders").get_json() == {"orders": []}
    problem(lea("POST", "/api/v1/tasks/undo", json={"order": answer["order"]}), 404, "not-found")
    undone = callers["ada"]("POST", "/api/v1/tasks/undo", json={"order": answer["order"]}).get_json()
    assert undone == {"done": [old], "refused": []}
    problem(tina("POST", "/api/v1/tasks/undo", json={"order": answer["order"]}), 409, "undo-done")
    problem(tina("POST", "/api/v1/tasks/undo", json={"order": "x"}), 400, "malformed")


def test_calls_for_the_same_are_undone_at_once(callers: dict[str, Caller], worker: Worker, catalog: None) -> None:
    lea = callers["léa"]
    first, second = (lea.upload(name=f"{name}.mp4")["task"]["id"] for name in "ab")
    order = lea("POST", "/api/v1/tasks/cancel", json={"tasks": [first]}).get_json()["order"]
    assert lea("POST", "/api/v1/tasks/cancel", json={"tasks": [second], "order": order}).get_json()["order"] == order
    assert lea("POST", "/api/v1/tasks/undo", json={"order": order}).get_json()["done"] == [first, second]
    third = lea("POST", "/api/v1/tasks/cancel", json={"tasks": [first], "order": order})
    problem(third, 404, "not-found")
    assert [state for state, _ in states()] == ["waiting"] * 2, (
        "a call that cannot be undone with the rest changes nothing"
    )
    assert many_orders.UNDO == timedelta(seconds=60)
