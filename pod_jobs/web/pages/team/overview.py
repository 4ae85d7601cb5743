"""The team's first page: is something wrong, what runs, what waits and until when, what failed, who is alive, how much room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import error_groups, site_callbacks, tasks
from pod_jobs.catalog.store import overview as store
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs.job_type import encodings
from pod_jobs.jobs.workforce import SUSPENDED
from pod_jobs.settings import QUEUES
from pod_jobs.web import polls
from pod_jobs.web.guards import access
from pod_jobs.web.intake import beginnings
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_overview", __name__)

SHOWN = 8  # of running and waiting tasks
DAYS = 30
PACE_DAYS = 7  # over which the growth of the media folder is measured
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Crew:
    """The workers of a queue: those that take jobs, those that are alive but take none, and how many the settings expect."""

    queue: str
    able: int
    held: int
    expected: int


@blueprint.get("/team")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    return frame.live_page("team/overview.html", lambda look: _gather(now(), look), _look)


@dataclass(frozen=True)
class Seen:
    """What the page shows that is not in the catalog. `free`: bytes of the media disk, with the figures that are shown; None
    while the media folder is away."""

    work: beginnings.AtWork
    free: float | None


def _look(running: Sequence[int]) -> Seen:
    try:
        free = float(f"{services().settings.media.free_bytes():.3g}")
    except (OSError, ServiceUnavailable):
        free = None
    return Seen(beginnings.look(running), free)


def _gather(at: datetime, look: polls.Look) -> dict[str, Any]:
    counts = store.count_by_state(("running", "waiting"))
    running = store.running(beginnings.RUNNING)
    seen: Seen = look([task.id for task in running])
    workers, progress = seen.work.workers or [], seen.work.progress
    waiting = beginnings.waiting(seen.work)
    begins = beginnings.times(at, running, waiting, seen.work)
    next_ones = sorted(waiting, key=lambda task: begins.get(task.id, FAR))[:SHOWN]
    since = frame.yesterday_evening(at)
    groups = sorted(error_groups.list_open(since), key=lambda group: (group.is_quiet, not group.is_new(since)))
    crews = _crews(workers)
    days = store.per_day(encodings(services().job_types), frame.midnights(at, DAYS))
    return {
        "at": at,
        "counts": counts,
        "redis_is_away": seen.work.workers is None,
        "crews": crews,
        "held_queues": [crew.queue for crew in crews if crew.held and not crew.able],
        "asked_for_help": tasks.count_help_asked(),
        "trying_again": store.trying_again(),
        "untold": site_callbacks.count_untold(),
        "running": [(task, progress.get(task.id, {})) for task in running[:SHOWN]],
        "left_s": max((task_progress.get("eta_s") or 0 for task_progress in progress.values()), default=0),
        "waiting": [(task, begins.get(task.id), beginnings.queue_of(task)) for task in next_ones],
        "in_catalog": store.in_catalog(),
        "oldest": store.longest_wait(),
        "last_begins": beginnings.last(begins, counts["waiting"]),
        "since": since,
        "groups": groups,
        "new_groups": sum(group.is_new(since) for group in groups),
        "last_end": store.last_end(),
        "room": None if seen.free is None else _room(at, seen.free),
        "days": days,
        "highest": max((day.done + day.failed for day in days), default=0),
    }


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


def _room(at: datetime, free: float) -> dict[str, Any]:
    """{"free": bytes of the media disk, "days": until it is full at the present pace, None = nothing came in}."""
    pace = store.bytes_per_day(at, PACE_DAYS)
    return {"free": free, "days": int(free / pace) if pace else None}
