"""The calls of workers: they start a run, and report how it ended. catalog/client.py is the other end."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

import pod_jobs
from pod_jobs import media_folder
from pod_jobs.captions.cues import NewCaptions
from pod_jobs.catalog.figures import Amount, Count
from pod_jobs.catalog.models import Task, Video
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.store import caption_corrections, captions, instance, reports, site_callbacks, tasks
from pod_jobs.errors import (
    BadCaptions,
    Malformed,
    PodJobsError,
    Refused,
    ResultRejected,
    ServiceUnavailable,
    translated_os_errors,
)
from pod_jobs.jobs.drain_scope import REPORTS
from pod_jobs.settings.ordered import settings_of_order
from pod_jobs.storage.web_host_folder import WebHostFolder
from pod_jobs.system.versions import differ
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access, run_keys
from pod_jobs.web.intake import orders
from pod_jobs.web.services import after_answer, checked_media, now, services

blueprint = Blueprint("api_results", __name__)


@dataclass(frozen=True)
class Output:
    """The fields of media.outputs.outputs.Output."""

    kind: str
    name: str
    bytes: Count
    mime: str
    rendition: str = ""
    language: str = ""
    width_px: Count = 0
    height_px: Count = 0


@dataclass(frozen=True)
class Remark:
    """The fields of media.planning.plan.Remark."""

    code: str
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """The fields of media.planning.cut.Timeline.document."""

    ranges: tuple[tuple[Amount, Amount], ...]
    offset_s: Amount


@dataclass(frozen=True)
class Picture:
    """What pages and callbacks read of media.facts.media_info.VideoTrack."""

    codec: str = ""
    width_px: Count = 0
    height_px: Count = 0
    display_size: tuple[Count, Count] = (0, 0)
    fps: Amount | None = None


@dataclass(frozen=True)
class Track:
    """The same of AudioTrack and SubtitleTrack."""

    codec: str = ""
    channels: Count = 0
    sample_rate_hz: Count = 0
    language: str = ""


@dataclass(frozen=True)
class Facts:
    """What the web app and the janitor read of the facts of a source."""

    duration_s: Amount | None = None
    timeline: Timeline | None = None
    video: Picture | None = None
    audio: tuple[Track, ...] = ()
    subtitles: tuple[Track, ...] = ()


@dataclass(frozen=True)
class Infos:
    """The same of what a job type adds to a result. `subtitles`: names of files. `sums`: file name -> SHA-256."""

    subtitles: tuple[str, ...] = ()
    sums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The fields of a result that the catalog reads, so that their types can be checked. store/reports.py stores them."""

    folder: str = ""
    outputs: tuple[Output, ...] = ()
    duration_s: Amount | None = None
    is_video: bool | None = None
    facts: Facts = Facts()
    warnings: tuple[Remark, ...] = ()
    infos: Infos = Infos()
    first_playable_s: Amount | None = None
    opening_s: Amount | None = None
    wall_s: Amount | None = None
    cpu_s: Amount | None = None
    peak_mb: Amount | None = None


@dataclass(frozen=True)
class Done:
    """The part of a report whose outcome is "done"."""

    result: Result


REPORT, DONE = TypeAdapter(reports.Report), TypeAdapter(Done)


@blueprint.post("/tasks/<int:task_id>/start")
@access.needs("run-tasks")
def start(task_id: int) -> ResponseReturnValue:
    """{"generation", "worker", "host", "pid", "version", "ffmpeg"} begins an attempt; the answer is the order for
    catalog/client.py. Older workers do not say their versions.

    Errors: Superseded, Cancelled, NotFound: there is nothing to do. Forbidden, Refused (worker-version): this worker must not
    take jobs.
    """
    body = answers.body()
    runner = tasks.Runner(
        answers.field(body, "worker", str),
        answers.field(body, "host", str),
        answers.field(body, "pid", int),
        answers.field({"version": "", **body}, "version", str),
        answers.field({"ffmpeg": "", **body}, "ffmpeg", str),
        access.current_token().id,
    )
    _require_version(runner.version)
    after_answer(orders.hand_over_next)  # a worker took a job, which made room for the next one
    ordered_task = tasks.get(task_id)
    if job_type := services().job_types.get(ordered_task.kind):
        access.require_queue(job_type.queue)
    carried = _carried_by(ordered_task)
    generation, quotas = answers.field(body, "generation", int), services().settings.running_quotas
    task, attempt = tasks.start(task_id, generation, runner, now(), _allowed().losses, quotas)
    video = task.video  # None for a periodic task
    return {
        "task": task.id,
        "generation": task.generation,
        "attempt": attempt.number,
        "key": run_keys.key_of(task.id, task.generation, attempt.number, access.current_token().id),
        "failures": task.failures,
        "kind": task.kind,
        "template": task.template,
        "video": task.video_id,
        "title": video.title if video else "",
        "source": video.source_path if video else "",
        "folder": media_folder.video_folder(video.id) if video else "",
        "media": instance.media_identity(),
        "options": task.options or {},
        "site": _site_of(task),
        "speech": _speech_of(video) if video else {},
        "others": {name: media_folder.source_of(number) for name, number in tasks.others_of(task).items()},
        **carried,
    }


def _speech_of(video: Video) -> dict[str, Any]:
    """What is wanted of a transcription, and how its words are corrected: [[heard, right, language], …]."""
    used = caption_corrections.used_for(video.owner_id)
    return {
        **captions.wish_document(video.id),
        "corrections": [[correction.heard, correction.spelling, correction.language] for correction in used],
    }


def _site_of(task: Task) -> dict[str, Any]:
    """What a worker must know of the site that ordered the task; {} for tasks of people, and when the settings lack the site."""
    order = site_callbacks.of_task(task.id) if task.video and not task.video.source_path else None
    site = services().settings.site_named(order.site) if order else None
    if site is None:
        return {}
    policy = {"hosts": list(site.source_hosts), "networks": list(site.private_networks), "folder": site.shared_folder}
    if site.is_celery:
        policy["folder_mark"] = instance.shared_folder_mark(site.name)
    return {"name": site.name, **policy, "age_s": (now() - task.queued_at).total_seconds()}


def _require_version(version: str) -> None:
    """Errors: Refused for a worker of another MAJOR.MINOR version. Workers of all versions that count say theirs."""
    if version and differ(version, pod_jobs.__version__):
        reason = f"the worker is of version {version}"
        raise Refused(reason, code="worker-version", theirs=version, ours=pod_jobs.__version__)


def _carried_by(task: Task) -> dict[str, Any]:
    """The part of an order that comes from the web host's settings: the sections that the job type needs, and the files in the
    media folder that they name. A file that is not there is left out, and the run says so. Errors: ServiceUnavailable while the
    media folder is away; DiskFull."""
    settings, job_type = services().settings, services().job_types.get(task.kind)
    if job_type is None:
        return {}
    files = {}
    for name in job_type.files(settings, task.template, task.options or {}):
        with translated_os_errors():
            if place := checked_media().offer_dressing(settings.home / name):
                files[name] = place
    return {"settings": settings_of_order(settings, job_type.sections), "files": files}


@blueprint.post("/tasks/<int:task_id>/report")
@access.needs("run-tasks")
def report(task_id: int) -> ResponseReturnValue:
    """A store.reports.Report ends an attempt. With ?final=1 a report that cannot be taken ends it with an error, because
    nobody will send a better one. Errors: Superseded, NotFound, Malformed, ResultRejected: refused for good."""
    try:
        run_report = answers.body_as(REPORT)
        if run_report.attempt is None:
            # nothing seals it: a worker of the task's queue sends it, or one that carries reports
            kind = services().job_types.get(tasks.get(task_id).kind)
            access.require_queue(kind.queue if kind else REPORTS, REPORTS)
        run_keys.require_seal(task_id, run_report.generation, run_report.attempt, run_report.worker)
        return _take(task_id, run_report)
    except (Malformed, ResultRejected) as error:
        if "final" in request.args:
            _end_with(task_id, error)
        raise


def _end_with(task_id: int, refusal: PodJobsError) -> None:
    """End the attempt that a refused report is of. Errors: Malformed when it does not say which; Superseded, NotFound."""
    body = answers.body(constants=True)  # which may be why it was refused
    generation, attempt = (answers.field(body, name, int) for name in ("generation", "attempt"))
    worker = answers.field(body, "worker", str)
    run_keys.require_seal(task_id, generation, attempt, worker)
    ended = reports.Report(generation, "error", attempt, worker, error_code=ResultRejected.code, reason=refusal.reason)
    reports.accept(task_id, ended, _allowed(), now())


def _take(task_id: int, run_report: reports.Report) -> ResponseReturnValue:
    follow: Sequence[NewTask] = ()
    take = None
    if run_report.outcome == "done":
        done = tasks.get(task_id)
        result = _check_result(done)
        # a report of another generation is never taken, and the result of a task that is done has been taken
        if run_report.generation == done.generation and done.state != "done":
            _check_outputs(done, result)
        follow = _what_follows(done, run_report.result)
        take = _captions_of(done, run_report.result)
    task, ordered = reports.accept(task_id, run_report, _allowed(), now(), follow, take)
    orders.dispatch(*ordered)
    if task.state == "waiting" and task.generation > run_report.generation:
        orders.dispatch(task)
    return {"task": task.id, "state": task.state, "generation": task.generation}


def _what_follows(task: Task, result: dict[str, Any]) -> Sequence[NewTask]:
    job_type = services().job_types.get(task.kind)
    following = job_type.follow(services().settings, tasks.as_ordered(task), result) if job_type else ()
    is_short = task.is_short or orders.is_short(result.get("duration_s"))
    return [replace(new, is_short=is_short) for new in following]


def _captions_of(task: Task, result: dict[str, Any]) -> Callable[[Task], object] | None:
    """A function that stores the captions in a result; None when it has none. Errors: ResultRejected when they cannot be read;
    ServiceUnavailable while the media folder is away."""
    job_type = services().job_types.get(task.kind)
    if job_type is None or task.video_id is None:
        return None
    folder = str(result.get("folder", "")).rpartition("/")[2]
    read = partial(_read_output, checked_media(), task.video_id, folder)
    try:
        new_tracks = job_type.captions(result, read)
    except (ValueError, LookupError, TypeError, BadCaptions) as error:
        raise ResultRejected(f"captions of {folder}: {error}") from error
    return partial(_take_captions, new_tracks) if new_tracks else None


def _read_output(media: WebHostFolder, video: int, folder: str, name: str, most_bytes: int) -> bytes:
    output = media.open_output(video, folder, name)
    if output is None:
        raise ResultRejected(f"{folder}/{name} is not there")
    with output.file as opened:
        return opened.read(most_bytes)


def _take_captions(new_tracks: Sequence[NewCaptions], done: Task) -> None:
    assert done.video is not None  # noqa: S101  # `_captions_of` made sure
    for new_track in new_tracks:
        if new_track.origin == "speech":
            captions.take(done.video, new_track, "recognised", None, now(), services().settings.speech.keep_versions)
    if of_source := [new_track for new_track in new_tracks if new_track.origin == "source"]:
        captions.take_from_source(done, of_source, now(), services().settings.speech.keep_versions)


def _check_outputs(task: Task, result: Result) -> None:
    """Compare the outputs of a result with the files that are there. Errors: ResultRejected; ServiceUnavailable while the media
    folder is away."""
    if task.video_id is None or not result.outputs:
        return
    media = checked_media()
    try:
        sizes: dict[str, int | None] = {**media.sizes(task.video_id, result.folder)}
        for output in result.outputs:
            if sizes.get(output.name) != output.bytes:
                sizes[output.name] = _size_of_open(media, task.video_id, result.folder, output.name)
    except OSError as error:
        raise ServiceUnavailable(f"{result.folder}: {error}") from error
    for output in result.outputs:
        if (size := sizes.get(output.name)) != output.bytes:
            claim = f"outputs: {output.name!r} has {output.bytes} bytes, it is said"
            raise ResultRejected(f"{claim}, and " + ("it is not there" if size is None else f"it has {size}"))


def _size_of_open(media: WebHostFolder, video: int, folder: str, name: str) -> int | None:
    """The size of a published file; None when there is none. A network share may remember an older one until a file is opened.
    Errors: OSError."""
    output = media.open_output(video, folder.rpartition("/")[2], name)
    if output is None:
        return None
    with output.file as file:
        return None if output.is_growing else os.fstat(file.fileno()).st_size


def _check_result(task: Task) -> Result:
    """Check that a result names only folders of its own task. Errors: ResultRejected."""
    try:
        result = answers.body_as(DONE).result
    except Malformed as error:
        raise ResultRejected(error.reason) from error
    if task.video_id is None or task.purpose == Purpose.NONE:
        return result
    place, _, name = result.folder.rpartition("/")
    run = media_folder.parse_run_folder(name)
    if place != media_folder.video_folder(task.video_id) or run is None or run[:2] != (task.kind, task.id):
        raise ResultRejected(f"folder {result.folder!r} is not one of task {task.id}")
    for output in result.outputs:
        if not media_folder.FILE_NAME.fullmatch(output.name):
            raise ResultRejected(f"outputs: {output.name!r} is not an acceptable name")
    return result


def _allowed() -> reports.Allowed:
    retry = services().settings.retry
    return reports.Allowed(retry.deaths, retry.losses)
