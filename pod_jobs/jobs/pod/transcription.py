"""Transcribe a recording that an Esup-Pod keeps: one WebVTT file, which Pod imports as the captions.

1. Take the lock of the task's folder; return the result of an earlier run that could not report it.
2. Fetch the sound (Pod sends the address of its MP3, or of the video).
3. Recognise, with the engine and the rules of our own captions (jobs/speech/transcribe.py). The words of each piece are kept at
   once, so that a run which is killed loses one piece. Idle workers that have the folder of the pieces in common with this one
   help: they find the recording there, because only this worker has fetched it. Those of other hosts do not.
4. Publish the file. Pod imports the last .vtt of the manifest, so there is no other one, and nothing else.
Without the extra `speech` or a model, the task fails with a sentence: a site must not wait for a host that nobody adds.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pod_jobs.captions.cues import Word
from pod_jobs.captions.writing import write_vtt
from pod_jobs.catalog.client import Order
from pod_jobs.errors import BadSource, Malformed, PermanentError, SettingsError, Superseded, TransientError
from pod_jobs.jobs.colleagues import Colleagues
from pod_jobs.jobs.context import Context, work_on
from pod_jobs.jobs.encode import ffmpeg_version, run_of
from pod_jobs.jobs.job_type import JobType, Text
from pod_jobs.jobs.pod import demand_order, sums_of
from pod_jobs.jobs.pod.fetched import FetchedFiles, fetched_files
from pod_jobs.jobs.pod.parameters import base_of
from pod_jobs.jobs.speech import sharing
from pod_jobs.jobs.speech.plan import demand_extra, engine_for, model_names, speech_order
from pod_jobs.jobs.speech.transcribe import (
    ASSIST_KIND,
    TRANSCRIBE,
    hearing,
    key_of,
    open_sound,
    prepare_transcribe,
)
from pod_jobs.jobs.speech.wish import read_language
from pod_jobs.media.probing.sound import SoundTrack
from pod_jobs.media_folder import MIME_TYPES
from pod_jobs.storage import WorkFolder
from pod_jobs.storage.shared_folder import lend_source
from pod_jobs.system import plain_files

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Engine
    from pod_jobs.speech.transcribe import SpeechRequest, Transcript

log = logging.getLogger(__name__)

KIND = "pod_transcribe"
ENGLISH, AUTO = "en", "auto"
IS_TRUE = ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Spoken:
    """`language`: ISO 639-1 of what is spoken, "" = to be recognised. `translate`: the captions are to be in English."""

    language: str
    translate: bool


def read_languages(parameters: Mapping[str, Any]) -> Spoken:
    """Newer Pods say what is spoken (`source_language`, perhaps "auto") and what the captions shall be in (`language`); older
    ones only the latter, and mean both. Errors: BadSource (source-order)."""
    captions_language = _language(parameters.get("language") or parameters.get("lang") or "")
    source_language = parameters.get("source_language")
    if not source_language:
        return Spoken(captions_language, False)
    spoken = _language(source_language)
    if not captions_language or captions_language == spoken:
        return Spoken(spoken, False)
    if captions_language != ENGLISH and spoken:
        reason = f"from {spoken} to {captions_language}: captions are translated into English alone"
        raise BadSource(reason, code="source-order")
    return Spoken(spoken, captions_language == ENGLISH)


def read_model(parameters: Mapping[str, Any], names: Sequence[str]) -> str:
    """Which of the models with a name is meant, whatever its capitals; "" = the usual one, also for one that is not here."""
    lower_name = str(parameters.get("model") or "").strip().lower()
    return next((name for name in names if name.lower() == lower_name), "")


def is_to_be_normalized(parameters: Mapping[str, Any]) -> bool:
    """Is the loudness to be made even first?"""
    value = parameters.get("normalize")
    return value is True or str(value).strip().lower() in IS_TRUE


def _language(name: Any) -> str:
    if str(name).strip().lower() == AUTO:
        return ""
    try:
        return read_language(name)
    except Malformed as error:
        raise BadSource(error.reason, code="source-order") from error


def run_pod_transcribe(context: Context, order: Order) -> dict[str, Any]:
    """The result for store.reports. Errors: BadSource, AddressForbidden, FfmpegFailed, PermanentError; OutOfResources, DiskFull,
    ServiceUnavailable; Stopped."""
    if not order.site:
        raise Superseded(f"task {order.task} belongs to no site of the settings any more")

    with work_on(context, order, replace(run_of(order), resumes=True)) as work:
        done = work.find_finished()
        if done is not None:
            return done
        try:
            with fetched_files(context, order) as files:
                result = _transcribe(work, context, order, files)
        except SettingsError as error:
            raise PermanentError(error.reason, code=error.code, **error.facts) from error
        work.publish(result)
    return result


def _transcribe(work: WorkFolder, context: Context, order: Order, files: FetchedFiles) -> dict[str, Any]:
    demand_order(order)
    parameters = order.options["parameters"]
    spoken, model = read_languages(parameters), read_model(parameters, model_names(context.settings))
    demand_extra()
    url = order.options["source_url"]
    source, kept = files.get("source", url), work.left_behind(sharing.KEPT)
    folder = work.begin()
    progress: dict[str, Any] = {"step": "probe", "fraction": 0.0}

    def tick() -> None:
        context.tick(order, progress)

    def recognised(fraction: float, workers: int = 1) -> None:
        progress.update(step="recognise", fraction=max(fraction, progress["fraction"]), workers=workers)
        tick()

    sound = open_sound(context.settings, source, folder, tick)
    sound.normalizes = is_to_be_normalized(parameters)
    corrections = order.speech.get("corrections", ())
    request = speech_order(context.settings, spoken.language, (), corrections, translate=spoken.translate)
    engine = engine_for(context.settings, spoken.language, model)
    fetched = asdict(files.fetched["source"])
    key = {**key_of(request, engine.name, model), "normalizes": sound.normalizes, "source": fetched}
    team = _Lenders(context, order, run_of(order), work.chunks, ASSIST_KIND, source=source, tick=tick)
    transcript = _hear(team, _Listening(sound, engine, request, key), kept, recognised)
    name = f"{base_of(url)}.vtt"
    plain_files.write_text(folder / name, write_vtt(transcript.cues))
    size = plain_files.size_of(folder / name)
    output = {"kind": "captions", "name": name, "bytes": size, "mime": MIME_TYPES[".vtt"]}
    infos = {
        "source": fetched,
        "sums": sums_of(folder, [name]),
        "language": transcript.language,
        "captions": len(transcript.cues),
        "model": transcript.model,
    }
    outputs = [{**output, "language": transcript.language}]
    return {"folder": run_of(order).folder, "outputs": outputs, "infos": infos}


@dataclass(frozen=True)
class _Listening:
    """What is heard, and how. `key`: what the words of each piece depend on."""

    sound: SoundTrack
    engine: "Engine"
    wanted: "SpeechRequest"
    key: sharing.Key


@dataclass
class _Lenders(Colleagues):
    """A Team that lends its helpers the recording `source`, once it calls some; nobody is called where that fails."""

    source: Path = Path()
    tick: Callable[[], None] = lambda: None
    _has_lent: bool | None = None  # None = not yet tried

    def call(self, count: int) -> None:
        if self._has_lent is None:
            self._has_lent = self._lend()
        if self._has_lent:
            super().call(count)

    def _lend(self) -> bool:
        try:
            lend_source(self.source, self.shared, self.tick)
        except TransientError as error:
            log.warning("task %s: nobody can help: %s", self.order.task, error)
            return False
        return True


def _hear(
    team: _Lenders, listening: _Listening, kept: Mapping[str, bytes], recognised: Callable[..., None]
) -> "Transcript":
    """Piece after piece, each of which is kept at once: `kept` is what an earlier run left."""
    from pod_jobs.speech.transcribe import finish, plan, share_of  # the extra may be missing where this is only listed

    planned = sharing.plan_in(kept, listening.key)
    if planned is None:
        kept, planned = {}, plan(listening.sound, listening.engine, listening.wanted, recognised)
    words: dict[int, list[Word]] = {}
    if planned.pieces:
        sharing.share(team.shared, listening.key, planned, kept)
        whole_s = sum(piece.length_s for piece in planned.pieces)
        language = planned.language.code if planned.language else ""
        hear = hearing(listening.sound, listening.engine, listening.key, language)

        def report(done_s: float, workers: int) -> None:
            recognised(share_of(done_s, whole_s), workers)

        words = sharing.Owner(team.shared, planned.pieces, hear, team, report).recognise_all()
    return finish(planned, words, listening.wanted, listening.engine.name)


assert TRANSCRIBE.words is not None  # noqa: S101  # for the type checker
POD_TRANSCRIBE = JobType(
    KIND,
    queue=TRANSCRIBE.queue,
    run=run_pod_transcribe,
    prepare=prepare_transcribe,
    uses_ffmpeg=True,
    ffmpeg_version=ffmpeg_version,
    words=TRANSCRIBE.words.for_site(
        Text("Captions for a site", "Sous-titres pour un site"),
        Text("Fetching the recording", "Récupération de l’enregistrement"),
    ),
    timeout_code=TRANSCRIBE.timeout_code,
)
