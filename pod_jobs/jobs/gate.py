"""Decides whether a worker may take a job now. The worker asks before each job, and every few seconds while it is idle.

It may not while people have drained it, or while one of the checks fails that it passed at its start: its token was revoked,
a disk is full or read-only, the media folder is away. Otherwise all jobs that it takes would fail and wait longer each time.
"""

import time
from collections.abc import Callable

from redis import Redis

from pod_jobs.jobs import drains

CHECK_S = 30.0  # between two rounds of checks; after a job that did not succeed, they run at once

Check = Callable[[], str]  # what is wrong, in a line; "" = nothing


class Gate:
    """The gate of one worker. `check` may take some tens of milliseconds."""

    def __init__(self, redis: Redis, worker: tuple[str, str, str], check: Check) -> None:
        """`worker`: name, host and queue."""
        self._redis = redis
        self._worker = worker
        self._check = check
        self._check_at = time.monotonic() + CHECK_S

    def doubt(self) -> None:
        """Run the checks before the next job, because something went wrong."""
        self._check_at = 0.0

    def why_closed(self) -> str:
        """Why the worker may not take a job, in words; "" = it may. Errors: RedisError."""
        if drained := drains.why_drained(self._redis, *self._worker):
            return drained
        if time.monotonic() < self._check_at:
            return ""
        fault = self._check()
        self._check_at = 0.0 if fault else time.monotonic() + CHECK_S
        return fault
