"""Which place waiting tasks have in the line, and when they will probably begin."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import overview as store
from pod_jobs.jobs.workforce import SUSPENDED
from pod_jobs.settings import QUEUES
from pod_jobs.web import alive
from pod_jobs.web.intake import orders
from pod_jobs.web.services import now, services

RUNNING = 500  # tasks whose progress is read
ESTIMATED_S = 5.0
UNKNOWN_S = 600.0  # how long a task takes as long as none of its kind is done


@dataclass(frozen=True)
class AtWork:
    """What changes outside the catalog: the workers (None while Redis is away), the progress of running tasks by their ids, and
    the lines of waiting tasks by queue (orders.in_line)."""

    workers: list[dict[str, Any]] | None
    progress: dict[int, dict[str, Any]]
    lines: dict[str, list[int]]

    @property
    def far(self) -> int | None:
        """How many tasks at least are before one that has no place; None when every waiting task has a place."""
        return orders.PLACES if any(len(line) >= orders.PLACES for line in self.lines.values()) else None

    @property
    def places(self) -> dict[int, int]:
        """Task -> its place in its queue, 1 = next. Those far behind have none."""
        return {number: place for line in self.lines.values() for place, number in enumerate(line, 1)}


def look(running: Sequence[int]) -> AtWork:
    """Read what changes outside the catalog; `running`: the ids of the running tasks."""
    lines = {name: orders.in_line(name) for name in QUEUES}
    return AtWork(*alive.workers_and_progress(running), lines)


def all_times() -> dict[int, datetime]:
    """Waiting task -> when it will probably begin, for the tasks in all lines. It is estimated at most each ESTIMATED_S, because
    the polls of many people ask for it."""
    estimated_at, begins = services().beginnings.get("times", (-ESTIMATED_S, {}))
    if time.monotonic() - estimated_at > ESTIMATED_S:
        running = store.running(RUNNING)
        seen = look([task.id for task in running])
        begins = times(now(), running, waiting(seen), seen)
        services().beginnings["times"] = time.monotonic(), begins
    return begins


def waiting(seen: AtWork) -> list[Task]:
    """The tasks in the lines, with their videos."""
    return store.with_videos([number for line in seen.lines.values() for number in line])


def times(at: datetime, running: Sequence[Task], waiting: Sequence[Task], seen: AtWork) -> dict[int, datetime]:
    """Waiting task -> when it will probably begin, from how long the last tasks of its kind took. A task whose queue has no
    worker is left out."""
    usual = {kind: store.usual_s(kind) or UNKNOWN_S for kind in {task.kind for task in (*running, *waiting)}}
    begins: dict[int, datetime] = {}
    for name in {queue_of(task) for task in waiting}:
        at_work = [task for task in running if queue_of(task) == name]
        left_s = [_left_s(task, seen.progress.get(task.id, {}), usual[task.kind], at) for task in at_work]
        able = sum(worker["queue"] == name and worker["state"] != SUSPENDED for worker in seen.workers or ())
        free_in_s = [*left_s, *[0.0] * max(0, able - len(left_s))][: max(able, len(left_s))]
        queue_tasks = [task for task in waiting if queue_of(task) == name]
        starts = starts_in(free_in_s if able else [], [usual[task.kind] for task in queue_tasks])
        begins |= {task.id: _minute(at + timedelta(seconds=s)) for task, s in zip(queue_tasks, starts, strict=False)}
    return begins


def starts_in(free_in_s: Sequence[float], takes_s: Sequence[float]) -> list[float]:
    """For each waiting task, in their order, after how many seconds it will begin; empty if there is no worker.

    `free_in_s`: one figure for each worker, after how many seconds it will be free. `takes_s`: how long each task will take.
    """
    if not free_in_s:
        return []
    free = list(free_in_s)
    heapq.heapify(free)
    begins = []
    for takes in takes_s:
        begin = heapq.heappop(free)
        begins.append(begin)
        heapq.heappush(free, begin + takes)
    return begins


def last(begins: dict[int, datetime], waiting: int) -> datetime | None:
    """When the last of `waiting` tasks will begin, though only those with a place have an estimate: the others follow at the same
    pace. None when nobody works."""
    if not begins:
        return None
    first, latest = min(begins.values()), max(begins.values())
    pace = (latest - first) / max(1, len(begins) - 1)
    return _minute(latest + pace * max(0, waiting - len(begins)))


def _minute(value: datetime) -> datetime:
    """`value` without its seconds, so that an estimate stays the same for a minute."""
    return value.replace(second=0, microsecond=0)


def queue_of(task: Task) -> str:
    """The queue in which its job waits or runs; "" for a kind that is not known any more."""
    job_type = services().job_types.get(task.kind)
    return job_type.queue if job_type else ""


def _left_s(task: Task, progress: dict[str, Any], usual_s: float, at: datetime) -> float:
    """How many seconds the running task will probably still take."""
    if progress.get("eta_s") is not None:
        return float(progress["eta_s"])
    begun = (at - task.started_at).total_seconds() if task.started_at else 0.0
    return max(0.0, usual_s - begun)
