"""RQ's own house-keeping, done by one process for all queues: workers do it only when idle, and doubly when two do it at once."""

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

HAND_OVER_S = 15.0  # a worker begins a popped job within milliseconds; later it is dead

# A worker that was only slow may have begun the job since it was looked at: then it is in the first list no more.
RETURN = """
if redis.call('lrem', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call('lrem', KEYS[2], 0, ARGV[1])
return redis.call('lpush', KEYS[2], ARGV[1])
"""

DueAt = dict[tuple[str, float], float]  # job id and the instant that it is scheduled for -> monotonic instant


def start_due(redis: Redis, queue_names: tuple[str, ...], due: DueAt, now: datetime) -> None:
    """Scheduled jobs whose time has come -> their queues. Each move is one transaction: none is lost or doubled.

    `due` is kept between calls. A job starts when its wall-clock time has come, or when the wait that it had left at first
    sight is over: a clock that was wrong when the job was scheduled, and put right since, must not hold it up.
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
    for gone in due.keys() - present:
        del due[gone]


def clean(redis: Redis, queue_names: tuple[str, ...]) -> None:
    """Jobs of dead workers -> failed; expired entries and workers -> gone."""
    for name in queue_names:
        queue = open_queue(redis, name)
        clean_registries(queue)
        clean_worker_registry(queue)


def return_handed_over(redis: Redis, queue_names: tuple[str, ...]) -> None:
    """A worker died between taking a job and beginning it: the job goes back to the front of its queue, after 15 s."""
    for name in queue_names:
        queue = open_queue(redis, name)
        handed_over = [as_text(raw) for raw in redis.lrange(queue.intermediate_queue_key, 0, -1)]
        for job_id, seen_s in Sightings(redis, f"hand-overs:{name}").look(handed_over).items():
            if seen_s > HAND_OVER_S and fetch(redis, job_id) is None:  # deleted, or none of ours
                redis.lrem(queue.intermediate_queue_key, 0, job_id)
            elif seen_s > HAND_OVER_S:
                redis.eval(RETURN, 2, queue.intermediate_queue_key, queue.key, job_id)


def purge_failures(redis: Redis, queue_names: tuple[str, ...], older_than: timedelta) -> Iterator[None]:
    """Forget failed jobs that ended longer ago; RQ keeps them for ever, see jobs/queue.py. Yields after each."""
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
            return  # something else was scheduled meanwhile; the next round is near
