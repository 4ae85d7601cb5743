"""Takes messages from a queue of Celery's in Redis so that none is lost, whatever dies in between.

A message is moved to a list of ours in one step, and leaves it only when the caller has committed what it makes of it. There
is no visibility time-out. A bridge that starts offers again what lies in that list. This may deliver a message twice, while
another bridge is at it: so the caller must commit under the message's id.
"""

from redis import Redis

TAKEN, REFUSED = "pod-jobs.taken", "pod-jobs.refused"  # lists beside each queue


class BrokerQueue:
    """One queue. `redis` must return bytes."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis, self._name = redis, name
        self._taken, self._refused = f"{name}.{TAKEN}", f"{name}.{REFUSED}"

    def take(self) -> bytes | None:
        """The message that waits longest; None when none waits. It counts as taken until `done` or `refuse`."""
        raw = self._redis.lmove(self._name, self._taken, "RIGHT", "LEFT")
        assert raw is None or isinstance(raw, bytes)  # noqa: S101  # for the type checker
        return raw

    def done(self, raw: bytes) -> None:
        """What the message asks for is committed."""
        self._redis.lrem(self._taken, 1, raw)  # type: ignore[arg-type]  # redis-py takes bytes here too

    def refuse(self, raw: bytes) -> None:
        """Keep a message aside that cannot be carried out. Refused twice, it is kept once."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.lrem(self._refused, 0, raw)  # type: ignore[arg-type]
            pipe.lpush(self._refused, raw)
            pipe.lrem(self._taken, 1, raw)  # type: ignore[arg-type]
            pipe.execute()

    def take_back(self) -> int:
        """Offer again what a bridge took and did not finish, in the order of its arrival and before what waits. Returns how
        many messages."""
        count = 0
        while self._redis.lmove(self._taken, self._name, "LEFT", "RIGHT") is not None:
            count += 1
        return count
