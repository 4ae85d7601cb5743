"""Groups of failures, on all three databases."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from peewee import Database
from playhouse.migrations import Runner as Migrations

from pod_jobs.catalog.database import MIGRATIONS
from pod_jobs.catalog.models import Attempt, Audit, ErrorGroup, Task, User, Video
from pod_jobs.catalog.store import error_groups, inspections, many_tasks, periodic, task_search, tasks, videos
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.catalog.store.tasks import Runner
from pod_jobs.errors import Malformed, NotFound
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.integration.catalog.runs import LOSSES, WORKER, report, start
from tests.orders import UPLOAD

KILLED = {"error_code": "encode-killed", "reason": "ended by SIGKILL: frame 12"}


def new_task(lecturer: User) -> Task:
    return videos.create(lecturer, "Cours", SOURCE, NOW, placed_nowhere, UPLOAD)[1][0]


def fail(task: Task, host: str = "host", **said: str) -> Task:
    runner = Runner(f"encoding.{host}.12", host, 12, "0.1.0", "7.1")
    attempt = start(task, runner)
    said = {**KILLED, **said}
    return report(task, "error", worker=runner.worker, attempt=attempt.number, generation=attempt.generation, **said)


def test_failures_of_one_cause_are_one_group(lecturer: User) -> None:
    first, second, other = (new_task(lecturer) for _ in range(3))
    fail(first)
    fail(second, "enc2", reason="ended by SIGKILL: frame 99")
    fail(other, error_code="encode-failed", reason="the encoder said no")
    assert first.id and tasks.get(first.id).error_group == tasks.get(second.id).error_group
    killed, failed = error_groups.list_open(NOW)
    assert (killed.count, killed.latest_task, killed.last_at, killed.hosts) == (
        2,
        second.id,
        later(9),
        ("enc2", "host"),
    )
    assert (killed.group.code, killed.group.form, killed.group.first_at) == (
        "encode-killed",
        "ended by SIGKILL: frame #",
        later(9),
    )
    assert [(place.host, place.version, place.ffmpeg, place.count) for place in killed.where] == [
        ("enc2", "0.1.0", "7.1", 1),
        ("host", "0.1.0", "7.1", 1),
    ]
    assert (killed.mender, failed.mender) == ("nobody", "team")
    assert killed.is_new(NOW) and not killed.is_new(later(10))
    assert len(error_groups.list_open(later(9))) == 2  # one of that very moment is in it
    assert error_groups.list_open(later(10)) == []
    assert [task.id for task in error_groups.failed_tasks(killed.group.fingerprint, 10)] == [second.id, first.id]


def test_a_failure_that_was_made_good_leaves_its_group_but_not_the_trend(task: Task, lecturer: User) -> None:
    mark = fail(task).error_group
    assert mark
    day = timedelta(days=1)
    assert error_groups.trends([mark], [NOW - day, NOW, NOW + day]) == {mark: [0, 1]}
    many_tasks.order_again([task.id], later(20))
    assert error_groups.list_open(NOW) == [] and error_groups.get_open(mark) is None
    assert error_groups.trends([mark], [NOW - day, NOW, NOW + day]) == {mark: [0, 1]}
    assert error_groups.trends([], [NOW, NOW + day]) == {}
    assert error_groups.get(mark).first_at == later(9)


def test_a_group_that_is_made_good_while_it_is_read_is_not_shown(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, rows_of = fail(task).error_group, error_groups._rows

    class Rows:
        """Those of a query. After the latest failure was read, the task is ordered again."""

        def __init__(self, query: Any) -> None:
            self.rows = rows_of(query)

        def __iter__(self) -> Iterator[Any]:
            return iter(self.rows)

        def first(self) -> Any:
            latest = self.rows.first()
            many_tasks.order_again([task.id], later(20))
            return latest

    monkeypatch.setattr(error_groups, "_rows", Rows)
    assert mark and error_groups.get_open(mark) is None


def test_a_periodic_task_that_failed_is_made_good_by_its_next_run(task: Task, lecturer: User) -> None:
    """It has no video, which equals nothing in SQL. One of another kind makes nothing good."""
    nightly = periodic.run_now("nightly", "verify", lecturer, NOW)
    mark = fail(nightly, error_code="internal", reason="a file is gone").error_group
    assert mark
    periodic.run_now("other", "other", lecturer, later(20))
    fail(task)
    wanted = TaskFilter(state="error")
    assert task_search.ids(wanted, 10) == [nightly.id, task.id]
    periodic.run_now("nightly", "verify", lecturer, later(30))
    assert error_groups.get_open(mark) is None
    assert task_search.ids(wanted, 10) == [task.id], "pod-jobs requeue --all-failed would run it again"


def test_a_file_that_is_refused_before_its_task_ran_counts_in_the_trend(task: Task) -> None:
    assert task.video_id
    (refused,) = inspections.refuse(task.video_id, "source-damaged", {}, "no frame", later(9))
    mark, day = refused.error_group, timedelta(days=1)
    assert mark and error_groups.trends([mark], [NOW - day, NOW, NOW + day]) == {mark: [0, 1]}


def test_a_failure_of_what_is_deleted_is_not_open(task: Task, lecturer: User) -> None:
    mark = fail(task).error_group
    other = new_task(lecturer)
    fail(other)
    assert mark and other.video
    videos.delete(other.video.id, lecturer, later(20))
    (group,) = error_groups.list_open(NOW)
    assert (group.count, group.latest_task) == (1, task.id)
    Task.update(delete_at=later(80)).where(Task.id == task.id).execute()  # for a minute it can be taken back
    assert error_groups.list_open(NOW) == [] and error_groups.get_open(mark) is None
    assert error_groups.failed_tasks(mark, 10) == []
    Task.update(delete_at=None).execute()
    Video.update(deleted_at=None).execute()  # as a restored backup has it
    found = error_groups.get_open(mark)
    assert found and (found.count, found.latest_task) == (2, other.id)
    assert len(error_groups.failed_tasks(mark, 10)) == 2


def test_who_can_mend_it(task: Task, lecturer: User) -> None:
    fail(task, "enc3", error_code="encode-failed", reason="the encoder said no")
    assert error_groups.list_open(NOW)[0].mender == "team", "no other machine is known to do better"
    done = new_task(lecturer)
    attempt = tasks.start(done.id, 1, WORKER, later(5), LOSSES)[1]
    result = {"folder": f"videos/{done.video_id:06}/encode-{done.id}-g1", "outputs": []}
    report(done, "done", attempt=attempt.number, result=result)
    assert error_groups.list_open(NOW)[0].mender == "machine"
    fail(new_task(lecturer), error_code="source-damaged", reason="moov atom not found")
    fail(new_task(lecturer), error_code="source-cut-empty", reason="nothing is left")
    assert {one.group.code: one.mender for one in error_groups.list_open(NOW)} == {
        "encode-failed": "machine",
        "source-damaged": "author",
        "source-cut-empty": "order",
    }


def test_a_known_group_comes_back(task: Task, lecturer: User) -> None:
    mark = fail(task).error_group
    fail(new_task(lecturer), error_code="encode-failed", reason="the encoder said no")
    assert mark
    error_groups.mark_known(mark, "tina", " memory is ordered ", later(10))
    groups = error_groups.list_open(NOW)
    assert [one.group.known_by for one in groups] == [None, "tina"], "known ones come last"
    assert [one.is_new(NOW) for one in groups] == [True, False]
    assert groups[1].group.note == "memory is ordered" and not groups[1].came_back
    again = new_task(lecturer)
    fail(again)
    Task.update(ended_at=later(11)).where(Task.id == again.id).execute()
    groups = error_groups.list_open(NOW)
    assert groups[0].group.fingerprint == mark and groups[0].came_back
    error_groups.unmark(mark, "tina", later(12))
    assert not error_groups.get(mark).note and not error_groups.list_open(NOW)[0].came_back
    assert [row.action for row in Audit.select().order_by(Audit.id)][-2:] == ["known", "unknown"]
    with pytest.raises(NotFound):
        error_groups.mark_known("0" * 16, "tina", "", NOW)
    with pytest.raises(Malformed):
        error_groups.mark_known(mark, "tina", "x" * 1001, NOW)


def test_a_task_that_lost_its_workers_has_a_group(task: Task) -> None:
    for second in range(3):
        runner = Runner(f"encoding.host.{second}", "host", second)
        try:
            tasks.start(task.id, 1, runner, later(second), 2)
        except Exception as error:  # noqa: BLE001  # the last start is refused
            assert "lost its worker" in str(error)
    (group,) = error_groups.list_open(NOW)
    assert (group.group.code, group.hosts, group.mender) == ("worker-died", ("host",), "team")


def test_old_failures_get_their_groups(task: Task, lecturer: User, catalog: Database) -> None:
    fail(task)
    again = new_task(lecturer)
    fail(again, error_code="encode-failed", reason="at 7 s")
    many_tasks.order_again([again.id], later(20))
    wanted = {one.id: one.error_group for one in Attempt.select()}
    assert len(set(wanted.values())) == 2
    before = {row.fingerprint: (row.kind, row.code, row.form, row.first_at) for row in ErrorGroup.select()}
    for table in (Task, Attempt):
        table.update(error_group=None).execute()
    ErrorGroup.delete().execute()
    (migration,) = (
        one for one in Migrations(catalog, directory=str(MIGRATIONS)).status() if "error_groups" in one.name
    )
    migration.load().fill(catalog)
    assert {one.id: one.error_group for one in Attempt.select()} == wanted
    assert tasks.get(task.id).error_group == wanted[Attempt.get(Attempt.task == task.id).id]
    assert {row.fingerprint: (row.kind, row.code, row.form, row.first_at) for row in ErrorGroup.select()} == before


def test_groups_that_nobody_knows_are_counted(task: Task, lecturer: User) -> None:
    mark = fail(task).error_group or ""
    fail(new_task(lecturer), error_code="encode-failed", reason="the encoder said no")
    assert error_groups.count_unknown(later(9)) == 2
    assert error_groups.count_unknown(later(10)) == 0, "they are older"
    error_groups.mark_known(mark, "tina", "", later(10))
    assert error_groups.count_unknown(NOW) == 1
    again = new_task(lecturer)
    fail(again)
    assert error_groups.count_unknown(NOW) == 1, "it failed before it was known"
    Task.update(ended_at=later(11)).where(Task.id == again.id).execute()
    assert (error_groups.count_unknown(NOW), error_groups.count_unknown(later(11))) == (2, 1), "it came back"
    many_tasks.order_again([again.id], later(12))
    assert error_groups.count_unknown(NOW) == 1, "it was requeued"
