"""What the team's overview asks of the catalog. Every query uses an index, so that 100,000 old tasks do not slow it down."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from peewee import JOIN, fn

from pod_jobs.catalog.models import Attempt, Output, Task, User, Video

ENDED = ("done", "error")
RECENT_TASKS = 20  # how many finished tasks of a kind show how long such a task takes


@dataclass(frozen=True)
class ErrorGroup:
    """Failures of one kind of task with one error code. `hosts` are those that its attempts ran on, in alphabetical order.
    `is_new`: this error was never seen before the instant that was asked for."""

    kind: str
    code: str
    count: int
    first_at: datetime
    last_at: datetime
    hosts: tuple[str, ...]
    is_new: bool
    latest_task: int
    facts: dict[str, str]  # of the latest failure, for its sentence


def failures_since(since: datetime) -> list[ErrorGroup]:
    """What failed since then and was not made good, new errors first, then by their number.

    A failure is made good by a newer task of the same video, kind and template that is open or done.
    """
    failed = (Task.state == "error", Task.ended_at >= since, ~_made_good())
    groups = (
        Task.select(
            Task.kind, Task.error_code, fn.COUNT(Task.id), fn.MIN(Task.ended_at), fn.MAX(Task.ended_at), fn.MAX(Task.id)
        )
        .where(*failed)
        .group_by(Task.kind, Task.error_code)
    )
    hosts: dict[tuple[str, str | None], set[str]] = {}
    rows = Attempt.select(Task.kind, Task.error_code, Attempt.host).join(Task).where(*failed).distinct()
    for kind, code, host in _rows(rows):
        hosts.setdefault((kind, code), set()).add(host)
    counted = list(_rows(groups))
    facts = {
        task.id: task.error_facts
        for task in Task.select(Task.id, Task.error_facts).where(Task.id.in_([row[-1] for row in counted]))
    }
    found = [
        ErrorGroup(
            kind,
            code or "",
            count,
            _instant(first),
            _instant(last),
            tuple(sorted(hosts.get((kind, code), ()))),
            not _was_known(kind, code, since),
            latest,
            facts.get(latest) or {},
        )
        for kind, code, count, first, last, latest in counted
    ]
    return sorted(found, key=lambda group: (not group.is_new, -group.count, group.kind, group.code))


def count_by_state(states: Sequence[str]) -> dict[str, int]:
    """State -> how many tasks are in it."""
    counted = Task.select(Task.state, fn.COUNT(Task.id)).where(Task.state.in_(states)).group_by(Task.state)
    return {**dict.fromkeys(states, 0), **dict(_rows(counted))}


def running(limit: int) -> list[Task]:
    """The running tasks with videos and owners, the first to have begun first."""
    return list(_with_videos().where(Task.state == "running").order_by(Task.started_at, Task.id).limit(limit))


def waiting(limit: int) -> list[Task]:
    """The waiting tasks with videos and owners, the oldest first."""
    return list(_with_videos().where(Task.state == "waiting").order_by(Task.queued_at, Task.id).limit(limit))


def last_end() -> datetime | None:
    """When the last task ended that was done or failed."""
    ends = [Task.select(fn.MAX(Task.ended_at)).where(Task.state == state).scalar() for state in ENDED]
    known = [_instant(end) for end in ends if end is not None]
    return max(known, default=None)


def usual_s(kind: str) -> float | None:
    """How many seconds the last tasks of this kind took on the average; None: none is done yet."""
    done = Task.select(Task.started_at, Task.ended_at).where(
        Task.state == "done", Task.kind == kind, Task.started_at.is_null(False)
    )
    spans = [
        (end - begin).total_seconds() for begin, end in _rows(done.order_by(Task.ended_at.desc()).limit(RECENT_TASKS))
    ]
    return sum(spans) / len(spans) if spans else None


@dataclass(frozen=True)
class Day:
    """How many tasks of a kind ended on one day, which begins at `begin`."""

    begin: datetime
    done: int
    failed: int


def per_day(kind: str, midnights: Sequence[datetime]) -> list[Day]:
    """One for each day between two `midnights`, which are in order."""
    days = []
    for begin, end in pairwise(midnights):
        counted: Counter[str] = Counter()
        query = Task.select(Task.state, fn.COUNT(Task.id)).where(
            Task.state.in_(ENDED), Task.ended_at >= begin, Task.ended_at < end, Task.kind == kind
        )
        counted.update(dict(_rows(query.group_by(Task.state))))
        days.append(Day(begin, counted["done"], counted["error"]))
    return days


def bytes_per_day(now: datetime, days: int) -> float:
    """How many bytes the recordings of the last days take for each day, with what was encoded from them."""
    recent = (Video.created_at >= now - timedelta(days=days), Video.deleted_at.is_null())
    sources = Video.select(fn.SUM(Video.source_bytes)).where(*recent).scalar() or 0
    outputs = Output.select(fn.SUM(Output.bytes)).join(Video).where(*recent).scalar() or 0
    return float(sources + outputs) / days


def _rows(query: Any) -> Any:
    """The rows of a query as tuples; peewee's own types speak of models."""
    return query.tuples()


def _with_videos() -> Any:
    return Task.select(Task, Video, User).join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)


def _made_good() -> Any:
    newer = Task.alias()
    same = (newer.video == Task.video, newer.kind == Task.kind, newer.template == Task.template, newer.id > Task.id)
    return fn.EXISTS(newer.select(newer.id).where(*same, newer.state.in_(("waiting", "running", "done"))))


def _was_known(kind: str, code: str | None, since: datetime) -> bool:
    earlier = Task.select().where(Task.error_code == code, Task.ended_at < since, Task.kind == kind)
    return bool(earlier.exists())


def _instant(value: datetime | int) -> datetime:
    """Peewee does not convert the result of MIN and MAX in each case."""
    converted = value if isinstance(value, datetime) else Task.ended_at.python_value(value)
    assert converted is not None  # noqa: S101  # for the type checker
    return converted
