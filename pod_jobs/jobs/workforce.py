"""Which workers are there, and pages of RQ's lists: for people to look at. Reads without cleaning: that is the janitor's."""

from collections.abc import Iterable

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


def count_workers(redis: Redis, queue_names: Iterable[str]) -> dict[str, int]:
    """Queue name -> workers that gave a sign of life in time. RQ's own count has the dead ones in it."""
    return {name: _count_alive(redis, redis.smembers(keys.rq_workers_of(name))) for name in queue_names}


def count_idle(redis: Redis, queue_name: str) -> int:
    """Workers that wait for a job, less the jobs that wait for a worker."""
    return max(0, _states(redis, queue_name).count("idle") - int(redis.llen(keys.rq_queue(queue_name))))


def has_room(redis: Redis, queue_name: str) -> bool:
    """No job waits, and not every worker is busy. With no worker in sight (Redis lost them) one job may wait for one."""
    states = _states(redis, queue_name)
    return not redis.llen(keys.rq_queue(queue_name)) and (not states or any(state != "busy" for state in states))


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
    """RQ's word for what each worker does."""
    with redis.pipeline(transaction=False) as pipeline:
        for key in redis.smembers(keys.rq_workers_of(queue_name)):
            pipeline.hget(key, "state")
        return [as_text(state) for state in pipeline.execute() if state]


def _count_alive(redis: Redis, worker_keys: set[bytes | str]) -> int:
    """The key of a worker expires when it goes silent; its name stays listed until RQ cleans up."""
    return int(redis.exists(*worker_keys)) if worker_keys else 0


def _ids(queue: Queue, registry_name: str, first: int, last: int) -> list[str]:
    if registry_name == QUEUED:
        return [as_text(job_id) for job_id in queue.connection.lrange(queue.key, first, last)]
    return list(REGISTRIES[registry_name](queue=queue).get_job_ids(first, last, cleanup=False))
