"""Counts workers and reads pages of RQ's lists, for people and the janitor. Changes nothing; only the janitor cleans."""

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
SUSPENDED = "suspended"  # RQ's state of a worker that takes no job, because it is drained or one of its checks fails


@dataclass(frozen=True)
class Strength:
    """How many workers of one queue gave a sign of life in time: `alive` ones take jobs, `suspended` ones do not."""

    alive: int
    suspended: int


def strengths(redis: Redis, queue_names: Iterable[str]) -> dict[str, Strength]:
    """Queue name -> the strength of its workers. RQ's own count includes dead ones."""
    states_by_queue = {name: _states(redis, name) for name in queue_names}
    return {
        name: Strength(len(states) - states.count(SUSPENDED), states.count(SUSPENDED))
        for name, states in states_by_queue.items()
    }


def list_workers(redis: Redis, queue_names: Iterable[str]) -> list[dict[str, Any]]:
    """The workers that gave a sign of life in time, as {"name", "queue", "host", "state", "job"}; `job` is an id or None."""
    names, workers = list(queue_names), []
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.smembers(keys.rq_workers_of(name))
        key_sets = pipeline.execute()
    listed = [(name, as_text(key)) for name, key_set in zip(names, key_sets, strict=True) for key in sorted(key_set)]
    with redis.pipeline(transaction=False) as pipeline:  # two round trips in all: pages that are open ask for this
        for _, key in listed:
            pipeline.hmget(key, "state", "hostname")
            pipeline.smembers(keys.rq_executions_of(keys.rq_worker_name(key)))
        answers = pipeline.execute()
    for (name, key), (state, host), executions in zip(listed, answers[::2], answers[1::2], strict=True):
        if state:
            job = next((as_text(execution).rpartition(":")[0] for execution in executions), None)
            facts = {"host": as_text(host or b""), "state": as_text(state), "job": job}
            workers.append({"name": keys.rq_worker_name(key), "queue": name, **facts})
    return workers


def count_idle(redis: Redis, queue_name: str) -> int:
    """The number of workers that wait for a job, less the number of jobs that wait for a worker; at least 0."""
    return max(0, _states(redis, queue_name).count("idle") - int(redis.llen(keys.rq_queue(queue_name))))


def count_waiting_for_work(redis: Redis, queue_name: str) -> int:
    """The number of workers that would take a job now."""
    return sum(state not in ("busy", SUSPENDED) for state in _states(redis, queue_name))


def has_untaken_jobs(redis: Redis, queue_name: str) -> bool:
    """Do more jobs wait in the queue than there are workers to take them now?"""
    return int(redis.llen(keys.rq_queue(queue_name))) > count_waiting_for_work(redis, queue_name)


def page_of_jobs(
    redis: Redis, queue_name: str, registry_name: str, start: int, count: int, *, newest_first: bool
) -> tuple[int, list[PodJob]]:
    """The number of jobs in a list of RQ ("queued" or a key of REGISTRIES), and `count` of them from place `start` on."""
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
    jobs = PodJob.fetch_many(ids[::-1] if newest_first else ids, connection=redis, serializer=JSONSerializer)
    return total, [job for job in jobs if isinstance(job, PodJob)]


def _states(redis: Redis, queue_name: str) -> list[str]:
    """RQ's state of each worker. The key of a worker that gives no sign of life expires, but its name stays listed for a
    while."""
    with redis.pipeline(transaction=False) as pipeline:
        for key in redis.smembers(keys.rq_workers_of(queue_name)):
            pipeline.hget(key, "state")
        return [as_text(state) for state in pipeline.execute() if state]


def _ids(queue: Queue, registry_name: str, first: int, last: int) -> list[str]:
    if registry_name == QUEUED:
        return [as_text(job_id) for job_id in queue.connection.lrange(queue.key, first, last)]
    return list(REGISTRIES[registry_name](queue=queue).get_job_ids(first, last, cleanup=False))
