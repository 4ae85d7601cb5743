"""Takes the running jobs of workers whose token was revoked, and gives them to others."""

import logging
from datetime import datetime

from redis import Redis

from pod_jobs.catalog.store import reports, tasks
from pod_jobs.janitor.leader import Fence
from pod_jobs.jobs import queue

log = logging.getLogger(__name__)


def end_runs_of_revoked(redis: Redis, allowed: reports.Allowed, now: datetime, fence: Fence) -> int:
    """Give each such task a new generation, and tell the run of the old one to end. Returns how many."""
    count = 0
    for attempt in tasks.runs_of_revoked():
        task = attempt.task
        report = reports.Report(task.generation, "lost", attempt.number, reason="the token of its worker was revoked")
        with fence():
            if not reports.end_dead_run(task.id, report, allowed, now):
                continue
            queue.request_cancel(redis, task.id, attempt.generation)
            queue.clear_progress(redis, task.id)
        log.warning("task %s g%s: taken from %s: its token was revoked", task.id, attempt.generation, attempt.worker)
        count += 1
    return count
