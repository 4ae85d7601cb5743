"""Help another worker with its long recording. This is no task of the catalog, and nothing is lost when it fails.

1. Recognise free pieces of the run that called, in the folder that all its workers share (jobs/speech/sharing.py), with the
   same model as the owner's; without it there is nothing to help with.
2. End when none is free, when the run is over, cancelled or dead, and after any piece when a task waits in the queue.
"""

from collections.abc import Callable
from contextlib import suppress

import pod_jobs
from pod_jobs.jobs.colleagues import CALL, help_with
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.jobs.speech import sharing
from pod_jobs.jobs.speech.plan import engine_for
from pod_jobs.jobs.speech.transcribe import ASSIST_KIND, QUEUE, hearing, open_sound
from pod_jobs.media.sharing import chunks
from pod_jobs.media_folder import PART
from pod_jobs.storage import HelpersPlace
from pod_jobs.system import plain_files


def run_assist_speech(context: Context, payload: Payload) -> None:
    """Raises no error that would make RQ run it again."""

    def recognise(place: HelpersPlace, tick: Callable[[float], None], may_go_on: Callable[[], bool]) -> int:
        return _recognise(context, place, tick, may_go_on)

    help_with(context, payload, QUEUE, recognise)


def _recognise(
    context: Context, place: HelpersPlace, tick: Callable[[float], None], may_go_on: Callable[[], bool]
) -> int:
    from pod_jobs.speech.models import is_installed

    called = sharing.read_shared(place.chunks)
    if called is None or called.key["program"] != pod_jobs.__version__ or not is_installed():
        return 0
    engine = engine_for(context.settings, called.key["declared"], called.key["choice"])
    if engine.name != called.key["model"]:
        return 0
    folder = place.chunks / f"sound-{chunks.this_worker()}{PART}"
    plain_files.remove(folder)
    folder.mkdir(mode=plain_files.NEW_FOLDER_MODE)
    try:
        sound = open_sound(context.settings, place.source, folder, lambda: tick(0.0))
        hear = hearing(sound, engine, called.key, called.language)
        return sharing.help_out(place.chunks, called.pieces, hear, tick, may_go_on)
    finally:
        with suppress(OSError):  # the owner is removing the folder around it
            plain_files.remove(folder)


ASSIST_SPEECH = JobType(ASSIST_KIND, queue=QUEUE, run=run_assist_speech, uses_ffmpeg=True, payload=CALL)
