"""What the team's pages ask of the catalog and change in it, on all three databases."""

from datetime import timedelta

import pytest

from pod_jobs.catalog.models import Outbox, Task, User
from pod_jobs.catalog.store import many_tasks, overview, task_search, tasks
from pod_jobs.catalog.store.task_search import TaskFilter
from tests.integration.catalog.conftest import NOW, later
from tests.integration.catalog.runs import report, start


def fail(task: Task) -> None:
    start(task)
    report(task, "error", error_code="encode-killed", reason="signal 9")


def test_a_failed_task_is_found_counted_and_run_again(task: Task, lecturer: User) -> None:
    fail(task)
    wanted = TaskFilter(state="error", host="host", owner="léa", error="encode-killed", text="té 🎓")
    assert task_search.ids(wanted, 10) == [task.id]
    assert [found.video.owner.name for found in task_search.page(wanted, 10)] == ["léa"]
    assert overview.last_end() == later(9)
    assert [one.id for one in many_tasks.order_again([task.id], later(20)).tasks] == [task.id]
    again = tasks.get(task.id)
    assert (again.state, again.generation, again.queued_at, again.error_facts) == ("waiting", 2, later(20), {})
    assert [row.job_id for row in Outbox.select()] == [f"encode-{task.id}-g2"]
    assert overview.longest_wait() == again.queued_at


def test_a_failure_that_a_newer_task_replaced_is_neither_counted_nor_ordered(task: Task, lecturer: User) -> None:
    fail(task)
    failed = [
        TaskFilter(state="error"),
        TaskFilter(error="encode-killed"),
        TaskFilter(group=tasks.get(task.id).error_group),
    ]
    newer = Task.get_by_id(task.id)
    newer.id, newer.state, newer.error_code, newer.error_group = None, "waiting", None, None
    newer.save(force_insert=True)
    for state, left in {"waiting": 0, "running": 0, "done": 0, "cancelled": 1}.items():
        Task.update(state=state).where(Task.id == newer.id).execute()
        for wanted in failed:
            found = (task_search.count(wanted), len(task_search.ids(wanted, 10)), len(task_search.page(wanted, 10)))
            assert found == (left,) * 3, (state, wanted)
    assert task_search.count(TaskFilter()) == 2 and task_search.count(TaskFilter(text=f"#{task.id}")) == 1


@pytest.mark.parametrize("few", [0, 2, 100])
def test_tasks_are_found_by_any_host_that_tried_them(task: Task, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.catalog.store.task_search.FOUND_BY_IDS", few)
    attempt, ids = start(task), [task.id]
    for hosts in (("host",), ("enc1", "enc2", "enc2"), ("host", "enc1", "host"), ("enc1",), ("host",)):
        other = Task.get_by_id(task.id)
        other.id = None
        other.save(force_insert=True)
        ids.append(other.id)
        for number, host in enumerate(hosts, 1):
            attempt.id, attempt.task, attempt.number, attempt.host = None, other.id, number, host
            attempt.save(force_insert=True)
    for host, places in {"host": (5, 3, 1, 0), "enc1": (4, 3, 2), "enc2": (2,), "nowhere": ()}.items():
        found = [ids[place] for place in places]
        wanted = TaskFilter(host=host)
        assert [one.id for one in task_search.page(wanted, 10)] == task_search.ids(wanted, 10) == found
        assert (task_search.count(wanted), task_search.extent(wanted).sum) == (len(found), sum(found))
        assert [one.id for one in task_search.page(wanted, 10, ids[3])] == [one for one in found if one < ids[3]]


@pytest.mark.parametrize("few", [0, 1, 100])
def test_tasks_are_found_by_titles_that_few_or_many_have(task: Task, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.catalog.store.videos.FEW", few)
    assert task_search.ids(TaskFilter(text="ete"), 10) == [task.id]
    assert task_search.ids(TaskFilter(text="hiver"), 10) == []


def test_many_are_stopped(task: Task) -> None:
    assert [stopped.state for stopped in many_tasks.cancel([task.id], later(1)).tasks] == ["cancelled"]
    assert tasks.get(task.id).state == "cancelled" and Outbox.select().count() == 0


def test_figures_of_the_overview(task: Task) -> None:
    fail(task)
    day = timedelta(days=1)
    assert [(one.done, one.failed) for one in overview.per_day(["encode"], [NOW - day, NOW, NOW + day])] == [
        (0, 0),
        (0, 1),
    ]
    hours = [NOW - 2 * day, NOW - day, later(9), later(10), NOW + day]
    assert [one.failed for one in overview.per_day(["encode"], hours)] == [0, 0, 1, 0], (
        "from its beginning on, before its end"
    )
    assert overview.bytes_per_day(later(9), 7) == 12_345_678_901 / 7
    assert overview.count_by_state(("running", "waiting")) == {"running": 0, "waiting": 0}
    assert overview.usual_s("encode") is None
