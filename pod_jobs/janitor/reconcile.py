"""Compares the catalog's open tasks with RQ and repairs differences. No single sign in RQ shows every way a run can die.

`judge` decides all cases and has no side effects; `Reconciler` collects what it needs and carries out its verdicts.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from redis import Redis

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import reports, tasks
from pod_jobs.errors import Deposed
from pod_jobs.janitor.leader import Fence
from pod_jobs.janitor.sightings import Sightings
from pod_jobs.jobs import queue, snapshot
from pod_jobs.jobs.dead_workers import is_dead_here
from pod_jobs.jobs.report import waiting_reports

log = logging.getLogger(__name__)

# After an outage a live job writes its progress within 5 s, and its worker its heartbeat within another 5 s
SILENT_S = 12.0

Verdict = Literal["fine", "suspect", "enqueue", "lost", "cancelled"]


@dataclass(frozen=True)
class Sight:
    """What RQ and this host show of one open task."""

    state: str  # waiting or running
    status: str | None  # RQ's word for the job of the current generation; None = RQ does not know it
    placed: bool  # in a queue, taken by a worker, scheduled, or started with a sign of life
    reported: bool  # a report of this generation waits to be sent
    progressing: bool  # wrote progress within the last 20 s
    worker_dead: bool  # its worker ran on this host and is gone
    attempt: int | None = None  # number of the attempt under way; None = there is none


def judge(sight: Sight) -> Verdict:
    """What to do with a task. "suspect" = nothing yet; if it stays so for `janitor.lost_s`, `when_confirmed` decides."""
    if sight.reported:
        return "fine"
    if (
        sight.state == "running"
        and sight.worker_dead
        and not (sight.placed and sight.status in ("queued", "scheduled"))
    ):
        return "lost"
    if sight.placed or sight.progressing:
        return "fine"
    return "suspect"


def is_silent(sight: Sight) -> bool:
    """Has its worker given no sign of life for a minute, or did RQ fail the job for that reason? Then a short wait is enough."""
    return sight.state == "running" and sight.status in ("started", "failed")


def when_confirmed(sight: Sight) -> Verdict:
    """What to do with a task that has been suspect for long enough."""
    if sight.status in ("stopped", "canceled"):
        return "cancelled"  # somebody used RQ's own tools
    if sight.state == "waiting" and sight.status not in ("failed", "finished"):
        return "enqueue"
    return "lost"


class Reconciler:
    """Repairs tasks whose run died, and tasks that have been suspect for long enough."""

    def __init__(
        self, redis: Redis, queue_names: tuple[str, ...], lost_s: float, allowed: reports.Allowed, fence: Fence
    ) -> None:
        self._redis = redis
        self._queue_names = queue_names
        self._lost_s = lost_s
        self._allowed = allowed
        self._fence = fence
        self._suspects = Sightings(redis, "reconcile")

    def reconcile(self, now: datetime) -> dict[str, int]:
        """Compare and repair once. Returns how many verdicts of each kind were carried out."""
        self._remind_of_cancels()
        counts: dict[str, int] = {}
        judged = [(task, sight, judge(sight)) for task, sight in self._sights()]
        suspect_s = self._suspects.look(_job_id(task) for task, _, verdict in judged if verdict == "suspect")
        for task, sight, verdict in judged:
            if verdict == "suspect":
                if suspect_s[_job_id(task)] < (SILENT_S if is_silent(sight) else self._lost_s):
                    continue
                verdict = when_confirmed(sight)
                self._suspects.forget(_job_id(task))
            if verdict != "fine":
                log.warning("task %s g%s: %s (%s)", task.id, task.generation, verdict, sight)
                try:
                    self._carry_out(verdict, task, sight, now)
                except Deposed:
                    raise
                except Exception:  # noqa: BLE001  # one faulty task must not keep the others from being repaired
                    log.exception("task %s g%s: %s failed", task.id, task.generation, verdict)
                else:
                    counts[verdict] = counts.get(verdict, 0) + 1
        return counts

    def _remind_of_cancels(self) -> None:
        """Repeat all requests to cancel, which the rows keep: one may have been lost, or not sent while Redis was away."""
        for task in tasks.cancelling():
            queue.request_cancel(self._redis, task.id, task.generation)

    def _sights(self) -> list[tuple[Task, Sight]]:
        open_tasks = tasks.open_tasks_of_rq()
        runs = tasks.runs_under_way()  # before RQ is asked about them
        job_ids = {task.id: _job_id(task) for task in open_tasks}
        shot = snapshot.take(self._redis, self._queue_names, list(job_ids.values()))
        progress = queue.read_progress(self._redis, job_ids)
        # Read last: the task of a report that is delivered after this line is still open above, and counts as reported here.
        reported = {(entry["task"], entry["report"]["generation"]) for entry in waiting_reports(self._redis).values()}
        return [
            (
                task,
                Sight(
                    state=task.state,
                    status=shot.status[job_ids[task.id]],
                    placed=shot.placed(job_ids[task.id]),
                    reported=(task.id, task.generation) in reported,
                    progressing=task.id in progress,
                    worker_dead=task.id in runs and is_dead_here(runs[task.id].worker),
                    attempt=runs[task.id].number if task.id in runs else None,
                ),
            )
            for task in open_tasks
        ]

    def _carry_out(self, verdict: Verdict, task: Task, sight: Sight, now: datetime) -> None:
        """Change the catalog and RQ, if the task has not changed since it was read. Both happen inside the fence, so that the
        next leader finds both done or neither."""
        with self._fence():
            if verdict == "enqueue":
                changed = tasks.post_again(task.id, task.generation, now)
            else:
                outcome = "cancelled" if verdict == "cancelled" else "lost"
                reason = "its worker is gone, or RQ lost the job"
                report = reports.Report(task.generation, outcome, sight.attempt, reason=reason)
                changed = reports.end_dead_run(task.id, report, self._allowed, now)
            if changed:
                queue.remove(self._redis, _job_id(task))
                queue.clear_progress(self._redis, task.id)
            else:
                log.info("task %s moved on by itself meanwhile", task.id)


def _job_id(task: Task) -> str:
    return tasks.job_id(task.kind, task.id, task.generation)
