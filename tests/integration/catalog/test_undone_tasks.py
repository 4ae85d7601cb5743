"""What was done to many tasks is taken back alike on all three databases, as far as they have not moved on."""

import json
from typing import Any

import pytest
from peewee import Database

from pod_jobs.catalog.models import Outbox, Output, Task, User, Video
from pod_jobs.catalog.store import (
    many_orders,
    many_tasks,
    retention,
    task_search,
    tasks,
    undone_tasks,
    users,
    videos,
)
from pod_jobs.catalog.store.many_tasks import Changed, allow
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.errors import NotFound, Refused, Superseded
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.integration.catalog.runs import LOSSES, WORKER, report, start
from tests.orders import UPLOAD


def rows_of(changed: Changed) -> list[list[Any]]:
    return [[task.id, task.generation, changed.former.get(task.id)] for task in changed.tasks]


def state_of(task: Task) -> dict[str, Any]:
    kept = ("state", "generation", "ended_at", "error_code", "error_facts", "error_reason", "error_group", "priority")
    found = tasks.get(task.id)
    return {name: getattr(found, name) for name in kept}


def another(owner: User) -> Task:
    return videos.create(owner, "b", SOURCE, NOW, placed_nowhere, UPLOAD)[1][0]


def failed(task: Task) -> Task:
    start(task)
    report(task, "error", error_code="source-too-long", error_facts={"limit": "1 h"}, reason="longer: é")
    return tasks.get(task.id)


def test_a_requeued_failure_is_a_failure_again_and_its_worker_is_refused(task: Task, lecturer: User) -> None:
    begun = failed(another(lecturer))
    before = state_of(failed(task))
    rows = rows_of(many_tasks.order_again([task.id, begun.id], later(20)))
    start(begun)
    found = undone_tasks.end_as_before(rows, later(30), allow)
    assert ([one.id for one in found.tasks], list(found.refused)) == ([task.id], [begun.id])
    assert found.refused[begun.id].code == "task-moved-on"
    assert state_of(task) == before
    assert Outbox.select().where(Outbox.task_id == task.id).count() == 0
    with pytest.raises(Superseded):
        tasks.start(task.id, 2, WORKER, later(35), LOSSES)
    assert [one.id for one in many_tasks.order_again([task.id], later(40)).tasks] == [task.id]
    assert tasks.get(task.id).generation == 2


def test_stopped_tasks_wait_again(task: Task, lecturer: User) -> None:
    running = another(lecturer)
    start(running)
    rows = rows_of(many_tasks.cancel([task.id, running.id], later(1)))
    found = undone_tasks.run_after_all(rows, later(2), allow)
    assert [one.id for one in found.tasks] == [task.id]
    assert {number: error.code for number, error in found.refused.items()} == {running.id: "task-stopping"}
    again = tasks.get(task.id)
    assert (again.state, again.generation, again.cancel_requested) == ("waiting", 2, False)
    row = Outbox.get(Outbox.task_id == task.id)
    assert (row.job_id, row.payload) == (f"encode-{task.id}-g2", {"task": task.id, "generation": 2})


def test_what_was_stopped_waits_again_where_it_stood(task: Task, lecturer: User) -> None:
    others = [another(lecturer) for _ in range(3)]
    handed_over = others[1]
    Outbox.delete().where(Outbox.task_id == handed_over.id).execute()
    before, queued_at = line(), tasks.get(task.id).queued_at
    rows = rows_of(many_tasks.cancel([task.id, handed_over.id], later(1)))
    late = another(lecturer)
    assert len(undone_tasks.run_after_all(json.loads(json.dumps(rows)), later(2), allow).tasks) == 2
    assert line() == [handed_over.id, *before, late.id]
    assert tasks.get(task.id).queued_at == queued_at


def test_a_place_that_another_one_has_by_now_is_not_taken_from_it(task: Task, lecturer: User) -> None:
    last = another(lecturer)
    rows = rows_of(many_tasks.cancel([last.id], later(1)))
    number = rows[0][2][1]
    late = another(lecturer)
    Outbox.update(id=number).where(Outbox.task_id == late.id, Outbox.id != number).execute()
    undone_tasks.run_after_all(rows, later(2), allow)
    assert line() == [task.id, late.id, last.id]


def line() -> list[int]:
    """The tasks in the outbox, in the order in which they begin: all are of one party."""
    return [row.task_id for row in Outbox.select().order_by(Outbox.standing.desc(), Outbox.id)]


def test_a_priority_is_the_former_one_unless_somebody_gave_another(task: Task, lecturer: User) -> None:
    other, third = another(lecturer), another(lecturer)
    many_tasks.prioritise([third.id], -1)
    rows = rows_of(many_tasks.prioritise([task.id, other.id, third.id], 1))
    many_tasks.prioritise([other.id], 0)
    found = undone_tasks.prioritise_as_before(rows, allow)
    assert sorted(one.id for one in found.tasks) == [task.id, third.id]
    assert [tasks.get(one.id).priority for one in (task, other, third)] == [0, 0, -1]
    assert list(found.refused) == [other.id]


def test_only_what_says_nothing_of_a_recording_is_deleted(task: Task, lecturer: User) -> None:
    video = Video.get()
    old, shown = failed(task), videos.order(video.id, tasks.as_ordered(task), lecturer, later(20))
    Task.update(state="done", ended_at=later(30)).where(Task.id == shown.id).execute()
    Output.create(video=video, task=shown, folder="", name="a.mp4", kind="mp4", mime="video/mp4", bytes=1)
    newest = videos.order(video.id, tasks.as_ordered(task), lecturer, later(40))
    ids = [old.id, shown.id, newest.id]
    changed = many_tasks.hide(ids, later(100))
    codes = {number: error.code for number, error in changed.refused.items()}
    assert codes == {shown.id: "task-shown", newest.id: "task-open"}
    Task.update(state="error", ended_at=later(50)).where(Task.id == newest.id).execute()
    assert many_tasks.hide([newest.id], later(100)).refused[newest.id].code == "task-newest"
    assert task_search.ids(TaskFilter(), 10) == [newest.id, shown.id]
    assert [one.id for one in task_search.page(TaskFilter(), 100)] == [newest.id, shown.id]
    assert retention.forget_hidden(later(99)) == 0
    assert [one.id for one in undone_tasks.show_again(rows_of(changed), allow).tasks] == [old.id]
    assert (
        task_search.ids(TaskFilter(), 10) == [newest.id, shown.id, old.id] and retention.forget_hidden(later(200)) == 0
    )
    many_tasks.hide(ids, later(100))
    assert retention.forget_hidden(later(101)) == 1
    assert Task.get_or_none(Task.id == old.id) is None
    late = undone_tasks.show_again(rows_of(changed), allow)
    assert (late.tasks, late.refused[old.id].code) == ([], "not-found")


def test_a_task_that_runs_again_is_not_deleted(task: Task, lecturer: User) -> None:
    old = failed(task)
    videos.order(Video.get().id, tasks.as_ordered(task), lecturer, later(20))
    many_tasks.cancel([task_search.ids(TaskFilter(), 1)[0]], later(21))
    assert [one.id for one in many_tasks.hide([old.id], later(100)).tasks] == [old.id]
    Task.delete().where(Task.id != old.id).execute()
    assert [one.id for one in many_tasks.order_again([old.id], later(30)).tasks] == [old.id]
    assert tasks.get(old.id).delete_at is None and retention.forget_hidden(later(200)) == 0


def test_an_order_is_taken_back_once_within_its_time_and_goes_on_after_a_death(
    catalog: Database, lecturer: User
) -> None:
    other = users.create("max", "team", None, NOW)
    first = many_orders.keep(None, lecturer, "stop", [[1, 1, None]], NOW)
    assert many_orders.keep(first, lecturer, "stop", [[2, 1, {"é": "🎓"}]], later(1)) == first
    for user, action in ((other, "stop"), (lecturer, "requeue")):
        with pytest.raises(NotFound):
            many_orders.keep(first, user, action, [[3, 1, None]], later(2))
    assert [(one.id, one.tasks, one.user.name) for one in many_orders.recent(later(60))] == [(first, 2, "léa")]
    assert many_orders.recent(later(61)) == []
    with pytest.raises(Refused, match="of 2026"):
        many_orders.begin_to_undo(first, "max", later(62))
    slices = many_orders.begin_to_undo(first, "max", later(30))
    assert many_orders.take(slices[0]) == [[2, 1, {"é": "🎓"}]] and many_orders.take(slices[0]) == []
    # the process dies here; whoever asks again gets the rest, also after the minute
    assert many_orders.begin_to_undo(first, "léa", later(90)) == slices[1:]
    assert many_orders.take(slices[1]) == [[1, 1, None]]
    with pytest.raises(Refused) as refusal:
        many_orders.begin_to_undo(first, "léa", later(91))
    assert refusal.value.code == "undo-done" and "max" in refusal.value.reason
    assert many_orders.forget_old(later(3600)) == 1 and many_orders.recent(NOW) == []
