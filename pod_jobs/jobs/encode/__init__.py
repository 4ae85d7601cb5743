"""Encode a video by one template; by the web's, the source becomes HLS, MP4, MP3, thumbnails and a storyboard.

1. Take the video's lock for this template: no two of these encodes at once.
2. An earlier run of this task may have finished and died before it could say so: its marker is the result.
3. Encode into the work folder of this generation; its playlists are watchable while it grows.
4. Write the marker, rename the folder: published. The catalog hears of it by the report.
A failed run leaves only its log.
"""

import logging
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.errors import BadSource, PodJobsError, SettingsError
from pod_jobs.jobs import work_folder
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode.colleagues import Colleagues
from pod_jobs.jobs.encode.dress import dressed
from pod_jobs.jobs.job_type import JobType
from pod_jobs.media.command.hardware import equip
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.codecs import find_lacks
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.process.progress import Progress
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.media_folder import WEB
from pod_jobs.settings import FfmpegSettings, Settings

log = logging.getLogger(__name__)


@cache
def _look_for_tools(ffmpeg: FfmpegSettings, hardware: str, vaapi_device: str) -> Tools:
    return equip(find_tools(ffmpeg.path, ffmpeg.sandbox), hardware, vaapi_device)


def tools_of(settings: Settings) -> Tools:
    """Asking ffmpeg what it can do takes up to half a second, the trial of a graphics card longer: once per process, but
    again after a fault. Errors: SettingsError."""
    return _look_for_tools(settings.ffmpeg, settings.encode.hardware, settings.encode.vaapi_device)


def prepare_encode(settings: Settings) -> None:
    """Errors: SettingsError when there is no fitting ffmpeg."""
    tools = tools_of(settings)
    check_templates(settings, tools)
    if tools.hardware.lacking:
        log.warning("the processor encodes: %s", tools.hardware.lacking)


def check_templates(settings: Settings, tools: Tools) -> None:
    """Errors: SettingsError that names each template and what this ffmpeg lacks for it."""
    faults = [
        f"template {one.name}: {tools.ffmpeg} has no {lack}"
        for one in settings.templates.values()
        for lack in find_lacks(one.container, one.codec, tools.encoders)
    ]
    if faults:
        raise SettingsError("\n".join(faults))


def run_encode(context: Context, order: Order) -> dict[str, Any]:
    """The result for store.reports. Errors: BadSource, FfmpegFailed; FfmpegKilled, DiskFull, ServiceUnavailable; Stopped."""
    media = context.settings.media_folder
    video_folder = media / order.folder

    def wait() -> None:
        context.tick(order, {"step": "waiting", "fraction": 0.0})

    with work_folder.only_worker_on(video_folder, order.template, wait):
        done = work_folder.find_done(video_folder, order.kind, order.task)
        if done is not None:
            return done
        work = work_folder.begin(video_folder, order)
        try:
            result = _encode_into(work, media, context, order)
            work_folder.publish(work, result)
        except PodJobsError:
            work_folder.keep_only_log(work)
            raise
    return result


def _encode_into(work: Path, media: Path, context: Context, order: Order) -> dict[str, Any]:
    source = media / order.source
    if not source.is_file():
        raise BadSource(f"{order.source} is not there", code="source-missing")
    folder = str(work_folder.published(work).relative_to(media))

    def tick(progress: Progress) -> None:
        context.tick(order, {**asdict(progress), "folder": folder})

    with work_folder.translated_os_errors():
        others = {name: media / path for name, path in order.others.items()}
        plan = build_plan(context.settings, order.options, order.template)
        plan = dressed(plan, context.settings, order.template, order.options, others)
        team = Colleagues(context, order, str(work.relative_to(media)))
        encoded = encode(source, work, plan, tools_of(context.settings), tick, team)
    return {**asdict(encoded), "folder": folder}


def build_plan(settings: Settings, options: dict[str, Any] | None = None, template: str = WEB) -> EncodePlan:
    """The media library's plain values from the settings and from what the task was ordered with.

    Errors: SettingsError for a template that these settings lack.
    """
    encode_settings = settings.encode
    if template not in settings.templates:
        reason = f"there is no [[template]] {template} in {settings.home}"
        raise SettingsError(reason, code="settings-no-template", name=template)
    wanted = settings.templates[template]
    ladder = [rung for rung in settings.rendition if rung.name in wanted.ladder]
    limits = Limits(
        max_duration_s=int(encode_settings.max_duration_h * 3600),
        max_pixels=int(encode_settings.max_megapixels * 1_000_000),
        wall_factor=encode_settings.wall_factor,
        stall_s=encode_settings.stall_s,
        memory_mb=encode_settings.memory_mb,
    )
    return EncodePlan(
        renditions=tuple(Rendition(**rung.model_dump()) for rung in (*ladder, *wanted.rendition)),
        container=wanted.container,
        codec=wanted.codec,
        limits=limits,
        segment_s=encode_settings.segment_s,
        keyframe_s=encode_settings.keyframe_s,
        audio_kbps=wanted.audio_kbps or 0,  # 0: the renditions say it
        mp3_kbps=encode_settings.mp3_kbps if template == WEB else wanted.mp3_kbps,
        with_extras=template == WEB,
        keep=tuple((start_s, end_s) for start_s, end_s in (options or {}).get("keep", ())),
        copy_top=encode_settings.copy_top,
        share_from_s=encode_settings.share_from_min * 60,
        chunk_s=encode_settings.chunk_s,
        level_lufs=encode_settings.audio_level_lufs or None,
    )


ENCODE = JobType("encode", queue="encoding", run=run_encode, prepare=prepare_encode)
