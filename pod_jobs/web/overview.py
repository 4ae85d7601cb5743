"""Everything at a glance, for the team's first page and for programs that watch an instance: is something wrong, what runs, what
waits and until when, what failed, who is alive, how much room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import error_groups, site_callbacks, tasks
from pod_jobs.catalog.store import overview as store
from pod_jobs.catalog.store.day_figures import yesterday_evening
from pod_jobs.catalog.store.error_groups import OpenGroup
from pod_jobs.catalog.store.overview import TryingAgain
from pod_jobs.catalog.store.site_callbacks import Untold
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs.workforce import SUSPENDED
from pod_jobs.settings import QUEUES
from pod_jobs.web import polls
from pod_jobs.web.intake import beginnings
from pod_jobs.web.services import services

PACE_DAYS = 7  # over which the growth of the media folder is measured
LONGEST_ABSENCE = timedelta(days=60)  # who comes back later is told no more than others
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Crew:
    """The workers of a queue: those that take jobs, those that are alive but take none, and how many the settings expect."""

    queue: str
    able: int
    held: int
    expected: int


@dataclass(frozen=True)
class Seen:
    """What changes outside the catalog. `free`: bytes of the media disk, with the figures that are shown; None while the media
    folder is away."""

    work: beginnings.AtWork
    free: float | None


@dataclass(frozen=True)
class Room:
    """`free`: bytes of the media disk; `days`: until it is full at the present pace, None = nothing came in."""

    free: float
    days: int | None


@dataclass(frozen=True)
class Overview:
    """`counts`: of running and waiting tasks. `crews`: None while Redis is away. `running`: each with what its run says.
    `waiting`: those in the lines, the next one first; `begins`: when they will probably begin. `oldest`: since when a task waits.
    `left_s`: in how many seconds the running ones are done. `groups`: of failures since `since`, those to look at first.
    `since_visit`: that is when the last visit of this person ended; else it is yesterday evening."""

    counts: dict[str, int]
    crews: list[Crew] | None
    running: list[tuple[Task, dict[str, Any]]]
    left_s: float
    waiting: list[Task]
    begins: dict[int, datetime]
    in_catalog: int
    oldest: datetime | None
    last_begins: datetime | None
    last_end: datetime | None
    since: datetime
    since_visit: bool
    groups: list[OpenGroup]
    asked_for_help: int
    trying_again: list[TryingAgain]
    untold: Untold
    room: Room | None

    @property
    def failed(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def new_groups(self) -> int:
        return sum(group.is_new(self.since) for group in self.groups)


def look(running: Sequence[int]) -> Seen:
    """`running`: the ids of the running tasks."""
    try:
        free = float(f"{services().settings.media.free_bytes():.3g}")
    except (OSError, ServiceUnavailable):
        free = None
    return Seen(beginnings.look(running), free)


def gather(at: datetime, look_at: polls.Look, last_visit: datetime | None = None) -> Overview:
    """`look_at` is `look`, or what remembers its answer (polls.py). `last_visit`: failures since then count, if that is before
    yesterday evening: nobody who comes back on Monday should miss those of the weekend."""
    counts = store.count_by_state(("running", "waiting"))
    running = store.running(beginnings.RUNNING)
    seen: Seen = look_at([task.id for task in running])
    progress = seen.work.progress
    waiting = beginnings.waiting(seen.work)
    begins = beginnings.times(at, running, waiting, seen.work)
    evening = yesterday_evening(at)
    since_visit = last_visit is not None and at - LONGEST_ABSENCE < last_visit < evening
    since = last_visit if last_visit is not None and since_visit else evening
    return Overview(
        counts=counts,
        crews=None if seen.work.workers is None else _crews(seen.work.workers),
        running=[(task, progress.get(task.id, {})) for task in running],
        left_s=max((said.get("eta_s") or 0 for said in progress.values()), default=0),
        waiting=sorted(waiting, key=lambda task: begins.get(task.id, FAR)),
        begins=begins,
        in_catalog=store.in_catalog(),
        oldest=store.longest_wait(),
        last_begins=beginnings.last(begins, counts["waiting"]),
        last_end=store.last_end(),
        since=since,
        since_visit=since_visit,
        groups=sorted(error_groups.list_open(since), key=lambda group: (group.is_quiet, not group.is_new(since))),
        asked_for_help=tasks.count_help_asked(),
        trying_again=store.trying_again(),
        untold=site_callbacks.count_untold(),
        room=None if seen.free is None else _room(at, seen.free),
    )


def _crews(workers: Sequence[dict[str, Any]]) -> list[Crew]:
    """One for each queue that has workers or should have some."""
    crews = []
    for name in QUEUES:
        crew_workers = [worker for worker in workers if worker["queue"] == name]
        expected = services().settings.expected_workers(name)
        if crew_workers or expected:
            held = sum(worker["state"] == SUSPENDED for worker in crew_workers)
            crews.append(Crew(name, len(crew_workers) - held, held, max(expected, len(crew_workers))))
    return crews


def _room(at: datetime, free: float) -> Room:
    pace = store.bytes_per_day(at, PACE_DAYS)
    return Room(free, int(free / pace) if pace else None)
