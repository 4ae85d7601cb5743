"""The shape of a job: what the table lists, and what a job's function gets."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.errors import Cancelled, Interrupted
from pod_jobs.jobs import queue
from pod_jobs.media_folder import KIND
from pod_jobs.settings import Settings

HOUR_S = 3600
TICK_S = 0.5  # progress is written, and a cancel looked for, at most this often
SILENCE_S = 5.0  # after a failed write of progress, Redis is left alone for so long: an outage must not slow the job

Payload = dict[str, Any]


@dataclass(frozen=True)
class JobType:
    """One line of the table.

    Of a task: `run(context, order)` returns the result that is reported to the catalog, which knows of each run.
    Not of a task (a delivery): `run(context, payload)` returns nothing, and is repeated until it raises nothing or a
    PermanentError. Both raise the errors of pod_jobs.errors; runtime decides what follows.
    `prepare(settings)` is called once in the worker, before it forks: what it keeps in memory, every run finds.
    `timeout_s` ends a run that no limit inside it ended; the limits of media/run.py are much narrower.
    """

    kind: str
    queue: str
    run: Callable[..., Any]
    of_task: bool = True
    prepare: Callable[[Settings], object] | None = None
    timeout_s: int = 72 * HOUR_S

    def __post_init__(self) -> None:
        if not KIND.fullmatch(self.kind):
            raise ValueError(f"{self.kind!r} is no kind: {KIND.pattern}")


class StopSignal:
    """SIGTERM, caught: the worker wants its job to end soon."""

    def __init__(self) -> None:
        self.caught = False

    def install(self) -> None:
        """Also lets through a SIGTERM that came while the worker held it back (see worker.fork_work_horse)."""
        signal.signal(signal.SIGTERM, self._catch)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        self.caught = True


@dataclass
class Context:
    """What a running job has: settings, connections, who it is. `redis` is patient, `brisk_redis` fails within 2 s."""

    settings: Settings
    redis: Redis
    brisk_redis: Redis
    catalog: CatalogClient
    worker: str
    host: str
    stop: StopSignal
    parent_pid: int = field(default_factory=os.getppid)
    source_s: float | None = None  # what the recording lasts, once the job has said so
    _next_tick: float = 0.0

    def check_stop(self) -> None:
        """Errors: Interrupted: end now."""
        if self.stop.caught:
            raise Interrupted("the worker is stopping")
        if os.getppid() != self.parent_pid:
            raise Interrupted("the worker is gone")

    def tick(self, order: Order, progress: dict[str, Any]) -> None:
        """Publish progress; to be called often. Errors: Interrupted, Cancelled: end now."""
        self.source_s = progress.get("source_s")
        self.check_stop()
        if time.monotonic() < self._next_tick:
            return
        self._next_tick = time.monotonic() + TICK_S
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        who = {"worker": self.worker, "host": self.host, "attempt": order.attempt, "at": at}
        try:
            queue.write_progress(self.brisk_redis, order.task, {**progress, **who})
            cancelled = queue.is_cancel_requested(self.brisk_redis, order.task, order.generation)
        except RedisError:
            self._next_tick = time.monotonic() + SILENCE_S
            return
        if cancelled:
            raise Cancelled("a person cancelled the task")
