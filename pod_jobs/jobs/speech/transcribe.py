"""Transcribe the speech of a video: captions in the language that is spoken, or in English.

1. Take the video's lock for this work. If an earlier run published and died before it could report, its result is returned.
2. Read the source's default sound track. Captions have the times of the source, whatever an encoding cuts away, so this
   waits for no encoding, and the captions stay valid after each.
3. Recognise piece after piece (jobs/speech/sharing.py). Idle workers of the queue help with a recording of several pieces
   (jobs/speech/assist.py). The words of each are kept at once: a run that is killed or stopped loses one piece at most.
4. Publish captions.json (what the catalog takes in), and the curve of loudness for the editor. The report names them.
Options that a task lacks come from its video's wish (jobs/speech/wish.py), which is part of the order.
Each job loads the model, which takes 0.5 s (base): a worker that kept a model could not fork safely, because of the
model's threads.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pod_jobs
from pod_jobs.captions.cues import NewCaptions, Word
from pod_jobs.captions.documents import checked_cues, documents_of
from pod_jobs.catalog.client import Order
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.errors import Cancelled, Malformed, SettingsError
from pod_jobs.jobs.colleagues import Colleagues
from pod_jobs.jobs.context import Context, work_on
from pod_jobs.jobs.encode import build_plan, ffmpeg_version, run_of, tools_of
from pod_jobs.jobs.far_owner import with_far_helpers
from pod_jobs.jobs.job_type import Choice, JobType, Ordering, ReadOutput, Text, Words
from pod_jobs.jobs.speech import far_pieces, sharing
from pod_jobs.jobs.speech.plan import demand_extra, engine_for, model_folder, model_names, speech_order
from pod_jobs.jobs.speech.wish import SpeechWish, read_language, read_terms, read_upload_wish
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.probing.sound import SoundTrack
from pod_jobs.media_folder import CAPTIONS_FILE, PEAKS_FILE, kind_and_mime
from pod_jobs.settings import Settings
from pod_jobs.storage import Run, WorkFolder
from pod_jobs.system import plain_files

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Engine
    from pod_jobs.speech.transcribe import SpeechRequest, Transcript

log = logging.getLogger(__name__)

QUEUE = "transcripting"
ASSIST_KIND = "assist_speech"  # jobs/speech/assist.py
LEAST_FOR_ETA_S = 60.0  # the time left is shown once this much speech is recognised
OPTIONS = {"language", "translate", "glossary", "model"}
MOST_CAPTIONS_BYTES = 50_000_000
AUTOMATIC = "automatic"  # an option of a task that no person ordered
SPEECH, TRANSLATION = "", "translation"  # templates: one of each may be under way for a video


def run_transcribe(context: Context, order: Order) -> dict[str, Any]:
    """{"folder", "outputs", "captions": true, "infos": {…}}. Errors: BadSource, FfmpegFailed; OutOfResources, DiskFull,
    ServiceUnavailable; SettingsError: another host may have the model; Stopped."""
    run = replace(run_of(order), resumes=True)
    if order.options.get(AUTOMATIC) and order.speech.get("automatic") is False:
        raise Cancelled("no automatic captions are wanted for this video")
    with work_on(context, order, run) as work:
        done = work.find_finished()
        if done is not None:
            return done
        result = _transcribe_into(work, context, order, run)
        work.publish(result)
    return result


def _transcribe_into(work: WorkFolder, context: Context, order: Order, run: Run) -> dict[str, Any]:
    demand_extra()
    from pod_jobs.speech.transcribe import finish, plan  # the extra may not be installed where this is only listed

    settings, progress = context.settings, _Progress(context, order, work)
    source = context.storage.source(run, order.source)
    kept = work.left_behind(sharing.KEPT)
    folder = work.begin()
    sound = open_sound(settings, source, folder, progress.tick)
    request = _wanted(settings, order)
    choice = str(order.options.get("model", ""))
    engine = engine_for(settings, request.language, choice)
    key = key_of(request, engine.name, choice)
    planned = sharing.plan_in(kept, key)
    if planned is None:
        kept, planned = {}, plan(sound, engine, request, progress.listened)
    words: dict[int, list[Word]] = {}
    if planned.pieces:
        sharing.share(work.chunks, key, planned, kept)
        team = Colleagues(context, order, run, work.chunks, ASSIST_KIND)
        hear = hearing(sound, engine, key, planned.language.code if planned.language else "")
        progress.whole_s = sum(piece.length_s for piece in planned.pieces)
        owner = sharing.Owner(work.chunks, planned.pieces, hear, team, progress.recognised)
        with with_far_helpers(context.far_help, run, work.chunks, far_pieces.called, sharing.NOTE):
            words = owner.recognise_all()
    return _result(folder, run, finish(planned, words, request, engine.name), request)


class _Progress:
    """What people see of a run: the share that is done by the position in the sound, and the time that is left."""

    def __init__(self, context: Context, order: Order, work: WorkFolder) -> None:
        self._context, self._order, self._work = context, order, work
        self._last: dict[str, Any] = {"step": "listen", "fraction": 0.0}
        self._began: tuple[float, float] | None = None  # when, and with how many seconds done
        self.whole_s = 0.0

    def tick(self) -> None:
        """The same as before, to show that the run is alive. Errors: Interrupted, Cancelled."""
        self._work.show()
        self._context.tick(self._order, self._last)

    def listened(self, fraction: float) -> None:
        self._last = {"step": "listen", "fraction": fraction}
        self.tick()

    def recognised(self, done_s: float, workers: int) -> None:
        """`done_s` of `whole_s` are recognised, `workers` take part."""
        from pod_jobs.speech.transcribe import share_of

        now = time.monotonic()
        began, before_s = self._began = self._began or (now, done_s)
        fraction = max(share_of(done_s, self.whole_s), self._last["fraction"])
        self._last = {"step": "recognise", "fraction": fraction, "workers": workers}
        if done_s - before_s > LEAST_FOR_ETA_S:
            self._last["eta_s"] = round((self.whole_s - done_s) * (now - began) / (done_s - before_s))
        self.tick()


def open_sound(settings: Settings, source: Path, folder: Path, tick: Callable[[], None]) -> SoundTrack:
    """The sound of `source`, whose parts are decoded into `folder`. Errors: BadSource, FfmpegFailed; what `tick` raises."""
    tools, limits = tools_of(settings), build_plan(settings).limits
    sound = SoundTrack(source, probe(source, tools, limits, tick), tools, limits, folder)
    sound.tick = tick
    return sound


def key_of(request: "SpeechRequest", model: str, choice: str = "") -> sharing.Key:
    """What the words of each piece depend on. `choice` and `declared` choose the model."""
    return {
        "program": pod_jobs.__version__,
        "model": model,
        "choice": choice,
        "declared": request.language,
        "default": request.default_language,
        "glossary": list(request.glossary),
        "translate": request.translate,
    }


def hearing(sound: SoundTrack, engine: "Engine", key: sharing.Key, language: str) -> sharing.Hear:
    """What turns one piece of the recording into words."""
    from pod_jobs.speech.engine import Wish
    from pod_jobs.speech.transcribe import hear_piece

    wish = Wish(language, tuple(key["glossary"]), key["translate"])
    return lambda piece, tick: hear_piece(sound, engine, piece, wish, tick)


def _write(path: Path, content: bytes) -> None:
    with plain_files.open_plain(path, "wb") as file:
        file.write(content)


def _result(folder: Path, run: Run, transcript: "Transcript", request: "SpeechRequest") -> dict[str, Any]:
    spoken = transcript.spoken
    document = {
        "language": transcript.language or "und",
        "spoken": spoken.code if spoken else "",
        "translated": request.translate,
        "needs_check": bool(spoken and spoken.needs_check),
        "model": transcript.model,
        "cues": documents_of(transcript.cues),
    }
    _write(folder / CAPTIONS_FILE, json.dumps(document, ensure_ascii=False).encode())
    _write(folder / PEAKS_FILE, transcript.peaks)
    outputs = []
    for name in (CAPTIONS_FILE, PEAKS_FILE):
        kind, mime = kind_and_mime(name)
        outputs.append({"kind": kind, "name": name, "bytes": plain_files.size_of(folder / name), "mime": mime})
    infos = {
        "language": transcript.language,
        "language_confidence": spoken.confidence if spoken else None,
        "speech_s": round(transcript.speech_s, 1),
        "captions": len(transcript.cues),
        "model": transcript.model,
    }
    return {"folder": run.folder, "outputs": outputs, "captions": True, "infos": infos}


def read_captions(result: Mapping[str, Any], read: ReadOutput) -> list[NewCaptions]:
    """What `_result` wrote; nothing when nobody speaks. Errors: BadCaptions, ValueError, LookupError, TypeError."""
    document = json.loads(read(CAPTIONS_FILE, MOST_CAPTIONS_BYTES))
    captions = NewCaptions(
        origin="speech",
        language=str(document["language"])[:8],
        cues=checked_cues(document["cues"]),
        translated=bool(document["translated"]),
        needs_check=bool(document["needs_check"]),
        model=str(document["model"]),
        peaks_path=f"{result['folder']}/{PEAKS_FILE}",
    )
    return [captions] if captions.cues else []


def _wanted(settings: Settings, order: Order) -> "SpeechRequest":
    """What this run was ordered with; for options that its order lacks, the wish of its video."""
    wishes = {**order.speech, **order.options}
    return speech_order(
        settings,
        wishes.get("language", ""),
        wishes.get("glossary", ()),
        wishes.get("corrections", ()),
        translate=bool(wishes.get("translate")),
    )


def prepare_transcribe(settings: Settings) -> None:
    """Find the models and compare their sums before the first job. A fault is logged and stops nothing: each task that needs the
    model says it to people and waits for another host or a correction, and the tasks of other models run."""
    from pod_jobs.speech.models import is_installed

    for model in settings.speech.model if is_installed() else ():
        try:
            model_folder(settings, model.language, model.name)
        except SettingsError as error:
            log.error("speech.model %s: %s", model.name or model.language, error.reason)


def read_order(settings: Settings, template: str, document: Any) -> NewTask:
    """What a request's JSON asks for: {"language": "fr", "translate": false, "glossary": ["Esup-Pod"],
    "model": "Precise"}, all of it optional.

    Errors: Malformed."""
    if document is None:
        document = {}
    if not isinstance(document, dict) or set(document) - OPTIONS:
        raise Malformed(f"an object with nothing but {', '.join(sorted(OPTIONS))} is needed")
    options: dict[str, Any] = {}
    if language := read_language(document.get("language", "")):
        options["language"] = language
    if not isinstance(document.get("translate", False), bool):
        raise Malformed("translate: true or false is needed")
    if document.get("translate"):
        options["translate"] = True
    if terms := read_terms(document.get("glossary", [])):
        options["glossary"] = terms
    if (name := document.get("model", "")) != "":
        if name not in model_names(settings):
            raise Malformed(
                f"model: {name!r} is none of {', '.join(model_names(settings))}",
                code="speech-no-such-model",
                name=str(name)[:40],
            )
        options["model"] = name
    return NewTask("transcribe", TRANSLATION if "translate" in options else SPEECH, options, Purpose.ENRICH)


def choices(settings: Settings) -> list[Choice]:
    """A translation, and another model than the usual one if the settings name some."""
    spoken, english = Text("In the spoken language", "Dans la langue parlée"), Text("In English", "En anglais")
    translation = Choice(
        "translate", Text("Language of the captions", "Langue des sous-titres"), spoken, ((True, english),)
    )
    models = tuple((name, Text(name, name)) for name in model_names(settings))
    usual = Text("The usual model", "Le modèle habituel")
    return [translation, *([Choice("model", Text("Model", "Modèle"), usual, models)] if models else [])]


def order_at_upload(settings: Settings, options: Mapping[str, Any]) -> list[NewTask]:
    """Captions if the uploader wants them, or leaves it to settings that do; a translation if the uploader wants one. They do
    not wait for the encoding."""
    wish: SpeechWish = options.get("speech") or {}
    automatic = wish.get("automatic")
    tasks = []
    if settings.speech.automatic if automatic is None else automatic:
        tasks.append(NewTask("transcribe", SPEECH, {AUTOMATIC: True}, Purpose.ENRICH))
    if wish.get("translate"):
        tasks.append(NewTask("transcribe", TRANSLATION, {"translate": True}, Purpose.ENRICH))
    return tasks


TRANSCRIBE = JobType(
    "transcribe",
    queue=QUEUE,
    run=run_transcribe,
    prepare=prepare_transcribe,
    captions=read_captions,
    sections=("encode", "rendition", "speech"),
    uses_ffmpeg=True,
    ffmpeg_version=ffmpeg_version,
    words=Words(
        name=Text("Captions", "Sous-titres"),
        running=Text("Recognising speech", "Reconnaissance de la parole"),
        queued=Text("The transcription is waiting for a worker.", "La transcription attend un processus."),
        stopping=Text(
            "The transcription will stop within seconds.", "La transcription va s’arrêter dans quelques secondes."
        ),
        stopped=Text("The transcription is stopped.", "La transcription est arrêtée."),
        order=Text("Make captions", "Faire des sous-titres"),
        failed=Text("The captions could not be made", "Les sous-titres n’ont pas pu être faits"),
        steps={
            "probe": Text("Reading the file", "Lecture du fichier"),
            "listen": Text("Looking for speech", "Recherche de la parole"),
            "recognise": Text("Recognising speech", "Reconnaissance de la parole"),
        },
    ),
    timeout_code="speech-too-slow",
    ordering=Ordering(
        read=read_order,
        choices=choices,
        at_upload=order_at_upload,
        upload_options={"speech": read_upload_wish},
        needs_speech=True,
    ),
)
