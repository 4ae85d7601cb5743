"""One janitor at a time, even over several hosts and through outages: a lock in Redis, and a fencing token in the catalog.

The lock expires by itself, so a dead leader is replaced. A leader that was suspended while its lock expired, even in the middle
of a duty, can change nothing more: each of its changes to the catalog is a transaction that checks whether its term still
lasts (the fence).
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
    """A candidate for leadership; `hold` says whether it leads at this moment. Needs an open database."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = uuid.uuid4().hex
        self.term: int | None = None  # fencing token while leading

    def hold(self) -> bool:
        """Renew or take the lock. False: somebody else leads."""
        if not self._redis.eval(HOLD, 1, keys.JANITOR_LOCK, self._name, LOCK_TTL_S * 1000):
            self.term = None
            return False
        if self.term is None:
            self.term = leadership.begin()
        return True

    def writing(self) -> AbstractContextManager[None]:
        """The transaction for a change to the catalog: see store.leadership.fenced. Errors: Deposed."""
        return leadership.fenced(self.term)

    def release(self) -> None:
        """Let another one take over at once."""
        self.term = None
        self._redis.eval(RELEASE, 1, keys.JANITOR_LOCK, self._name)
