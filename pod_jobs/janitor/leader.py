"""One janitor at a time, even over several hosts and through outages: a lock in Redis with a fencing token.

The lock expires on its own, so a dead leader is replaced; the token grows with every new leader, so one that slept through its
lock's expiry learns so before each duty and stops.
"""

from redis import Redis

LOCK_KEY = "pod_jobs:janitor:lock"  # value: the holder's fencing token; expires
FENCE_KEY = "pod_jobs:janitor:fence"  # counter: the number of leaderships so far
LOCK_TTL_S = 20

RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


class Leadership:
    """The wish to be the one janitor; `hold` says whether it is fulfilled at this moment."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.token: int | None = None  # fencing token while leading

    def hold(self) -> bool:
        """Renew or take the lock. False: somebody else leads, or we lost it; then stop what was begun."""
        if self.token is not None:
            if self._redis.eval(RENEW, 1, LOCK_KEY, str(self.token), LOCK_TTL_S * 1000):
                return True
            self.token = None
        if self._redis.exists(LOCK_KEY):
            return False
        token = int(self._redis.incr(FENCE_KEY))
        if self._redis.set(LOCK_KEY, token, nx=True, ex=LOCK_TTL_S):
            self.token = token
            return True
        return False

    def release(self) -> None:
        """Let another one take over at once."""
        if self.token is not None:
            self._redis.eval(RELEASE, 1, LOCK_KEY, str(self.token))
            self.token = None
