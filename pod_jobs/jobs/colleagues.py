"""Idle workers of the same queue help with a long encoding or transcription. `Colleagues` is the side of its owner, who calls
them; `help_with` is the side of a worker that was called.

They share a folder of chunks (storage.Run), or the web app carries the chunks (storage/far_help.py). The catalog does not know of
helpers, and nothing is lost when one fails.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from pod_jobs.catalog.client import Order
from pod_jobs.errors import Cancelled, PodJobsError, ServiceUnavailable, Stopped, Superseded
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import TICK_S, Context
from pod_jobs.jobs.job_type import Payload, Shape
from pod_jobs.jobs.workforce import count_idle
from pod_jobs.media_folder import KIND
from pod_jobs.storage import HelpersPlace, Run

log = logging.getLogger(__name__)

# storage makes the path of the folder from these names and numbers: no path is taken from the key-value server
CALL: Shape = {
    "helps": None,
    "generation": None,
    "attempt": None,
    "video": None,
    "kind": KIND,
    "template": re.compile("([a-z][a-z0-9]{0,19})?"),
    "media": re.compile("[0-9a-f]{0,64}"),
}


@dataclass
class Colleagues:
    """The Team of one run. `shared`: the folder of its chunks, here; `kind`: the job type by which they are called."""

    context: Context
    order: Order
    run: Run
    shared: Path
    kind: str
    called: int = 0

    def idle(self) -> int:
        """How many workers have nothing to do and no job waiting for them; 0 while Redis cannot be reached."""
        try:
            return count_idle(self.context.brisk_redis, self.context.job_types[self.kind].queue)
        except RedisError:
            return 0

    def call(self, count: int) -> None:
        """Enqueue jobs for this many helpers. A lost one does no harm."""
        order = self.order
        numbers = {"helps": order.task, "generation": order.generation, "attempt": order.attempt}
        names = {"template": order.template, "kind": order.kind, "media": self.run.media}
        run = {**numbers, **names, "video": self.run.video}
        assist = self.context.job_types[self.kind]
        for _ in range(count):
            self.called += 1
            job_id = f"{assist.kind}-{order.task}-g{order.generation}-a{order.attempt}-{self.called}"
            try:
                queue.enqueue(self.context.brisk_redis, assist, job_id, run)
            except ServiceUnavailable:
                return


# (the place of the run, a tick to call often, may another piece be begun?) -> how many pieces were made
Help = Callable[[HelpersPlace, Callable[[float], None], Callable[[], bool]], int]


# The same for a run whose owner is elsewhere: (the run, a tick to call often, may another piece be begun?)
FarWork = Callable[[Run, Callable[[], object], Callable[[], bool]], int]


def help_with(
    context: Context, payload: Payload, queue_name: str, work: Help, from_afar: FarWork | None = None
) -> None:
    """Do `work` for the run that called, until that run is over, cancelled or dead; `from_afar` if this worker has no folder in
    common with it. No further piece is begun once a task waits in the queue. Raises nothing that would make RQ run it again."""
    run = Run(*(payload[name] for name in ("video", "kind", "helps", "generation", "template", "media", "attempt")))
    check_end = _Look(context, run)

    def tick(_: float) -> None:
        if check_end() and not context.storage.is_worked_on(run):
            raise Superseded("the run that called is over")

    def may_go_on() -> bool:
        return not _task_waits(context, queue_name)

    try:
        count = 0
        if may_go_on():
            place = _place(context, run, or_none=from_afar is not None)
            if place is not None:
                count = work(place, tick, may_go_on)
            elif from_afar is not None:
                count = from_afar(run, check_end, may_go_on)
        log.info("task %s g%s: made %s of its pieces", run.task, run.generation, count)
    except (Stopped, FileNotFoundError) as error:  # a run that is over removes its folder
        log.info("task %s g%s: help ended: %s", run.task, run.generation, error)
    except (PodJobsError, OSError) as error:  # the worker that called makes this piece itself
        log.warning("task %s g%s: help ended: %s", run.task, run.generation, error)


class _Look:
    """Called often: has the help to end? Returns whether it looked this time. Errors: Interrupted, Cancelled."""

    def __init__(self, context: Context, run: Run) -> None:
        self._context, self._run = context, run
        self._next = 0.0

    def __call__(self) -> bool:
        self._context.check_stop()
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + TICK_S
        if _is_cancelled(self._context, self._run.task, self._run.generation):
            raise Cancelled("a person cancelled the task")
        return True


def _place(context: Context, run: Run, *, or_none: bool) -> HelpersPlace | None:
    """Errors: as of Storage.helpers_place, but with `or_none` None in place of Superseded."""
    try:
        return context.storage.helpers_place(run)
    except Superseded:
        if or_none:
            return None
        raise


def _task_waits(context: Context, queue_name: str) -> bool:
    """Does a task wait in the queue? Yes, too, while Redis cannot be reached, so that the help ends."""
    try:
        return bool(queue.positions(context.brisk_redis, queue_name))
    except RedisError:
        return True


def _is_cancelled(context: Context, task: int, generation: int) -> bool:
    try:
        return queue.is_cancel_requested(context.brisk_redis, task, generation)
    except RedisError:
        return False
