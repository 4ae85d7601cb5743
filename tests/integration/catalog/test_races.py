"""Two changes at the same moment: the second waits, and decides by what the first one wrote."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from peewee import Database
from redis import Redis

from pod_jobs import hand_over
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Outbox, Task, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import (
    lanes,
    leadership,
    many_tasks,
    periodic,
    statements,
    tasks,
    users,
    videos,
    waiting_line,
)
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.errors import Refused, Superseded
from pod_jobs.jobs import queue
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import load
from pod_jobs.web.intake import quotas
from tests.integration.catalog.conftest import NOW, later
from tests.orders import UPLOAD, encode

TIME_TO_GO_WRONG_S = 0.5


def both(catalog: Database, first: Callable[[], object], second: Callable[[], Any]) -> "Future[Any]":
    """Run both at once: `second` begins when `first` is done, but not committed yet."""

    def run() -> Any:
        with catalog.connection_context():
            return second()

    with ThreadPoolExecutor(1) as pool:
        with transaction():
            first()
            future = pool.submit(run)
            wait([future], TIME_TO_GO_WRONG_S)
        return future


def test_a_video_is_deleted_in_the_moment_its_encode_ends(catalog: Database, task: Task, lecturer: User) -> None:
    deleted = both(
        catalog,
        lambda: tasks.end(tasks.get_locked(task.id), "error", later(1)),
        lambda: videos.delete(task.video_id or 0, lecturer, later(2)),
    )
    assert deleted.result() == [], "nothing is left to cancel"
    assert tasks.get(task.id).state == "error"


def test_a_failed_encode_is_not_run_again_beside_one_ordered_in_the_same_moment(
    catalog: Database, task: Task, lecturer: User
) -> None:
    tasks.cancel(task.id, later(1))
    again = both(
        catalog,
        lambda: videos.order(task.video_id or 0, encode(), lecturer, later(2)),
        lambda: many_tasks.order_again([task.id], later(2)),
    )
    assert again.result().refused[task.id].code == "task-beside"
    assert [one.state for one in Task.select().where(Task.state.in_(tasks.OPEN))] == ["waiting"]


def test_an_encode_ordered_in_the_moment_its_video_is_deleted_ends(
    catalog: Database, task: Task, lecturer: User
) -> None:
    tasks.cancel(task.id, later(1))
    deleted = both(
        catalog,
        lambda: videos.order(task.video_id or 0, encode(), lecturer, later(2)),
        lambda: videos.delete(task.video_id or 0, lecturer, later(2)),
    )
    assert [tasks.get(one.id).state for one in deleted.result()] == ["cancelled"]
    assert not Task.select().where(Task.state.in_(tasks.OPEN)).exists()


def test_two_orders_of_one_person_do_not_find_the_same_room(
    catalog: Database, task: Task, lecturer: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_LIMITS__WAITING", "2")
    settings = load(tmp_path)

    def order() -> None:
        with quotas.one_more_order(settings, lecturer):
            videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, UPLOAD)

    with pytest.raises(Refused):
        both(catalog, order, order).result()
    assert tasks.count_waiting(lecturer) == 2


def test_two_people_requeue_the_same_tasks(catalog: Database, task: Task) -> None:
    tasks.cancel(task.id, NOW)
    first: list[int] = []

    def order() -> list[int]:
        return [one.id for one in many_tasks.order_again([task.id], later(1)).tasks]

    second = both(catalog, lambda: first.extend(order()), order).result()
    assert (first, second) == ([task.id], []) and Task.get_by_id(task.id).generation == 2


def test_two_administrators_do_not_demote_each_other_at_once(catalog: Database) -> None:
    for name in ("ada", "eve"):
        users.create(name, "admin", "hash", NOW)
    with pytest.raises(Refused, match="last administrator"):
        both(
            catalog,
            lambda: users.change_role("ada", "team", "eve", NOW),
            lambda: users.change_role("eve", "team", "ada", NOW),
        ).result()
    assert users.administrator_has_access()


def test_two_workers_do_not_begin_in_the_same_place_of_a_sites_quota(
    catalog: Database, task: Task, lecturer: User
) -> None:
    other = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, UPLOAD)[1][0]
    Task.update(party="site-univ").execute()

    def start(number: int) -> None:
        tasks.start(number, 1, tasks.Runner(f"encoding-{number}", "host", number), later(1), 9, {"site-univ": 1})

    with pytest.raises(Superseded):
        both(catalog, lambda: start(task.id), lambda: start(other.id)).result()
    assert [tasks.get(one.id).state for one in (task, other)] == ["running", "waiting"]


@pytest.mark.parametrize("quota", [1, 2])
def test_two_queues_do_not_find_the_same_place_of_a_sites_quota(
    catalog: Database, lecturer: User, redis: Redis, quota: int
) -> None:
    queues = ("encoding", "transcripting")
    for kind in ("pod_encode", "pod_transcribe") * 2:
        video = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, ())[0]
        tasks.order(video, NewTask(kind, party="site-univ"), None, NOW)
    have_read = Barrier(2, timeout=10)

    @contextmanager
    def wait_for_the_other() -> Iterator[None]:
        have_read.wait()
        yield

    def give(name: str) -> int:
        with catalog.connection_context():
            return hand_over.hand_over(redis, JOB_TYPES, name, Limits(0, {"site-univ": quota}), wait_for_the_other)

    with ThreadPoolExecutor(2) as pool:
        given = list(pool.map(give, queues))
    assert sum(given) == sum(len(queue.positions(redis, name)) for name in queues) == quota
    assert Outbox.select().count() == 4 - quota, "what has no place still waits"


def test_many_who_lock_the_same_row_wait_and_never_block_each_other(catalog: Database, lecturer: User) -> None:
    """The row may be missing at first: each of them would insert it."""

    def change() -> None:
        videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, ())
        leadership.begin()
        periodic.pause("purge", "léa", "", NOW)
        with transaction():
            waiting_line.has_no_place(Task(kind="encode", party="site-univ"), 1)
        statements.add([NewStatement(str(uuid4()), "{}", "v", None, (), False, of_profile=False)], (), NOW)

    at_once, times = 4, 8
    begin = Barrier(at_once, timeout=20)

    def run() -> None:
        with catalog.connection_context():
            begin.wait()
            for _ in range(times):
                change()

    before = videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, lambda path: None, ())[0].id
    with ThreadPoolExecutor(at_once) as pool:
        for future in [pool.submit(run) for _ in range(at_once)]:
            future.result()
    numbers = [video.id for video in Video.select().where(Video.id > before)]
    assert sorted(numbers) == list(range(before + 1, before + 1 + at_once * times))
    assert lanes.last_number() == at_once * times
