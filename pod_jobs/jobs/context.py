"""The context of a running job: settings, connections, the name of its worker, and how it learns that it has to end."""

import os
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.errors import Cancelled, Interrupted
from pod_jobs.jobs import queue
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.media.sharing import chunks
from pod_jobs.settings import Settings
from pod_jobs.storage import Run, Storage, WorkFolder
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.system.family_load import FamilyLoad

TICK_S = 0.5  # progress is written, and a cancel looked for, at most this often
# No progress is written for this long after a failed write, so that an outage of Redis does not slow the job
SILENCE_S = 5.0


class StopSignal:
    """Remembers that SIGTERM arrived, by which the worker asks its job to end soon."""

    def __init__(self) -> None:
        self.caught = False

    def install(self) -> None:
        """Listen for SIGTERM. One that came while the worker blocked it (worker.fork_work_horse) arrives now."""
        signal.signal(signal.SIGTERM, self._catch)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        self.caught = True


@dataclass
class Context:
    """The context of a running job. `redis` waits until an outage of minutes is over; `brisk_redis` fails within 2 s."""

    settings: Settings
    redis: Redis
    brisk_redis: Redis
    catalog: CatalogClient
    worker: str
    host: str
    stop: StopSignal
    parent_pid: int = field(default_factory=os.getppid)
    job_types: JobTypes = field(default_factory=dict)
    source_s: float | None = None  # duration of the recording, once the job knows it
    _next_tick: float = 0.0

    @cached_property
    def storage(self) -> Storage:
        """Where sources and outputs are."""
        return self.settings.storage

    @cached_property
    def load(self) -> FamilyLoad:
        """What this job uses of its host."""
        return FamilyLoad(os.getpid())

    @cached_property
    def far_help(self) -> FarHelp:
        """How workers help that have no folder in common."""
        return self.settings.far_help

    def check_stop(self) -> None:
        """Check whether the job has to end now. Call this often. Errors: Interrupted."""
        if self.stop.caught:
            raise Interrupted("the worker is stopping")
        if os.getppid() != self.parent_pid:
            raise Interrupted("the worker is gone")

    def tick(self, order: Order, progress: dict[str, Any]) -> None:
        """Publish progress, and check whether the job has to end now. Call this often. Errors: Interrupted, Cancelled."""
        self.source_s = progress.get("source_s")
        self.check_stop()
        if time.monotonic() < self._next_tick:
            return
        self._next_tick = time.monotonic() + TICK_S
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        who = {"worker": self.worker, "host": self.host, "attempt": order.attempt, "at": at}
        used = self.load.read()._asdict()
        try:
            said = {**progress, **used, **who, "trouble": self.storage.trouble}
            queue.write_progress(self.brisk_redis, order.task, said)
            cancelled = queue.is_cancel_requested(self.brisk_redis, order.task, order.generation)
            interrupted = queue.is_interrupt_requested(self.brisk_redis, order.task, self.worker)
        except RedisError:
            self._next_tick = time.monotonic() + SILENCE_S
            return
        if cancelled:
            raise Cancelled("a person cancelled the task")
        if interrupted:
            queue.forget_interrupt(self.redis, order.task)
            raise Interrupted("a person stopped this worker's job")


def work_on(context: Context, order: Order, run: Run) -> AbstractContextManager[WorkFolder]:
    """Hold the video of `run`, and tell people that it waits while another run has it. Errors: as of Storage.work_on; what
    `Context.tick` raises."""

    def wait() -> None:
        context.tick(order, {"step": "waiting", "fraction": 0.0})

    return context.storage.work_on(run, wait, end_helpers=chunks.clear)
