"""Cleans RQ's registries and lists, in one process for all queues. RQ's workers clean only when they are idle, and two that
clean at the same time enqueue a job twice."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis, WatchError
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, clean_registries
from rq.utils import as_text
from rq.worker_registration import clean_worker_registry

from pod_jobs.janitor.sightings import Sightings
from pod_jobs.jobs.queue import fetch, open_queue
from pod_jobs.jobs.rq_classes import PodJob, PodQueue

TAKEN_S = 15.0  # a worker begins a job within milliseconds of taking it; one that has not done so by now is dead

# A slow worker may have begun the job since the last look. Then the job is no longer in the first list, and nothing happens.
RETURN = """
if redis.call('lrem', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call('lrem', KEYS[2], 0, ARGV[1])
return redis.call('lpush', KEYS[2], ARGV[1])
"""

DueAt = dict[tuple[str, float], float]  # job id and the instant that it is scheduled for -> monotonic instant


def start_due(redis: Redis, queue_names: tuple[str, ...], due: DueAt, now: datetime) -> None:
    """Move scheduled jobs whose time has come to their queues. Each move is one transaction: no job is lost or doubled.

    `due` is kept between calls. A job starts when its wall-clock time has come, or when the time that it had left at the first
    look has passed. So a clock that was wrong when the job was scheduled, and has been corrected, does not delay it.
    """
    present: set[tuple[str, float]] = set()
    for name in queue_names:
        queue = open_queue(redis, name)
        registry = ScheduledJobRegistry(queue=queue)
        scheduled = cast(list[tuple[bytes, float]], redis.zrange(registry.key, 0, -1, withscores=True))
        for raw, at in scheduled:
            job_id = as_text(raw)
            present.add((job_id, at))  # a job that started and failed since the last call is scheduled anew
            wait_s = at - now.timestamp()
            if wait_s <= 0 or time.monotonic() >= due.setdefault((job_id, at), time.monotonic() + wait_s):
                _start(redis, queue, registry, job_id)
    for key in due.keys() - present:
        del due[key]


def clean(redis: Redis, queue_names: tuple[str, ...]) -> None:
    """Mark jobs of dead workers as failed; remove expired entries and workers."""
    for name in queue_names:
        queue = open_queue(redis, name)
        clean_registries(queue)
        clean_worker_registry(queue)


def return_taken_jobs(redis: Redis, queue_names: tuple[str, ...]) -> None:
    """Put jobs back to the front of their queues that a worker took more than 15 s ago and has not begun: it died."""
    for name in queue_names:
        queue = open_queue(redis, name)
        job_ids = [as_text(raw) for raw in redis.lrange(queue.intermediate_queue_key, 0, -1)]
        for job_id, seen_s in Sightings(redis, f"taken:{name}").look(job_ids).items():
            if seen_s > TAKEN_S and fetch(redis, job_id) is None:  # deleted, or none of ours
                redis.lrem(queue.intermediate_queue_key, 0, job_id)
            elif seen_s > TAKEN_S:
                redis.eval(RETURN, 2, queue.intermediate_queue_key, queue.key, job_id)


def purge_failures(redis: Redis, queue_names: tuple[str, ...], older_than: timedelta) -> Iterator[None]:
    """Delete failed jobs that ended longer than `older_than` ago. RQ keeps them for ever (jobs/queue.py). Yields after each."""
    limit = datetime.now(UTC) - older_than
    for name in queue_names:
        registry = FailedJobRegistry(queue=open_queue(redis, name), job_class=PodJob)
        for job_id in registry.get_job_ids(cleanup=False):
            job = fetch(redis, job_id)
            if job is None:
                redis.zrem(registry.key, job_id)
            elif job.ended_at is not None and job.ended_at < limit:
                job.delete()
            yield


def _start(redis: Redis, queue: PodQueue, registry: ScheduledJobRegistry, job_id: str) -> None:
    job = fetch(redis, job_id)
    with redis.pipeline() as pipeline:
        try:
            pipeline.watch(registry.key)
            if pipeline.zscore(registry.key, job_id) is None:
                return
            pipeline.multi()
            pipeline.zrem(registry.key, job_id)
            if job is not None:
                queue._enqueue_job(job, pipeline=pipeline, at_front=bool(job.should_enqueue_at_front()))
            pipeline.execute()
        except WatchError:
            return  # another job was scheduled at the same time; the next round moves this one
