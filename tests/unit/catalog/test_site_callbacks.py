"""What sites are told of the ends of their orders, on SQLite."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import Task
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import site_callbacks, users, videos
from pod_jobs.catalog.store.site_callbacks import Debt
from tests.orders import UPLOAD

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[list[int]]:
    """Four tasks."""
    database = catalog_database.connect(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    catalog_database.migrate(database)
    with database.connection_context():
        lecturer = users.create("léa", "lecturer", None, NOW)
        source = videos.Source("a.mp4", 1)
        yield [videos.create(lecturer, "t", source, NOW, lambda _: None, UPLOAD)[1][0].id for _ in range(4)]


def order(task: int, site: str, callback: str, **more: Any) -> None:
    plain = {"fingerprint": "", "asked": {}, "notify_url": "", "token": "", "plain_manifest": False, "created_at": NOW}
    SiteOrder.create(task=task, public_id=str(task), site=site, callback=callback, **plain, **more)


def test_who_was_told_in_vain_is_counted_and_listed_the_newest_first(tasks: list[int]) -> None:
    order(tasks[0], "univ", "waiting", tries=1)
    order(tasks[1], "univ", "waiting", tries=0)
    order(tasks[2], "other", "waiting", tries=3)
    order(tasks[3], "univ", "given-up", tries=9)
    assert site_callbacks.count_untold() == site_callbacks.Untold(tried=2, given_up=1)

    def listed(*wanted: Any) -> list[int]:
        return [tasks.index(row.task_id) for row in site_callbacks.list_untold(*wanted)]

    assert listed("", "waiting", 9) == [2, 1, 0]
    assert listed("", "waiting", 2) == [2, 1]
    assert listed("", "waiting", 9, tasks[1]) == [0]
    assert listed("univ", "waiting", 9) == [1, 0]
    assert listed("univ", "given-up", 9) == [3]


@pytest.mark.parametrize(
    ("ended_ago", "due_in_s", "callback", "due_at"),
    [
        (timedelta(days=1), 300, "waiting", NOW + timedelta(seconds=60)),
        (timedelta(days=1), 0, "waiting", NOW),  # somebody wants it to be tried at once
        (site_callbacks.GIVE_UP, 300, "waiting", NOW + timedelta(seconds=60)),
        (site_callbacks.GIVE_UP + timedelta(seconds=1), 300, "given-up", None),
        (timedelta(days=1), None, "waiting", NOW + timedelta(seconds=60)),
    ],
)
def test_after_a_try_in_vain_the_next_one_is_due_or_none(
    tasks: list[int], ended_ago: timedelta, due_in_s: int | None, callback: str, due_at: datetime | None
) -> None:
    due = None if due_in_s is None else NOW + timedelta(seconds=due_in_s)
    order(tasks[0], "univ", "waiting", tries=3, ends=1, due_at=due)
    order(tasks[1], "univ", "waiting", tries=0, ends=1, due_at=due)
    Task.update(ended_at=NOW - ended_ago).execute()
    debt = Debt(tasks[0], 1, "univ", "1", "", "", "done", None, {}, "")
    site_callbacks.settle(debt, site_callbacks.Outcome(False, "no answer"), timedelta(seconds=60), NOW)
    row = SiteOrder.get(SiteOrder.task == tasks[0])
    assert (row.callback, row.due_at, row.reason) == (callback, due_at, "no answer")
    assert SiteOrder.get(SiteOrder.task == tasks[1]).reason == ""
    assert site_callbacks.tries_of(debt) == 3
