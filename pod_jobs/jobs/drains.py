"""Workers that finish their present job and take no other one, as people wish: the catalog keeps the wish, Redis carries it.

The web app publishes each change, and the janitor all of them now and then, in case Redis forgot.
"""

import json
from typing import Any

from redis import Redis

from pod_jobs.jobs import keys


def publish(redis: Redis, drains: list[dict[str, Any]]) -> None:
    """`drains` as store.drains.told gives them."""
    redis.set(keys.DRAINS, json.dumps(drains, ensure_ascii=False))


def why_drained(redis: Redis, worker: str, host: str, queue_name: str) -> str:
    """Who wants this worker to take no job, and why; "" = nobody does."""
    said = redis.get(keys.DRAINS)
    own = {"all": "", "queue": queue_name, "host": host, "worker": worker}
    for drain in json.loads(said) if said else ():
        if own.get(drain["scope"]) == drain["name"]:
            return f"drained by {drain['who']}" + (f": {drain['why']}" if drain["why"] else "")
    return ""


def any_drained(redis: Redis) -> bool:
    said = redis.get(keys.DRAINS)
    return bool(said and json.loads(said))
