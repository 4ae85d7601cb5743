"""Drains in Redis: workers that finish their present job and take no other one. The catalog stores the drains.

The web app publishes every change here for the workers. The janitor publishes all drains again and again, in case Redis
has lost them.
"""

import json
from typing import Any

from redis import Redis

from pod_jobs.jobs import keys
from pod_jobs.jobs.drain_scope import reaches


def publish(redis: Redis, drains: list[dict[str, Any]]) -> None:
    """Tell the workers all `drains`, which are those of store.drains.for_workers."""
    redis.set(keys.DRAINS, json.dumps(drains, ensure_ascii=False))


def why_drained(redis: Redis, worker: str, host: str, queue_name: str) -> str:
    """Who drained this worker, and why, in words; "" = nobody has."""
    stored = redis.get(keys.DRAINS)
    for drain in json.loads(stored) if stored else ():
        if reaches(drain["scope"], drain["name"], worker, host, queue_name):
            return f"drained by {drain['who']}" + (f": {drain['why']}" if drain["why"] else "")
    return ""


def any_drained(redis: Redis) -> bool:
    stored = redis.get(keys.DRAINS)
    return bool(stored and json.loads(stored))
