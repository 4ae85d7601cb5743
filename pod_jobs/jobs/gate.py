"""May this worker take a job now? It asks before each one, and every few seconds while it is idle.

Not while people drain it, and not while the checks that were passed at its start fail: a token that was revoked, a disk that is
full or read-only, a media folder that is away. Jobs that it would take then fail one after the other and wait ever longer.
"""

import time
from collections.abc import Callable

from redis import Redis

from pod_jobs.jobs import drains

CHECK_S = 30.0  # between two series of checks while all is well; after a job that did not succeed they are made at once

Check = Callable[[], str]  # what is wrong, in a line; "" = nothing


class Gate:
    """For one worker. `check` takes some tens of milliseconds when all is well."""

    def __init__(self, redis: Redis, worker: tuple[str, str, str], check: Check) -> None:
        """`worker`: name, host and queue."""
        self._redis = redis
        self._worker = worker
        self._check = check
        self._check_at = time.monotonic() + CHECK_S

    def doubt(self) -> None:
        """Something went wrong: check before the next job."""
        self._check_at = 0.0

    def why_closed(self) -> str:
        """ "" = it may take a job. Errors: RedisError."""
        if drained := drains.why_drained(self._redis, *self._worker):
            return drained
        if time.monotonic() < self._check_at:
            return ""
        found = self._check()
        self._check_at = 0.0 if found else time.monotonic() + CHECK_S
        return found
