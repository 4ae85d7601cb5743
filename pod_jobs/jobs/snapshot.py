"""Finds where each of our jobs is in RQ at one moment. The janitor compares this with the catalog."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from rq.registry import ScheduledJobRegistry, StartedJobRegistry
from rq.utils import as_text

from pod_jobs.jobs import keys
from pod_jobs.jobs.queue import open_queue

ASKED_AT_ONCE = 500  # jobs in one round trip


@dataclass
class Snapshot:
    """Sets of job ids. `started` holds only jobs whose worker gave a sign of life in time."""

    listed: set[str] = field(default_factory=set)  # waiting in a queue
    taken: set[str] = field(default_factory=set)  # taken by a worker that has not begun it yet
    scheduled: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    status: dict[str, str | None] = field(default_factory=dict)  # job id -> RQ's status; None = unknown to RQ

    def placed(self, job_id: str) -> bool:
        """Will RQ bring this job to an end by itself?"""
        return job_id in self.listed or job_id in self.taken or job_id in self.scheduled or job_id in self.started


def take(redis: Redis, queue_names: tuple[str, ...], job_ids: list[str]) -> Snapshot:
    """Read queues and registries without cleaning them, and the status of each of `job_ids`."""
    snapshot = Snapshot()
    for name in queue_names:
        queue = open_queue(redis, name)
        snapshot.listed |= _texts(redis.lrange(queue.key, 0, -1))
        snapshot.taken |= _texts(redis.lrange(queue.intermediate_queue_key, 0, -1))
        snapshot.scheduled |= _texts(redis.zrange(ScheduledJobRegistry(queue=queue).key, 0, -1))
        alive = redis.zrangebyscore(StartedJobRegistry(queue=queue).key, time.time(), "+inf")
        snapshot.started |= {composite.rpartition(":")[0] for composite in _texts(alive)}
    for start in range(0, len(job_ids), ASKED_AT_ONCE):
        part = job_ids[start : start + ASKED_AT_ONCE]
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in part:
                pipeline.hget(keys.rq_job(job_id), "status")
            answers = pipeline.execute()
        snapshot.status |= {job_id: answer and as_text(answer) for job_id, answer in zip(part, answers, strict=True)}
    return snapshot


def _texts(values: Iterable[Any]) -> set[str]:
    return {as_text(value) for value in values}
