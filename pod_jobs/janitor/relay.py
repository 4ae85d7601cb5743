"""Enqueues jobs that were ordered and that RQ does not have, because a process died or Redis was away in between."""

import logging

from redis import Redis

from pod_jobs.catalog.store import waiting_line
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.hand_over import hand_over
from pod_jobs.janitor.leader import Fence
from pod_jobs.janitor.sightings import Sightings
from pod_jobs.jobs import queue, snapshot
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.report import REPORT, waiting_reports

log = logging.getLogger(__name__)


def relay_outbox(redis: Redis, job_types: JobTypes, limits: Limits, fence: Fence) -> int:
    """Hand waiting tasks over to RQ, as the web app does unless it died or Redis was away. Returns how many. Errors: Deposed."""
    names = set()
    for kind in waiting_line.kinds_waiting():
        if kind in job_types:
            names.add(job_types[kind].queue)
        else:
            log.error("this version knows no job type %s; the tasks of that kind wait", kind)
    count = sum(hand_over(redis, job_types, name, limits, fence) for name in sorted(names))
    if count:
        log.info("handed %s job(s) over to RQ", count)
    return count


class ReportRelay:
    """Enqueues the jobs of waiting reports again when RQ has lost them."""

    def __init__(self, redis: Redis, queue_names: tuple[str, ...], lost_s: float) -> None:
        self._redis = redis
        self._queue_names = queue_names
        self._lost_s = lost_s
        self._missing = Sightings(redis, "reports")

    def relay(self) -> int:
        """Enqueue them. Returns how many."""
        reports = {f"report-{report_id}": report_id for report_id in waiting_reports(self._redis)}
        shot = snapshot.take(self._redis, self._queue_names, list(reports))
        missing_s = self._missing.look(job_id for job_id in reports if not shot.placed(job_id))
        due = [job_id for job_id, seconds in missing_s.items() if seconds >= self._lost_s]
        for job_id in due:
            queue.remove(self._redis, job_id)
            queue.enqueue(self._redis, REPORT, job_id, {"report": reports[job_id]})
            self._missing.forget(job_id)
        return len(due)
