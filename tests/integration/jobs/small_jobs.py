"""An encoding that only pretends: enqueuing it, running it, following it."""

import time
from typing import Any

from redis import Redis

from pod_jobs.catalog.client import Order
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ENCODE

PAYLOAD = {"task": 7, "generation": 1}
RESULT = {"folder": "f", "outputs": [], "cpu_s": 1.5}


def enqueue(redis: Redis) -> None:
    assert queue.enqueue(redis, ENCODE, "encode-7-g1", PAYLOAD)


def status(redis: Redis, job_id: str = "encode-7-g1") -> str | None:
    job = queue.fetch(redis, job_id)
    return None if job is None else str(job.get_status().value)


def working(redis: Redis) -> bool:
    return 7 in queue.read_progress(redis, [7])


def keep_working(context: Context, order: Order) -> dict[str, Any]:
    while True:
        context.tick(order, {"step": "encode", "fraction": 0.5})
        time.sleep(0.02)
