"""The team's first page: is something wrong, what runs, what waits and until when, what failed, who is alive, how much room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import error_groups
from pod_jobs.catalog.store import overview as store
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs import forecast, queue
from pod_jobs.settings import QUEUES
from pod_jobs.web.guards import access
from pod_jobs.web.intake import orders
from pod_jobs.web.pages.team import frame
from pod_jobs.web.site import now, site

blueprint = Blueprint("team_overview", __name__)

SHOWN = 8  # of running and waiting tasks
RUNNING = 500  # tasks whose progress is read
DAYS = 30
PACE_DAYS = 7  # over which the growth of the media folder is measured
ENCODING = "encode"
FAR = datetime.max.replace(tzinfo=UTC)
UNKNOWN_S = 600.0  # how long a task takes as long as none of its kind is done


@dataclass(frozen=True)
class Crew:
    """The workers of a queue: those that give signs of life, and how many the settings expect."""

    queue: str
    alive: int
    expected: int
    busy: int


@blueprint.get("/team")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    at = now()
    counts = store.count_by_state(("running", "waiting"))
    workers = frame.workers()
    running = store.running(RUNNING)
    progress = _progress(running)
    waiting = store.with_videos([number for name in QUEUES for number in orders.in_line(name)])
    begins = begin_times(at, running, progress, waiting, workers or [])
    next_ones = sorted(waiting, key=lambda task: begins.get(task.id, FAR))[:SHOWN]
    oldest = store.waiting(1)
    since = frame.yesterday_evening(at)
    groups = sorted(error_groups.list_open(since), key=lambda one: (one.is_quiet, not one.is_new(since)))
    days = store.per_day(ENCODING, frame.midnights(at, DAYS))
    return frame.page(
        "team/overview.html",
        at=at,
        counts=counts,
        redis_is_away=workers is None,
        crews=_crews(workers or []),
        running=[(task, progress.get(task.id, {})) for task in running[:SHOWN]],
        left_s=max((one.get("eta_s") or 0 for one in progress.values()), default=0),
        waiting=[(task, begins.get(task.id)) for task in next_ones],
        in_catalog=store.in_catalog(),
        oldest=oldest[0].queued_at if oldest else None,
        last_begins=max(begins.values()) if begins and counts["waiting"] <= len(waiting) else None,
        since=since,
        groups=groups,
        new_groups=sum(one.is_new(since) for one in groups),
        last_end=store.last_end(),
        room=_room(at),
        days=days,
        highest=max((day.done + day.failed for day in days), default=0),
    )


def _progress(running: Sequence[Task]) -> dict[int, dict[str, Any]]:
    """Task id -> what its run says; empty while Redis is away."""
    try:
        return queue.read_progress(site().redis, [task.id for task in running])
    except RedisError:
        return {}


def begin_times(
    at: datetime,
    running: Sequence[Task],
    progress: dict[int, dict[str, Any]],
    waiting: Sequence[Task],
    workers: Sequence[dict[str, Any]],
) -> dict[int, datetime]:
    """Waiting task -> when it will probably begin, from how long the last tasks of its kind took. A task whose queue has no
    worker is left out."""
    usual = {kind: store.usual_s(kind) or UNKNOWN_S for kind in {task.kind for task in (*running, *waiting)}}
    begins: dict[int, datetime] = {}
    for name in {_queue_of(task) for task in waiting}:
        at_work = [task for task in running if _queue_of(task) == name]
        left_s = [_left_s(task, progress.get(task.id, {}), usual[task.kind], at) for task in at_work]
        able = sum(worker["queue"] == name and worker["state"] != "suspended" for worker in workers)
        free_in_s = [*left_s, *[0.0] * max(0, able - len(left_s))][: max(able, len(left_s))]
        own = [task for task in waiting if _queue_of(task) == name]
        starts = forecast.starts_in(free_in_s if able else [], [usual[task.kind] for task in own])
        begins |= {task.id: at + timedelta(seconds=s) for task, s in zip(own, starts, strict=False)}
    return begins


def _queue_of(task: Task) -> str:
    known = site().job_types.get(task.kind)
    return known.queue if known else ""


def _left_s(task: Task, said: dict[str, Any], usual_s: float, at: datetime) -> float:
    """How many seconds the running task will probably still take."""
    if said.get("eta_s") is not None:
        return float(said["eta_s"])
    begun = (at - task.started_at).total_seconds() if task.started_at else 0.0
    return max(0.0, usual_s - begun)


def _crews(workers: Sequence[dict[str, Any]]) -> list[Crew]:
    """One for each queue that has workers or should have some."""
    crews = []
    for name in QUEUES:
        own = [worker for worker in workers if worker["queue"] == name]
        expected = site().settings.expected_workers(name)
        if own or expected:
            crews.append(Crew(name, len(own), max(expected, len(own)), sum(one["state"] == "busy" for one in own)))
    return crews


def _room(at: datetime) -> dict[str, Any] | None:
    """{"free": bytes of the media disk, "days": until it is full at the present pace, None = nothing came in}; None while the
    media folder is away."""
    try:
        free = site().settings.media.free_bytes()
    except (OSError, ServiceUnavailable):
        return None
    pace = store.bytes_per_day(at, PACE_DAYS)
    return {"free": free, "days": int(free / pace) if pace else None}
