"""Enqueues jobs that were ordered and that RQ does not have, because a process died or Redis was away in between."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from redis import Redis

from pod_jobs.catalog.models import Outbox
from pod_jobs.catalog.store import outbox
from pod_jobs.janitor.leader import Fence
from pod_jobs.janitor.sightings import Sightings
from pod_jobs.jobs import queue, snapshot, workforce
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.report import REPORT, waiting_reports

log = logging.getLogger(__name__)

HEAD_START = timedelta(seconds=1)  # a row is left for so long to the web app, which enqueues right after its commit


def relay_outbox(redis: Redis, job_types: JobTypes, now: datetime, fence: Fence) -> int:
    """Enqueue the jobs in the outbox. Returns how many. Errors: Deposed."""
    count = 0
    for row in _due(redis, job_types, now):
        if row.kind not in job_types:
            log.error("%s: this version knows no job type %s; the row waits", row.job_id, row.kind)
            continue
        queue.enqueue(
            redis, job_types[row.kind], row.job_id, row.payload, at_front=row.at_front
        )  # False = RQ has it: sent all the same
        with fence():
            outbox.sent(row.job_id)
        count += 1
    if count:
        log.info("enqueued %s job(s) from the outbox", count)
    return count


def _due(redis: Redis, job_types: JobTypes, now: datetime) -> Iterator[Outbox]:
    """All rows that the web app has not enqueued, and then one row that makes way, if no other job waits in its queue."""
    makes_way = (
        outbox.next_to_make_way()
    )  # read first, so that whatever was committed with it is pending by now, or in RQ
    fresh_kinds = set()
    for row in outbox.pending():
        if timedelta() <= now - row.created_at <= HEAD_START:
            fresh_kinds.add(row.kind)
        else:
            yield row
    if makes_way is None or makes_way.kind in fresh_kinds:
        return
    if workforce.has_room(redis, job_types[makes_way.kind].queue):
        yield makes_way


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
