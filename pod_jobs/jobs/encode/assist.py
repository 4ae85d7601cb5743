"""Help another worker with its long video. This is no task of the catalog, and nothing is lost when it fails.

1. Encode free chunks of the run that called, in the folder that all its workers share (media/sharing/chunks.py), or here, if
   this worker has no folder in common with the owner (jobs/far_helper.py); the owner checks and joins them.
2. End when none is free, when the run is over, cancelled or dead, and after any chunk when a video waits in the queue.
"""

from collections.abc import Callable
from functools import partial

from pod_jobs.jobs.colleagues import CALL, help_with
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ASSIST_KIND, QUEUE, far_chunks, tools_of
from pod_jobs.jobs.far_helper import help_from_afar
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.media.sharing.chunks import help_out
from pod_jobs.storage import HelpersPlace, Run


def run_assist(context: Context, payload: Payload) -> None:
    """Raises no error that would make RQ run it again."""

    def encode(place: HelpersPlace, tick: Callable[[float], None], may_go_on: Callable[[], bool]) -> int:
        return help_out(place.chunks, place.source, tools_of(context.settings), tick, may_go_on)

    def encode_here(run: Run, tick: Callable[[], object], may_go_on: Callable[[], bool]) -> int:
        prepare = partial(far_chunks.prepare, tools_of(context.settings), context.settings.encode.memory_mb)
        return help_from_afar(context, run, prepare, tick, may_go_on)

    help_with(context, payload, QUEUE, encode, encode_here)


ASSIST = JobType(ASSIST_KIND, queue=QUEUE, run=run_assist, uses_ffmpeg=True, payload=CALL)
