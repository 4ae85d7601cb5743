"""Counts of workers and pages of RQ's lists, for people and the janitor. Only reads: the janitor does the cleaning."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from rq import registry
from rq.queue import Queue
from rq.registry import BaseRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text

from pod_jobs.jobs import keys
from pod_jobs.jobs.queue import open_queue
from pod_jobs.jobs.rq_classes import PodJob

REGISTRIES: dict[str, type[BaseRegistry]] = {
    "failed": registry.FailedJobRegistry,
    "deferred": registry.DeferredJobRegistry,
    "started": registry.StartedJobRegistry,
    "finished": registry.FinishedJobRegistry,
    "scheduled": registry.ScheduledJobRegistry,
    "canceled": registry.CanceledJobRegistry,
}
QUEUED = "queued"


SUSPENDED = "suspended"  # RQ's word for a worker that takes no job: ours are drained, or a check of theirs fails


@dataclass(frozen=True)
class Strength:
    """The workers of one queue that gave a sign of life in time: those that work or could, and those that take no job."""

    alive: int
    suspended: int


def strengths(redis: Redis, queue_names: Iterable[str]) -> dict[str, Strength]:
    """Queue name -> its workers. RQ's own count has the dead ones in it."""
    found = {name: _states(redis, name) for name in queue_names}
    return {
        name: Strength(len(states) - states.count(SUSPENDED), states.count(SUSPENDED)) for name, states in found.items()
    }


def list_workers(redis: Redis, queue_names: Iterable[str]) -> list[dict[str, Any]]:
    """Those that gave a sign of life in time: name, queue, host, state, and the id of the job that each does."""
    found = []
    for queue_name in queue_names:
        worker_keys = sorted(as_text(key) for key in redis.smembers(keys.rq_workers_of(queue_name)))
        with redis.pipeline(transaction=False) as pipeline:
            for key in worker_keys:
                pipeline.hmget(key, "state", "hostname")
                pipeline.smembers(keys.rq_executions_of(keys.rq_worker_name(key)))
            answers = pipeline.execute()
        for key, (state, host), executions in zip(worker_keys, answers[::2], answers[1::2], strict=True):
            if state:
                job = next((as_text(execution).rpartition(":")[0] for execution in executions), None)
                told = {"host": as_text(host or b""), "state": as_text(state), "job": job}
                found.append({"name": keys.rq_worker_name(key), "queue": queue_name, **told})
    return found


def count_idle(redis: Redis, queue_name: str) -> int:
    """The number of workers that wait for a job, less the number of jobs that wait for a worker; at least 0."""
    return max(0, _states(redis, queue_name).count("idle") - int(redis.llen(keys.rq_queue(queue_name))))


def has_room(redis: Redis, queue_name: str) -> bool:
    """True when no job waits and a worker could take one. When Redis knows no worker, one job may wait for one."""
    states = _states(redis, queue_name)
    return not redis.llen(keys.rq_queue(queue_name)) and (
        not states or any(state not in ("busy", SUSPENDED) for state in states)
    )


def page_of_jobs(
    redis: Redis, queue_name: str, registry_name: str, start: int, count: int, *, newest_first: bool
) -> tuple[int, list[PodJob]]:
    """How many jobs a list of RQ's holds ("queued" or a key of REGISTRIES), and those from place `start` on."""
    queue = open_queue(redis, queue_name)
    if registry_name == QUEUED:
        total = int(redis.llen(queue.key))
    else:
        listed = REGISTRIES[registry_name](queue=queue)
        total = int(listed.get_job_count(cleanup=False))
    if newest_first:
        first, last = total - start - count, total - start - 1
    else:
        first, last = start, start + count - 1
    first, last = max(first, 0), min(last, total - 1)
    if last < first:
        return total, []
    ids = _ids(queue, registry_name, first, last)
    found = PodJob.fetch_many(ids[::-1] if newest_first else ids, connection=redis, serializer=JSONSerializer)
    return total, [job for job in found if isinstance(job, PodJob)]


def _states(redis: Redis, queue_name: str) -> list[str]:
    """RQ's word for what each worker does. The key of one that goes silent expires; its name stays listed for a while."""
    with redis.pipeline(transaction=False) as pipeline:
        for key in redis.smembers(keys.rq_workers_of(queue_name)):
            pipeline.hget(key, "state")
        return [as_text(state) for state in pipeline.execute() if state]


def _ids(queue: Queue, registry_name: str, first: int, last: int) -> list[str]:
    if registry_name == QUEUED:
        return [as_text(job_id) for job_id in queue.connection.lrange(queue.key, first, last)]
    return list(REGISTRIES[registry_name](queue=queue).get_job_ids(first, last, cleanup=False))
