"""Finds tasks for the team by a filter. A page reads only as many rows as it shows, however many tasks match."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN

from pod_jobs.catalog.models import Attempt, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder

COUNTED = 10_000  # a list says "more than" from here on


@dataclass(frozen=True)
class TaskFilter:
    """What a task must be; "" and None leave it open. `since` and `until` are about when it was ordered. `group` is the
    fingerprint of its failure, `text` is part of a title, or the id of a task, `site` is the one that ordered it. `owner`
    is a name; `owner_id` leaves only what this person may see."""

    state: str = ""
    kind: str = ""
    template: str = ""
    owner: str = ""
    host: str = ""
    error: str = ""
    group: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    site: str = ""
    owner_id: int | None = None


def page(wanted: TaskFilter, limit: int, before: int | None = None) -> list[Task]:
    """Tasks with videos and owners, newest first; `before` is the id to go on from."""
    query = _matching(wanted, Task, Video, User)
    if before is not None:
        query = query.where(Task.id < before)
    return list(query.order_by(Task.id.desc()).limit(limit))


def count(wanted: TaskFilter, most: int | None = None) -> int:
    """How many tasks match; no more than `most` are counted."""
    query = _matching(wanted, Task.id)
    return int((query.limit(most) if most else query).count())


def ids(wanted: TaskFilter, limit: int, before: int | None = None) -> list[int]:
    """The ids of matching tasks, newest first; `before` is the id to go on from."""
    query = _matching(wanted, Task.id)
    if before is not None:
        query = query.where(Task.id < before)
    return [row.id for row in query.order_by(Task.id.desc()).limit(limit)]


def latest_attempts(tasks: Sequence[Task]) -> dict[int, Attempt]:
    """Task id -> its latest attempt."""
    rows = Attempt.select().where(Attempt.task.in_([task.id for task in tasks])).order_by(Attempt.number)
    return {attempt.task_id: attempt for attempt in rows}


def _matching(wanted: TaskFilter, *columns: Any) -> Any:
    query = Task.select(*columns).join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)
    query = query.where(Video.deleted_at.is_null())
    exact = {
        Task.state: wanted.state,
        Task.kind: wanted.kind,
        Task.template: wanted.template,
        Task.error_code: wanted.error,
        Task.error_group: wanted.group,
        User.name: wanted.owner,
    }
    for column, value in exact.items():
        if value:
            query = query.where(column == value)
    if wanted.owner_id is not None:
        query = query.where(Video.owner == wanted.owner_id)
    if wanted.host:
        query = query.where(Task.id.in_(Attempt.select(Attempt.task).where(Attempt.host == wanted.host)))
    if wanted.site:
        query = query.where(Task.id.in_(SiteOrder.select(SiteOrder.task).where(SiteOrder.site == wanted.site)))
    if wanted.since is not None:
        query = query.where(Task.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Task.created_at < wanted.until)
    if wanted.text:
        found = Video.title.contains(wanted.text)
        number = wanted.text.removeprefix("#")
        if number.isascii() and number.isdecimal() and len(number) <= 18:
            found |= Task.id == int(number)
        query = query.where(found)
    return query
