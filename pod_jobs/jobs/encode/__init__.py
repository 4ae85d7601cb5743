"""Encode a video by one template. By the template `web`, the source becomes HLS, MP4, MP3, thumbnails and a storyboard.

1. Take the video's lock for this template, so that no two of these encodings run at once.
2. If an earlier run of this task finished and died before it could report, its marker holds the result.
3. Encode into the work folder of this generation; its playlists are watchable while it grows.
4. Write the marker and rename the folder: this publishes it. The report tells the catalog.
A failed run leaves its log, and of what it had encoded the sound and the smallest picture.

The options of an order, as a request has them in JSON:

{"keep": [[90, 720.5], …]}       the parts of the recording to keep, from and to, in seconds; without it, or empty: everything.
                                 At most 50, with a second recording 12
{"dressing": "name"}             a [[dressing]] of the settings; "" is none, without it: the automatic one
{"opening": 12, "ending": 13}    videos to play before and after, instead of the dressing's
{"second": 14, "layout": "side"} a video of the same time to be seen beside it, or with "pip-top-right" … in that corner
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.catalog.new_task import OTHERS, NewTask, Purpose
from pod_jobs.errors import BadSource, Malformed, PodJobsError, SettingsError, Superseded
from pod_jobs.jobs.colleagues import Colleagues
from pod_jobs.jobs.context import Context, work_on
from pod_jobs.jobs.encode import far_chunks
from pod_jobs.jobs.encode.dressing import dressed, files_of_order, with_fetched
from pod_jobs.jobs.encode.subtitles import read_subtitles
from pod_jobs.jobs.far_owner import with_far_helpers
from pod_jobs.jobs.job_type import JobType, Ordering, Recording, Text, Words
from pod_jobs.media.command.hardware import equip
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.codecs import find_lacks
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.layouts import LAYOUTS, POD_LAYOUTS, layout_named
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.process.progress import Progress
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.media_folder import MASTER_NAME, MOST_RANGES, WEB
from pod_jobs.settings import FfmpegSettings, Settings
from pod_jobs.settings.encode import TemplateSettings
from pod_jobs.storage import Run, WorkFolder

log = logging.getLogger(__name__)

KIND = "encode"
QUEUE = "encoding"
ASSIST_KIND = "assist"  # jobs/encode/assist.py
OPTIONS = {"keep", "dressing", "layout", *OTHERS}
MOST_RANGES_OF_TWO = 12  # each opens both recordings; at 1080p 25 outgrow the memory of an encoding


def read_order(settings: Settings, template: str, document: Any) -> NewTask:
    """An encoding by `template`; "" means `web`. Errors: Malformed, also for a template that does not exist."""
    templates = settings.templates
    if (template or WEB) not in templates:
        raise Malformed(f"template: {template!r} is none of {', '.join(templates)}")
    dressings = [dressing.name for dressing in settings.dressing]
    return _new_task(templates[template or WEB], read_options(document, dressings))


def check_order(settings: Settings, new: NewTask, recording: Recording | None, others: Mapping[str, Recording]) -> None:
    """Errors: BadSource."""
    for name, other in others.items():
        if other.is_video is False:
            raise BadSource(
                f"video {new.options[name]} is sound alone", code=f"source-{name}", cause="source-no-picture"
            )
    if recording is None:
        return
    template = settings.templates[new.template]
    if recording.is_video is False and not template.is_web and not template.is_sound:
        raise BadSource(f"{template.name} is a template of pictures", code="source-no-picture")
    lasts = [recording.duration_s]
    if "second" in others:  # the picture lasts as long as the longer one
        lasts.append(others["second"].duration_s)
    durations_s = [seconds for seconds in lasts if seconds is not None]
    keep = new.options.get("keep")
    if keep and len(durations_s) == len(lasts) and all(start_s >= max(durations_s) for start_s, _ in keep):
        raise BadSource(f"the recording lasts {max(durations_s):.1f} s", code="source-cut-empty")


def order_at_upload(settings: Settings, options: Mapping[str, Any]) -> Sequence[NewTask]:
    """One encoding by each automatic template, the one by `web` first."""
    options = {name: value for name, value in options.items() if name in OPTIONS}
    return [_new_task(template, options) for template in settings.templates.values() if template.automatic]


def _new_task(template: TemplateSettings, options: Mapping[str, Any]) -> NewTask:
    return NewTask(KIND, template.name, options, Purpose.PLAY if template.is_web else Purpose.OFFER)


def read_options(document: Any, dressings: Sequence[str] = ()) -> dict[str, Any]:
    """The options of a request's JSON body; {} for none. `dressings`: those of the settings. The caller still has to
    check who may use the videos that they name. Errors: Malformed, also for an option that does not exist."""
    if document is None:
        return {}
    if not isinstance(document, dict) or set(document) - OPTIONS:
        raise Malformed(f"an object with nothing but {', '.join(sorted(OPTIONS))} is needed")
    options: dict[str, Any] = {}
    keep = document.get("keep", [])
    if not isinstance(keep, list) or len(keep) > MOST_RANGES:
        raise Malformed(f"keep: a list of at most {MOST_RANGES} pairs is needed")
    if ranges := [_read_range(pair) for pair in keep]:
        options["keep"] = ranges
    if "dressing" in document:
        options["dressing"] = _read_dressing(document["dressing"], dressings)
    options |= {name: _read_video(name, document[name]) for name in OTHERS if name in document}
    if "layout" in document or "second" in options:
        options["layout"] = _read_layout(document.get("layout", "side"), with_second="second" in options)
    if "second" in options and len(keep) > MOST_RANGES_OF_TWO:
        reason = f"keep: {len(keep)} ranges of two recordings"
        raise Malformed(reason, code="too-many-ranges", most=str(MOST_RANGES_OF_TWO))
    return options


def _read_dressing(name: Any, dressings: Sequence[str]) -> str:
    if name not in ("", *dressings):
        raise Malformed(f"dressing: there is {', '.join(map(repr, dressings)) or 'none'}, and no {name!r}")
    return str(name)


def _read_video(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise Malformed(f"{name}: the number of a video is needed")
    return value


def _read_layout(word: Any, *, with_second: bool) -> str:
    layout = layout_named(word) if isinstance(word, str) else None
    if layout is None or not with_second:
        raise Malformed(f"layout: goes with second, and is one of {', '.join((*LAYOUTS, *POD_LAYOUTS))}")
    return layout


def _read_range(pair: Any) -> list[float]:
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or not all(_is_second(value) for value in pair)
        or pair[0] >= pair[1]
    ):
        raise Malformed("keep: each pair is [from, to] in seconds, from before to")
    return [float(value) for value in pair]


def _is_second(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7  # no NaN either


@cache
def _look_for_tools(ffmpeg: FfmpegSettings, hardware: str, vaapi_device: str) -> Tools:
    return equip(find_tools(ffmpeg.path, ffmpeg.sandbox), hardware, vaapi_device)


def tools_of(settings: Settings) -> Tools:
    """ffmpeg and what it can do, asked once per process; after a fault it is asked again. Asking takes up to half a second,
    and longer with a graphics card, which is tried. Errors: SettingsError."""
    return _look_for_tools(settings.ffmpeg, settings.encode.hardware, settings.encode.vaapi_device)


def prepare_encode(settings: Settings) -> None:
    """Errors: SettingsError when there is no fitting ffmpeg."""
    tools = tools_of(settings)
    check_templates(settings, tools)
    if tools.hardware.lacking:
        log.warning("the processor encodes: %s", tools.hardware.lacking)


def ffmpeg_version(settings: Settings) -> str:
    """ "" when ffmpeg does not answer; the task itself then says what is wrong."""
    try:
        return tools_of(settings).version
    except PodJobsError:
        return ""


def check_templates(settings: Settings, tools: Tools, only: str = "") -> None:
    """Check all templates, or the one named `only`. Errors: SettingsError that names each one and what this ffmpeg lacks."""
    faults = [
        f"template {template.name}: {tools.ffmpeg} has no {lack}"
        for template in settings.templates.values()
        if only in ("", template.name)
        for lack in find_lacks(template.container, template.codec, tools.encoders)
    ]
    if faults:
        raise SettingsError("\n".join(faults))


def run_encode(context: Context, order: Order) -> dict[str, Any]:
    """The result for store.reports. Errors: BadSource, FfmpegFailed; OutOfResources, DiskFull, ServiceUnavailable; Stopped."""
    run = run_of(order)

    with work_on(context, order, run) as work:
        done = work.find_finished()
        if done is not None:
            return done
        result = _encode_into(work, context, order, run)
        work.publish(result)
    return result


def run_of(order: Order) -> Run:
    """What storage has to know of an order. Errors: Superseded for an order without a video: there is nothing to encode."""
    if order.video is None:
        raise Superseded(f"task {order.task} has no video")
    of_task = (order.video, order.kind, order.task, order.generation, order.template)
    return Run(*of_task, order.media, order.attempt, order.key)


def _encode_into(work: WorkFolder, context: Context, order: Order, run: Run) -> dict[str, Any]:
    source = context.storage.source(run, order.source)
    others = {name: context.storage.source(run, other) for name, other in order.others.items()}

    def tick(progress: Progress) -> None:
        work.show()
        first_playable = progress.first_playable and work.is_shown(MASTER_NAME)
        context.tick(order, {**asdict(progress), "first_playable": first_playable, "folder": run.folder})

    files = {name: context.storage.source(run, place) for name, place in order.files.items()}
    settings = with_fetched(context.settings, order.template, order.options, files)
    plan = build_plan(settings, order.options, order.template)
    plan = dressed(plan, settings, order.template, order.options, others)
    check_templates(settings, tools_of(settings), only=order.template)
    team = Colleagues(context, order, run, work.chunks, ASSIST_KIND)
    folder = work.begin()
    with with_far_helpers(context.far_help, run, work.chunks, far_chunks.called, far_chunks.NOTE):
        encoded = encode(source, folder, plan, tools_of(context.settings), tick, team)
    return {**asdict(encoded), "folder": run.folder}


def build_plan(settings: Settings, options: dict[str, Any] | None = None, template: str = WEB) -> EncodePlan:
    """The media library's plain values from the settings and from what the task was ordered with.

    Errors: SettingsError for a template that these settings lack.
    """
    encode_settings = settings.encode
    if template not in settings.templates:
        reason = f"there is no [[template]] {template} in {settings.home}"
        raise SettingsError(reason, code="settings-no-template", name=template)
    template_settings = settings.templates[template]
    ladder = [rung for rung in settings.rendition if rung.name in template_settings.ladder]
    limits = Limits(
        max_duration_s=int(encode_settings.max_duration_h * 3600),
        max_pixels=int(encode_settings.max_megapixels * 1_000_000),
        wall_factor=encode_settings.wall_factor,
        stall_s=encode_settings.stall_s,
        memory_mb=encode_settings.memory_mb,
    )
    return EncodePlan(
        renditions=tuple(Rendition(**rung.model_dump()) for rung in (*ladder, *template_settings.rendition)),
        container=template_settings.container,
        codec=template_settings.codec,
        limits=limits,
        segment_s=encode_settings.segment_s,
        keyframe_s=encode_settings.keyframe_s,
        audio_kbps=template_settings.audio_kbps or 0,  # 0: the renditions say it
        mp3_kbps=encode_settings.mp3_kbps if template_settings.is_web else template_settings.mp3_kbps,
        with_extras=template_settings.is_web,
        keep=tuple((start_s, end_s) for start_s, end_s in (options or {}).get("keep", ())),
        copy_top=encode_settings.copy_top,
        share_from_s=encode_settings.share_from_min * 60,
        chunk_s=encode_settings.chunk_s,
        level_lufs=encode_settings.audio_level_lufs or None,
    )


WORDS = Words(
    name=Text("Encoding", "Encodage"),
    running=Text("Encoding", "Encodage"),
    done=Text("Done", "Terminé"),
    error=Text("Failed", "Échec"),
    cancelled=Text("Stopped", "Arrêté"),
    failed=Text("Encoding failed", "L’encodage a échoué"),
    queued=Text("The encoding is waiting for a worker.", "L’encodage attend un processus."),
    stopping=Text("The encoding will stop within seconds.", "L’encodage va s’arrêter dans quelques secondes."),
    stopped=Text("The encoding is stopped.", "L’encodage est arrêté."),
    again=Text("Being encoded again", "Nouvel encodage en cours"),
    kept=Text(
        "The last encoding failed; the previous one is shown.",
        "Le dernier encodage a échoué\u202f; le précédent est affiché.",
    ),
    steps={
        "waiting": Text("Waiting for another encoding of this video", "Attente d’un autre encodage de cette vidéo"),
        "probe": Text("Reading the file", "Lecture du fichier"),
        "encode": Text("Encoding", "Encodage"),
        "package": Text("Writing the downloads", "Écriture des téléchargements"),
        "captions": Text("Reading the subtitles", "Lecture des sous-titres"),
        "pictures": Text("Making the pictures", "Création des images"),
    },
)


ENCODE = JobType(
    KIND,
    queue=QUEUE,
    run=run_encode,
    words=WORDS,
    prepare=prepare_encode,
    timeout_code="encode-too-slow",
    uses_ffmpeg=True,
    encodes=True,
    ffmpeg_version=ffmpeg_version,
    ordering=Ordering(read_order, check_order, order_at_upload),
    sections=("encode", "rendition", "template", "dressing"),
    files=files_of_order,
    captions=read_subtitles,
)
