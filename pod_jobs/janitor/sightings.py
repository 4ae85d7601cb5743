"""Remembers since when something looks wrong. This is kept in Redis, so that a new janitor need not begin to count anew:
if every janitor died after half a minute, nothing would ever be repaired."""

from collections.abc import Iterable

from redis import Redis
from rq.utils import as_text

from pod_jobs.jobs import keys
from pod_jobs.jobs.connection import clock_of

MEMORY_S = 60  # everything is forgotten after so long without a look


class Sightings:
    """The sightings of the duty with this name. Only the leading janitor uses them, so one process at a time."""

    def __init__(self, redis: Redis, duty: str) -> None:
        self._redis = redis
        self._key = keys.sightings(duty)

    def look(self, wrong: Iterable[str]) -> dict[str, float]:
        """For each name in `wrong`: for how many seconds it has been there at every look, by the clock of Redis."""
        now = clock_of(self._redis)
        before = {as_text(name): _instant(at, now) for name, at in self._redis.hgetall(self._key).items()}
        since = {name: min(now, before.get(name, now)) for name in wrong}
        if since or before:
            with self._redis.pipeline() as pipeline:
                pipeline.delete(self._key)
                if since:
                    pipeline.hset(self._key, mapping={name: str(at) for name, at in since.items()})
                    pipeline.expire(self._key, MEMORY_S)
                pipeline.execute()
        return {name: now - at for name, at in since.items()}

    def forget(self, name: str) -> None:
        """Forget a name, because it was repaired."""
        self._redis.hdel(self._key, name)


def _instant(text: bytes | str, now: float) -> float:
    """The instant in `text`; `now` for any other text, which another program wrote."""
    try:
        return float(text)
    except ValueError:
        return now
