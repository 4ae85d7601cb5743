"""Lets only one instance use a Redis database. Two that share one would run each other's jobs and clean each other's lists.

The catalog has an identity. The first instance that uses a Redis database stores its identity there.
"""

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.errors import SettingsError
from pod_jobs.jobs import keys
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.settings import Settings


def owns(redis: Redis, identity: str) -> bool:
    """Does this Redis database belong to the catalog `identity`? A database without an owner belongs to it from now on.
    Errors: RedisError."""
    holder = redis.get(keys.OWNER)
    if holder is None:
        redis.set(keys.OWNER, identity, nx=True)
        holder = redis.get(keys.OWNER)
    return (holder.decode() if isinstance(holder, bytes) else holder) == identity


def demand_own_redis(settings: Settings, identity: str) -> None:
    """Check that the Redis database does not belong to another instance. Does nothing for the embedded server, nor while
    Redis is away; the janitor asks again in each round.

    Errors: SettingsError.
    """
    if not settings.redis.url:
        return
    try:
        with connect_promptly(settings.redis_url) as redis:
            is_ours = owns(redis, identity)
    except (RedisError, ValueError):
        return
    if not is_ours:
        raise SettingsError(WORDS)


WORDS = (
    "redis.url: this Redis database belongs to another instance of pod_jobs. Each instance needs one of its own, for example"
    f" redis://…/1. If the other instance no longer exists: redis-cli -n NUMBER DEL {keys.OWNER}"
)
