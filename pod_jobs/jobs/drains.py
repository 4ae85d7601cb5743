"""Drains in Redis: workers that finish their present job and take no other one. The catalog stores the drains.

The web app publishes every change here for the workers. The janitor publishes all drains again and again, in case Redis
has lost them.
"""

import json
from typing import TYPE_CHECKING, Any

from pod_jobs.jobs import keys

if TYPE_CHECKING:  # the command line asks `reaches`, and starts without Redis's library
    from redis import Redis

REPORTS = "catalog"  # the queue of the results that go into the catalog


def publish(redis: "Redis", drains: list[dict[str, Any]]) -> None:
    """Tell the workers all `drains`, which are those of store.drains.for_workers."""
    redis.set(keys.DRAINS, json.dumps(drains, ensure_ascii=False))


def reaches(scope: str, name: str, worker: str, host: str, queue_name: str) -> bool:
    """Does a drain apply to this worker? One of a host or of all leaves those of REPORTS alone: what the others have finished
    would wait for them."""
    names = {"queue": queue_name, "worker": worker}
    if queue_name != REPORTS:
        names |= {"all": "", "host": host}
    return names.get(scope) == name


def why_drained(redis: "Redis", worker: str, host: str, queue_name: str) -> str:
    """Who drained this worker, and why, in words; "" = nobody has."""
    stored = redis.get(keys.DRAINS)
    for drain in json.loads(stored) if stored else ():
        if reaches(drain["scope"], drain["name"], worker, host, queue_name):
            return f"drained by {drain['who']}" + (f": {drain['why']}" if drain["why"] else "")
    return ""


def any_drained(redis: "Redis") -> bool:
    stored = redis.get(keys.DRAINS)
    return bool(stored and json.loads(stored))
