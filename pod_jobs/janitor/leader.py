"""Lets one janitor at a time lead, also across hosts and outages, by a lock in Redis and a fencing token in the catalog.

The lock expires by itself, so that a dead leader is replaced. A leader may be suspended while its lock expires, even in the
middle of a duty. It can change nothing afterwards: each of its changes to the catalog is a transaction that checks whether
its term still lasts (the fence).
"""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

from redis import Redis

from pod_jobs.catalog.store import leadership
from pod_jobs.jobs import keys

LOCK_TTL_S = 20

HOLD = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""

Fence = Callable[[], AbstractContextManager[None]]  # a transaction on the catalog; Errors: Deposed


class Leader:
    """A janitor that leads or waits to lead; `hold` tells which. Needs an open database."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = uuid.uuid4().hex
        self.term: int | None = None  # fencing token while leading

    def hold(self) -> bool:
        """Take the lock or renew it. False if another janitor leads."""
        if not self._redis.eval(HOLD, 1, keys.JANITOR_LOCK, self._name, LOCK_TTL_S * 1000):
            self.term = None
            return False
        if self.term is None:
            self.term = leadership.begin()
        return True

    def writing(self) -> AbstractContextManager[None]:
        """A transaction for a change to the catalog; see store.leadership.fenced. Errors: Deposed."""
        return leadership.fenced(self.term)

    def release(self) -> None:
        """Give the lock up, so that another janitor can lead at once."""
        self.term = None
        self._redis.eval(RELEASE, 1, keys.JANITOR_LOCK, self._name)
