"""Help another worker with its long video. This is no task of the catalog, and nothing is lost when it fails.

1. Encode free chunks of the run that called, in the folder that all its workers share (media/sharing/chunks.py); the owner
   checks and joins them.
2. End when none is free, when the run is over, cancelled or dead, and after any chunk when a video waits in the queue.
"""

import logging
import re
import time

from redis.exceptions import RedisError

from pod_jobs.errors import Cancelled, PodJobsError, Stopped, Superseded
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import TICK_S, Context
from pod_jobs.jobs.encode import tools_of
from pod_jobs.jobs.encode.colleagues import ASSIST_KIND, QUEUE
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.media.sharing.chunks import help_out
from pod_jobs.media_folder import KIND
from pod_jobs.storage import Run

log = logging.getLogger(__name__)


def run_assist(context: Context, payload: Payload) -> None:
    """Raises no error that would make RQ run it again."""
    task, generation = payload["helps"], payload["generation"]
    run = Run(payload["video"], payload["kind"], task, generation, payload["template"], payload["media"])
    next_look = 0.0

    def tick(frames: int) -> None:
        nonlocal next_look
        context.check_stop()
        if time.monotonic() < next_look:
            return
        next_look = time.monotonic() + TICK_S
        if not context.storage.is_worked_on(run):
            raise Superseded("the run that called is over")
        if _is_cancelled(context, task, generation):
            raise Cancelled("a person cancelled the task")

    try:
        count = 0
        if not _video_waits(context):
            place, tools = context.storage.helpers_place(run), tools_of(context.settings)
            count = help_out(place.chunks, place.source, tools, tick, lambda: not _video_waits(context))
        log.info("task %s g%s: made %s of its chunks", task, generation, count)
    except (Stopped, FileNotFoundError) as error:  # a run that is over removes its folder
        log.info("task %s g%s: help ended: %s", task, generation, error)
    except (PodJobsError, OSError) as error:  # the worker that called makes this chunk itself
        log.warning("task %s g%s: help ended: %s", task, generation, error)


def _video_waits(context: Context) -> bool:
    """True also while Redis is away, so that the help ends."""
    try:
        return bool(queue.positions(context.brisk_redis, QUEUE))
    except RedisError:
        return True


def _is_cancelled(context: Context, task: int, generation: int) -> bool:
    try:
        return queue.is_cancel_requested(context.brisk_redis, task, generation)
    except RedisError:
        return False


ASSIST = JobType(
    ASSIST_KIND,
    queue=QUEUE,
    run=run_assist,
    uses_ffmpeg=True,
    payload={  # names and numbers of which storage makes the folder: no text of a path comes from the key-value server
        "helps": None,
        "generation": None,
        "video": None,
        "kind": KIND,
        "template": re.compile("[a-z][a-z0-9]{0,19}"),
        "media": re.compile("[0-9a-f]{0,64}"),
    },
)
