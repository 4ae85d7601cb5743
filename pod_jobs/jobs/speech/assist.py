"""Help another worker with its long recording. This is no task of the catalog, and nothing is lost when it fails.

1. Recognise free pieces of the run that called, in the folder that all its workers share (jobs/speech/sharing.py), or here, if
   this worker has no folder in common with the owner (jobs/far_helper.py), with the same model as the owner's; without it
   there is nothing to help with.
2. End when none is free, when the run is over, cancelled or dead, and after any piece when a task waits in the queue.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pod_jobs
from pod_jobs.jobs.colleagues import CALL, help_with
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.far_helper import Making, help_from_afar
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.jobs.speech import far_pieces, sharing
from pod_jobs.jobs.speech.plan import engine_for
from pod_jobs.jobs.speech.transcribe import ASSIST_KIND, QUEUE, TRANSCRIBE, hearing, open_sound
from pod_jobs.media.probing.sound import SoundTrack
from pod_jobs.media.sharing import chunks
from pod_jobs.media_folder import PART
from pod_jobs.storage import HelpersPlace, Run
from pod_jobs.system import plain_files

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Engine


def run_assist_speech(context: Context, payload: Payload) -> None:
    """Raises no error that would make RQ run it again."""

    def recognise(place: HelpersPlace, tick: Callable[[float], None], may_go_on: Callable[[], bool]) -> int:
        return _recognise(context, place, tick, may_go_on)

    def recognise_here(run: Run, tick: Callable[[], object], may_go_on: Callable[[], bool]) -> int:
        return help_from_afar(context, run, partial(_prepare, context), tick, may_go_on)

    # the recording of a site is where its owner is, and not on the web host
    from_afar = recognise_here if payload["kind"] == TRANSCRIBE.kind else None
    help_with(context, payload, QUEUE, recognise, from_afar)


def _prepare(context: Context, place: Path, instructions: str) -> Making | None:
    called = sharing.read_called(instructions)
    engine = None if called is None else _engine(context, called)
    if called is None or engine is None:
        return None
    plan = called

    def open_source(source: Path, tick: Callable[[], None]) -> sharing.Hear:
        return _hearing(engine, plan, open_sound(context.settings, source, place, tick))

    return far_pieces.making(called, place, open_source)


def _hearing(engine: "Engine", called: sharing.Called, sound: SoundTrack) -> sharing.Hear:
    sound.normalizes = called.key.get("normalizes") is True
    return hearing(sound, engine, called.key, called.language)


def _engine(context: Context, called: sharing.Called) -> "Engine | None":
    """The model of the owner; None when this host has another one, or another version of the program."""
    from pod_jobs.speech.models import is_installed

    if called.key["program"] != pod_jobs.__version__ or not is_installed():
        return None
    engine = engine_for(context.settings, called.key["declared"], called.key["choice"])
    return engine if engine.name == called.key["model"] else None


def _recognise(
    context: Context, place: HelpersPlace, tick: Callable[[float], None], may_go_on: Callable[[], bool]
) -> int:
    called = sharing.read_shared(place.chunks)
    engine = None if called is None else _engine(context, called)
    if called is None or engine is None:
        return 0
    folder = place.chunks / f"sound-{chunks.this_worker()}{PART}"
    plain_files.remove(folder)
    folder.mkdir(mode=plain_files.NEW_FOLDER_MODE)
    try:
        sound = open_sound(context.settings, place.source, folder, lambda: tick(0.0))
        hear = _hearing(engine, called, sound)
        return sharing.help_out(place.chunks, called.pieces, hear, tick, may_go_on)
    finally:
        with suppress(OSError):  # the owner is removing the folder around it
            plain_files.remove(folder)


ASSIST_SPEECH = JobType(ASSIST_KIND, queue=QUEUE, run=run_assist_speech, uses_ffmpeg=True, payload=CALL)
