"""The order in which waiting tasks leave the catalog, on all three databases."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from peewee import Database

from pod_jobs.catalog import waiting_order
from pod_jobs.catalog.models import Outbox, Task, User
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import many_tasks, overview, reports, tasks, users, videos, waiting_line
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.catalog.waiting_order import Begun, Waiting
from pod_jobs.errors import Superseded
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.integration.catalog.runs import ALLOWED, LOSSES, RESULT, WORKER, report, start
from tests.orders import UPLOAD, encode


def upload(owner: User) -> Task:
    return videos.create(owner, "t", SOURCE, NOW, placed_nowhere, UPLOAD)[1][0]


def line(limit: int = 100, most_shorts: int = 0, handed: tuple[int, ...] = ()) -> list[int]:
    return [turn.task for turn in waiting_line.upcoming(["encode"], limit, Limits(most_shorts), handed)]


def test_another_persons_upload_comes_before_the_many_of_the_one_whose_task_began_last(lecturer: User) -> None:
    many = [upload(lecturer) for _ in range(30)]
    start(many[0])
    other = upload(users.create("bob", "lecturer", None, NOW))
    assert line(3) == [other.id, many[1].id, many[2].id]
    assert line() == [other.id, *(task.id for task in many[1:])]
    assert [turn.row is None for turn in waiting_line.upcoming(["encode"], 3, Limits(), [many[1].id])] == [
        False,
        True,
        False,
    ]
    assert overview.in_catalog() == 30 and not Outbox.select().where(Outbox.kind == "verify").exists()
    assert waiting_line.kinds_waiting() == ["encode"]


def test_what_the_index_finds_is_the_order_among_all(lecturer: User, catalog: Database) -> None:
    dice = random.Random(7)
    owners = [lecturer, *(users.create(f"u{number}", "lecturer", None, NOW) for number in range(4))]
    for number in range(60):
        video = videos.create(dice.choices(owners, [20, 3, 2, 1, 1])[0], "t", SOURCE, NOW, placed_nowhere, ())[0]
        new = NewTask("encode", priority=dice.choice([-1, 0, 0, 1]), is_short=dice.random() < 0.3)
        task = tasks.order(video, new, None, later(number))
        if number % 12 == 0:
            tasks.start(task.id, 1, WORKER, later(number), LOSSES)
    waiting = [Waiting(row.id, row.standing, row.party, row.is_short) for row in Outbox.select()]
    assert len(waiting) == 55
    begun = list(Task.select().where(Task.started_at.is_null(False)).order_by(Task.started_at))
    for most_shorts in (0, 1, 2):
        row_of = {row.id: row.task_id for row in Outbox.select()}
        shorts = 0
        for task in begun:
            shorts = shorts + 1 if task.is_short else 0
        known = Begun({task.party: place for place, task in enumerate(begun)}, min(shorts, most_shorts), most_shorts)
        wanted = [row_of[int(one.number)] for one in waiting_order.in_order(waiting, known)]
        for limit in (1, 2, 7, 100):
            assert line(limit, most_shorts) == wanted[:limit]


def test_the_run_that_begins_leaves_no_row_behind(task: Task) -> None:
    assert Outbox.select().count() == 1
    start(task)
    assert Outbox.select().count() == 0 and [one.id for one in tasks.open_tasks_of_rq()] == [task.id]


def test_what_waits_in_the_catalog_is_no_task_that_rq_should_have(task: Task) -> None:
    assert tasks.open_tasks_of_rq() == []
    Outbox.delete().execute()
    assert [one.id for one in tasks.open_tasks_of_rq()] == [task.id]


def test_what_a_task_orders_waits_with_its_party_and_priority(task: Task) -> None:
    Task.update(priority=1, party="site-3").execute()
    start(task)
    done = reports.Report(1, "done", 1, WORKER.worker, RESULT)
    reports.accept(task.id, done, ALLOWED, later(9), [NewTask("transcribe")])
    (child,) = Task.select().where(Task.kind == "transcribe")
    assert (child.priority, child.party) == (1, "site-3")


def test_a_task_of_before_there_were_parties_gets_one_when_it_runs_again(task: Task) -> None:
    tasks.cancel(task.id, later(1))
    Task.update(party="").execute()
    many_tasks.order_again([task.id], later(2))
    assert Outbox.select().get().party == tasks.get(task.id).party == f"user-{task.video.owner_id}"


def test_other_versions_make_way_and_what_has_waited_before_comes_first(task: Task, lecturer: User) -> None:
    offered = tasks.order(task.video, encode("archive"), lecturer, NOW)
    second = upload(lecturer)
    tasks.renew(second, NOW, at_front=True)
    assert line() == [second.id, task.id, offered.id]


def test_a_raised_task_is_next_and_a_lowered_one_last(lecturer: User) -> None:
    many = [upload(lecturer).id for _ in range(4)]
    assert many_tasks.prioritise([many[2]], 1).tasks[0].priority == 1
    many_tasks.prioritise([many[0]], -1)
    assert line() == [many[2], many[1], many[3], many[0]]
    assert [task.priority for task in Task.select().order_by(Task.id)] == [-1, 0, 1, 0]
    start(tasks.get(many[2]))
    assert many_tasks.prioritise([many[2], 999], 0).refused.keys() == {many[2], 999}


def of_site(number: int, *, priority: int = 0, is_short: bool = False) -> Task:
    video = videos.create(users.find("léa"), "t", SOURCE, NOW, placed_nowhere, ())[0]
    new = NewTask("encode", party="site-univ", priority=priority, is_short=is_short)
    return tasks.order(video, new, None, later(number))


def allowed(most: int, limit: int = 100) -> list[int]:
    """The tasks that begin next while at most so many of the site may run at once."""
    limits = Limits(1, {"site-univ": most, "site-other": 1})
    return [turn.task for turn in waiting_line.upcoming(["encode"], limit, limits)]


def test_a_site_gets_no_turn_beyond_its_quota_and_keeps_nobody_else_waiting(lecturer: User) -> None:
    own = [of_site(number, priority=1, is_short=number % 2 == 1) for number in range(6)]
    other = [upload(lecturer), upload(lecturer)]
    behind = [task.id for task in other]
    assert allowed(3)[3:] == behind and set(allowed(3)[:3]) < {task.id for task in own}
    assert allowed(1) == [allowed(1)[0], *behind] and allowed(1, 2) == allowed(1)[:2]
    assert allowed(9)[6:] == behind and len(allowed(9)) == 8


def test_a_task_that_waits_for_its_next_try_holds_no_place_of_the_quota(lecturer: User) -> None:
    """Its site may be away for a day."""
    own = [of_site(number) for number in range(3)]
    Outbox.delete().where(Outbox.task_id == own[0].id).execute()  # RQ has it
    now = datetime.now(UTC)
    for wait_s, wanted in ((3600, [own[1].id]), (-1, [])):
        Task.update(retry_at=now + timedelta(seconds=wait_s)).where(Task.id == own[0].id).execute()
        assert allowed(1) == wanted


def test_a_next_try_that_is_due_while_others_run_in_its_place_waits_again_and_is_next(lecturer: User) -> None:
    retried, other, later_one = (of_site(number) for number in range(3))
    Outbox.delete().where(Outbox.task_id.in_([retried.id, other.id])).execute()  # RQ has them
    Task.update(retry_at=later(1), queued_at=NOW, failures=1).where(Task.id == retried.id).execute()
    start(other)
    quota = {"site-univ": 1}
    with pytest.raises(Superseded, match="site-univ"):
        tasks.start(retried.id, 1, WORKER, later(5), LOSSES, quota)
    waiting = tasks.get(retried.id)
    assert (waiting.state, waiting.generation, waiting.queued_at, waiting.failures) == ("waiting", 2, NOW, 1)
    assert allowed(1) == [] and allowed(2) == [retried.id], "before what was ordered later"
    report(other, "done", result=RESULT)
    assert allowed(1) == [retried.id] and later_one.state == "waiting"
    Outbox.delete().where(Outbox.task_id == retried.id).execute()
    tasks.start(retried.id, 2, WORKER, later(6), LOSSES, quota)
    tasks.start(retried.id, 2, WORKER, later(7), LOSSES, quota)  # its worker died: it is no other one
    assert tasks.get(retried.id).state == "running"


def test_what_runs_and_what_rq_has_been_handed_count_for_the_quota(lecturer: User) -> None:
    own = [of_site(number) for number in range(6)]
    start(own[0])
    Outbox.delete().where(Outbox.task_id == own[1].id).execute()  # RQ has it
    assert allowed(2) == [] and allowed(3) == [own[2].id]
    report(own[0], "done", result=RESULT)
    assert allowed(2) == [own[2].id]
