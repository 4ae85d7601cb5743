"""Transcribe a recording that an Esup-Pod keeps: one WebVTT file, which Pod imports as the captions.

1. Take the lock of the task's folder; return the result of an earlier run that could not report it.
2. Fetch the sound (Pod sends the address of its MP3, or of the video).
3. Recognise, with the engine and the rules of our own captions (jobs/speech/transcribe.py), in this one process.
4. Publish the file. Pod imports the last .vtt of the manifest, so there is no other one, and nothing else.
Without the extra `speech` or a model, the task fails with a sentence: a site must not wait for a host that nobody adds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pod_jobs.captions.writing import write_vtt
from pod_jobs.catalog.client import Order
from pod_jobs.errors import BadSource, Malformed, PermanentError, SettingsError, Superseded
from pod_jobs.jobs.context import Context, work_on
from pod_jobs.jobs.encode import ffmpeg_version, run_of
from pod_jobs.jobs.job_type import JobType, Text
from pod_jobs.jobs.pod import demand_order, sums_of
from pod_jobs.jobs.pod.fetched import FetchedFiles, fetched_files
from pod_jobs.jobs.pod.parameters import base_of
from pod_jobs.jobs.speech.plan import demand_extra, engine_for, model_names, speech_order
from pod_jobs.jobs.speech.transcribe import TRANSCRIBE, open_sound, prepare_transcribe
from pod_jobs.jobs.speech.wish import read_language
from pod_jobs.media_folder import MIME_TYPES
from pod_jobs.storage import WorkFolder
from pod_jobs.system import plain_files

KIND = "pod_transcribe"
ENGLISH = "en"


IS_TRUE = ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Spoken:
    """`language`: ISO 639-1 of what is spoken, "" = to be recognised. `translate`: the captions are to be in English."""

    language: str
    translate: bool


def read_languages(parameters: Mapping[str, Any]) -> Spoken:
    """Newer Pods say what is spoken (`source_language`, perhaps "auto") and what the captions shall be in (`language`); older
    ones only the latter, and mean both. Errors: BadSource (source-order)."""
    wanted = _language(parameters.get("language") or parameters.get("lang") or "")
    given = parameters.get("source_language")
    if not given:
        return Spoken(wanted, False)
    spoken = "" if str(given).lower() == "auto" else _language(given)
    if not wanted or wanted == spoken:
        return Spoken(spoken, False)
    if wanted != ENGLISH and spoken:
        raise BadSource(f"from {spoken} to {wanted}: captions are translated into English alone", code="source-order")
    return Spoken(spoken, wanted == ENGLISH)


def read_model(parameters: Mapping[str, Any], names: Sequence[str]) -> str:
    """Which of the models with a name is meant, whatever its capitals; "" = the usual one, also for one that is not here."""
    asked = str(parameters.get("model") or "").strip().lower()
    return next((name for name in names if name.lower() == asked), "")


def is_to_be_normalized(parameters: Mapping[str, Any]) -> bool:
    """Is the loudness to be made even first?"""
    asked = parameters.get("normalize")
    return asked is True or str(asked).strip().lower() in IS_TRUE


def _language(name: Any) -> str:
    try:
        return read_language(name)
    except Malformed as error:
        raise BadSource(error.reason, code="source-order") from error


def run_pod_transcribe(context: Context, order: Order) -> dict[str, Any]:
    """The result for store.reports. Errors: BadSource, AddressForbidden, FfmpegFailed, PermanentError; OutOfResources, DiskFull,
    ServiceUnavailable; Stopped."""
    if not order.site:
        raise Superseded(f"task {order.task} belongs to no site of the settings any more")

    with work_on(context, order, run_of(order)) as work:
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
    from pod_jobs.speech.transcribe import transcribe  # the extra may not be installed where this is only listed

    url = order.options["source_url"]
    source = files.get("source", url)
    folder = work.begin()
    progress: dict[str, Any] = {"step": "probe", "fraction": 0.0}

    def tick() -> None:
        context.tick(order, progress)

    def recognised(fraction: float) -> None:
        progress.update(step="recognise", fraction=fraction)
        tick()

    sound = open_sound(context.settings, source, folder, tick)
    sound.normalizes = is_to_be_normalized(parameters)
    wanted = speech_order(context.settings, spoken.language, translate=spoken.translate)
    transcript = transcribe(sound, engine_for(context.settings, spoken.language, model), wanted, recognised)
    name = f"{base_of(url)}.vtt"
    plain_files.write_text(folder / name, write_vtt(transcript.cues))
    language = transcript.language
    size = plain_files.size_of(folder / name)
    output = {"kind": "captions", "name": name, "bytes": size, "mime": MIME_TYPES[".vtt"], "language": language}
    infos = {
        "source": asdict(files.fetched["source"]),
        "sums": sums_of(folder, [name]),
        "language": language,
        "captions": len(transcript.cues),
        "model": transcript.model,
    }
    return {"folder": run_of(order).folder, "outputs": [output], "infos": infos}


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
