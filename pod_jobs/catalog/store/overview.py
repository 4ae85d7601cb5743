"""What the team's overview asks of the catalog. Every query uses an index, so that 100,000 old tasks do not slow it down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, SQL, fn

from pod_jobs.catalog.models import Outbox, Output, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store.day_figures import number_of_day

ENDED = ("done", "error")
RECENT_TASKS = 20  # how many finished tasks of a kind show how long such a task takes


def count_by_state(states: Sequence[str]) -> dict[str, int]:
    """State -> how many tasks are in it."""
    counted = Task.select(Task.state, fn.COUNT(Task.id)).where(Task.state.in_(states)).group_by(Task.state)
    return {**dict.fromkeys(states, 0), **dict(_rows(counted))}


def running(limit: int) -> list[Task]:
    """The running tasks with videos and owners, the first to have begun first."""
    return list(_with_videos().where(Task.state == "running").order_by(Task.started_at, Task.id).limit(limit))


def open_of_sites() -> dict[str, dict[str, int]]:
    """Site -> state -> how many tasks that it ordered run or wait."""
    counted: dict[str, dict[str, int]] = {}
    query = Task.select(SiteOrder.site, Task.state, fn.COUNT(Task.id)).join(SiteOrder)
    open_tasks = query.where(Task.state.in_(("running", "waiting"))).group_by(SiteOrder.site, Task.state)
    for site, state, count in _rows(open_tasks):
        counted.setdefault(site, {})[state] = count
    return counted


def longest_wait() -> datetime | None:
    """Since when the task waits that has waited longest; None: none waits."""
    first = Task.select(fn.MIN(Task.queued_at)).where(Task.state == "waiting").scalar()
    return None if first is None else _instant(first)


def with_videos(ids: Sequence[int]) -> list[Task]:
    """These tasks with videos and owners, in the order of `ids`."""
    by_id = {task.id: task for task in _with_videos().where(Task.id.in_(list(ids)))} if ids else {}
    return [by_id[number] for number in ids if number in by_id]


@dataclass(frozen=True)
class TryingAgain:
    """Waiting tasks whose last attempt ended with the same passing fault. `facts`: of one of them."""

    code: str
    facts: dict[str, Any]
    count: int


def trying_again() -> list[TryingAgain]:
    """The most frequent first. A fault that nobody mends may make a task be tried again for ever."""
    tried = Task.state == "waiting", Task.error_code.is_null(False)
    query = Task.select(Task.error_code, fn.COUNT(Task.id), fn.MAX(Task.id)).where(*tried).group_by(Task.error_code)
    rows = sorted(_rows(query), key=lambda row: -row[1])
    return [TryingAgain(code, Task.get_by_id(task_id).error_facts, count) for code, count, task_id in rows]


def in_catalog() -> int:
    """How many tasks wait in the catalog, because RQ has enough to do."""
    return int(Outbox.select().count())


def last_end() -> datetime | None:
    """When the last task ended that was done or failed."""
    ends = [Task.select(fn.MAX(Task.ended_at)).where(Task.state == state).scalar() for state in ENDED]
    instants = [_instant(end) for end in ends if end is not None]
    return max(instants, default=None)


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


def per_day(kinds: Sequence[str], midnights: Sequence[datetime]) -> list[Day]:
    """One for each day between two `midnights`, which are in order: the ended tasks of these kinds."""
    day = number_of_day(Task.ended_at, midnights).alias("day")
    query = Task.select(Task.state, day, fn.COUNT(Task.id)).where(
        Task.state.in_(ENDED), Task.ended_at >= midnights[0], Task.ended_at < midnights[-1], Task.kind.in_(list(kinds))
    )
    counted = {(state, number): count for state, number, count in _rows(query.group_by(Task.state, SQL("day")))}
    return [
        Day(begin, counted.get(("done", number), 0), counted.get(("error", number), 0))
        for number, begin in enumerate(midnights[:-1])
    ]


def bytes_per_day(now: datetime, days: int) -> float:
    """How many bytes the recordings of the last days take for each day, with what was encoded from them."""
    recent = (Video.created_at >= now - timedelta(days=days), Video.is_here())
    sources = Video.select(fn.SUM(Video.source_bytes)).where(*recent).scalar() or 0
    outputs = Output.select(fn.SUM(Output.bytes)).join(Video).where(*recent).scalar() or 0
    return float(sources + outputs) / days


def _rows(query: Any) -> Any:
    """The rows of a query as tuples; peewee's own types speak of models."""
    return query.tuples()


def _with_videos() -> Any:
    return Task.select(Task, Video, User).join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)


def _instant(value: datetime | int) -> datetime:
    """Peewee does not convert the result of MIN and MAX in each case."""
    converted = value if isinstance(value, datetime) else Task.ended_at.python_value(value)
    assert converted is not None  # noqa: S101  # for the type checker
    return converted
