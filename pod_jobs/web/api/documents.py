"""The JSON objects of the API, made from rows and from what Redis knows of running work; openapi.yaml explains each field.

A list needs a fixed number of queries, whatever its length. While Redis is away, progress is null.
Every address begins with `base`: settings.public_url for programs, "" for our pages.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from flask_babel import get_locale
from redis.exceptions import RedisError

from pod_jobs.catalog import waiting_order
from pod_jobs.catalog.caption_models import CaptionTrack
from pod_jobs.catalog.models import Attempt, Output, Task, Video
from pod_jobs.catalog.new_task import Purpose
from pod_jobs.catalog.store import captions, error_groups, tasks, videos
from pod_jobs.catalog.store.inspections import HAS_FIRST_PICTURE
from pod_jobs.errors import NEED_ANOTHER_FILE
from pod_jobs.jobs import kept_reports, queue, report
from pod_jobs.jobs.job_type import words_of
from pod_jobs.media_folder import CAPTIONS, FIRST_PICTURE, MASTER_NAME, SUBTITLES
from pod_jobs.web.failed_parts import FailedPart
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake import beginnings, orders
from pod_jobs.web.run_logs import log_path
from pod_jobs.web.services import from_redis, services

log = logging.getLogger(__name__)

Document = dict[str, Any]
Look = Callable[[Sequence["OpenTask"]], "Live"]  # `read_live`, or what remembers its answer (web/polls.py)
SOUND = ("mp3", "m4a")


@dataclass(frozen=True)
class Live:
    """What changes of open tasks while they wait or run, by task id: `progress` of the running attempt, `places` in the queue
    (1 = next), and `begins`, when each waiting task will probably begin. `report_waits`: the ids of tasks whose report has not
    reached the catalog yet."""

    progress: dict[int, Document]
    places: dict[int, int]
    report_waits: set[int]
    begins: dict[int, datetime]


def video_list(base: str, rows: Sequence[Video], look: Look | None = None) -> list[Document]:
    """Videos without `outputs` and `tasks`, with which each poll of a page of 50 would be 300 KB."""
    tasks_of = tasks.tasks_of(rows)
    outputs_of = videos.outputs_of(rows)
    live = (look or read_live)(open_ones(task for own_tasks in tasks_of.values() for task in own_tasks))
    return [_video(base, row, tasks_of[row.id], outputs_of[row.id], live) for row in rows]


def video(base: str, row: Video, look: Look | None = None) -> Document:
    """One video with everything."""
    own_tasks, outputs = tasks.tasks_of([row])[row.id], videos.outputs_of([row])[row.id]
    live = (look or read_live)(open_ones(own_tasks))
    shown = _video(base, row, own_tasks, outputs, live)
    shown["play"]["captions"] += [_captions(base, track) for track in captions.tracks_of([row.id])[row.id]]
    return {
        **shown,
        "outputs": [_output(base, row, output) for output in outputs],
        "tasks": [_task(base, task, live) for task in own_tasks],
    }


def task_list(base: str, rows: Sequence[Task], look: Look | None = None) -> list[Document]:
    live = (look or read_live)(open_ones(rows))
    return [_task(base, row, live) for row in rows]


def task(base: str, row: Task, look: Look | None = None) -> Document:
    """One task with its attempts, and what its page says of it."""
    return {
        **_task(base, row, (look or read_live)(open_ones([row]))),
        "attempts": [_attempt(attempt) for attempt in tasks.attempts_of(row)],
        "ordered_by": row.author.name if row.author else None,
        "children": [child.id for child in tasks.family_of(row)[1]],
        "mender": error_groups.mender_of(row),
        "part_url": f"{base}/api/v1/tasks/{row.id}/part" if row.state == "error" and row.video_id else None,
    }


def failed_part(base: str, part: FailedPart) -> Document:
    """What a failed task had encoded. As players and as a file, both for whoever may see the video."""
    return {
        "duration_s": part.duration_s,
        "master": base + part.master,
        "streams": [
            {
                "name": stream.name,
                "is_sound": stream.is_sound,
                "duration_s": stream.duration_s,
                "bytes": stream.bytes,
                "url": f"{base}{part.folder}/{stream.name}",
            }
            for stream in part.streams
        ],
    }


class OpenTask(NamedTuple):
    """The fields of a task that `read_live` needs; web/polls.py remembers them."""

    id: int
    state: str
    kind: str


def open_ones(rows: Iterable[Task]) -> list[OpenTask]:
    """The tasks that wait or run; no others have progress or a place."""
    return [OpenTask(row.id, row.state, row.kind) for row in rows if row.state in tasks.OPEN]


def read_live(rows: Sequence[OpenTask]) -> Live:
    """What changes of these open tasks; without progress while Redis is away."""
    job_types = services().job_types
    waiting = {row.id: job_types[row.kind].queue for row in rows if row.state == "waiting" and row.kind in job_types}
    running = [row.id for row in rows if row.state == "running"]
    lines = {
        name: {number: place for place, number in enumerate(orders.in_line(name), 1)} for name in set(waiting.values())
    }
    places = {number: lines[name][number] for number, name in waiting.items() if number in lines[name]}
    times = beginnings.all_times() if waiting else {}
    begins = {number: times[number] for number in waiting if number in times}
    try:
        progress, in_redis = from_redis(lambda: _of_running(running))
    except RedisError as error:
        log.warning("no progress to show: %s", error)
        return Live({}, places, set(), begins)
    waits_there = {number for number, said in progress.items() if said.get("step") == kept_reports.WAITS}
    return Live(progress, places, in_redis | waits_there, begins)


def _of_running(running: Sequence[int]) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """What the runs of these tasks say, and those of them whose report waits in Redis. Errors: RedisError."""
    redis = services().redis
    return queue.read_progress(redis, running), report.tasks_with_report(redis) & set(running) if running else set()


def instant(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z."""
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def media_path(row: Video, folder: str, name: str) -> str:
    """The path in the web app of a file in `folder` (relative to the media folder)."""
    return f"/media/{row.id}/{quote(folder.rpartition('/')[2])}/{quote(name)}"


def _video(base: str, row: Video, own_tasks: list[Task], outputs: list[Output], live: Live) -> Document:
    latest = next((task for task in own_tasks if task.purpose == Purpose.PLAY), None)
    progress = live.progress.get(latest.id) if latest is not None else None
    growing = progress["folder"] if progress and progress.get("first_playable") and progress.get("folder") else None
    return {
        "id": row.id,
        "title": row.title,
        "owner": row.owner.name,
        "source": {"name": row.source_name, "bytes": row.source_bytes},
        "state": _video_state(row, latest),
        "playable": row.published_folder is not None or growing is not None,
        "duration_s": _duration_s(row, progress or {}),
        "is_video": row.is_video if row.is_video is not None else (progress or {}).get("is_video"),
        "facts": row.facts,
        "warnings": [warning(remark) for remark in row.warnings],
        "created_at": instant(row.created_at),
        "page_url": f"{base}/videos/{row.id}",
        "play": _play(base, row, [output for output in outputs if _is_played(output)], growing),
        "task": None if latest is None else _task(base, latest, live),
    }


def _video_state(row: Video, latest: Task | None) -> str:
    if row.published_folder is not None or (latest is not None and latest.state == "done"):
        return "ready"
    return "waiting" if latest is None else latest.state


def _duration_s(row: Video, progress: Document) -> float | None:
    """The duration of the published video; else that of the result of the running encoding; else that of the upload."""
    durations = (row.duration_s, progress.get("duration_s"), row.facts.get("duration_s"))
    return next((seconds for seconds in durations if seconds is not None), None)


def _is_played(output: Output) -> bool:
    """Does the player show this output? Not if it is only offered as a file, because it may be cut differently."""
    return output.task.purpose != Purpose.OFFER


def _play(base: str, row: Video, outputs: list[Output], growing: str | None) -> Document:
    """Addresses for a player. `growing` is the folder that a running encoding fills; it counts until a video is published."""

    def address(output: Output) -> str:
        return base + media_path(row, output.folder, output.name)

    def first(kind: str, suffix: str = "") -> str | None:
        return next((address(o) for o in outputs if o.kind == kind and o.name.endswith(suffix)), None)

    chosen = next((address(o) for o in outputs if o.kind == "thumbnail" and o.name == row.poster), None)
    master = next((address(o) for o in outputs if o.name == MASTER_NAME), None)
    if master is None and growing is not None:
        master = base + media_path(row, growing, MASTER_NAME)
    return {
        "master": master,
        "mp4": [_rendition(output, address(output)) for output in outputs if output.kind == "mp4"],
        "audio": [_rendition(output, address(output)) for output in outputs if output.kind in SOUND],
        "poster": chosen
        or first("thumbnail")
        or (f"{base}/media/{row.id}/{FIRST_PICTURE}" if _has_first_picture(row) else None),
        "storyboard": first("storyboard", ".vtt"),
        "captions": [{"language": o.language, "url": address(o)} for o in outputs if _is_only_shown(o)],
        "chapters": first("chapters"),
    }


def _has_first_picture(row: Video) -> bool:
    """Did the inspection of the upload make a picture?"""
    return bool(row.facts.get(HAS_FIRST_PICTURE))


def _is_only_shown(output: Output) -> bool:
    """Is this output subtitles of the source that did not become an editable caption track? Such a track is shown instead."""
    taken = (output.task.infos or {}).get("subtitles", ())
    return output.kind == "captions" and output.name.replace(CAPTIONS, SUBTITLES, 1) not in taken


def track_facts(track: CaptionTrack) -> Document:
    """What every list says of a caption track."""
    return {
        "id": track.id,
        "language": track.language,
        "label": track.label,
        "origin": track.origin,
        "translated": track.translated,
        "state": track.state,
        "edited_by": track.edited_by.name if track.edited_by else None,
    }


def _captions(base: str, track: CaptionTrack) -> Document:
    """A caption track for the player. Each version has an address of its own."""
    path = f"videos/{track.video_id}/captions/{track.id}"
    address = f"{base}/api/v1/{path}/file.vtt?version={track.version}"
    return {
        **track_facts(track),
        "url": address,
        "page_url": f"{base}/{path}",
    }


def _rendition(output: Output, url: str) -> Document:
    return {
        "rendition": output.rendition,
        "url": url,
        "bytes": output.bytes,
        "width_px": output.width_px,
        "height_px": output.height_px,
    }


def _output(base: str, row: Video, output: Output) -> Document:
    return {
        "template": output.task.template,
        "purpose": output.task.purpose,
        "kind": output.kind,
        "name": output.name,
        "rendition": output.rendition,
        "language": output.language,
        "mime": output.mime,
        "bytes": output.bytes,
        "width_px": output.width_px,
        "height_px": output.height_px,
        "url": base + media_path(row, output.folder, output.name),
        "path": f"{output.folder}/{output.name}",
    }


def _task(base: str, row: Task, live: Live) -> Document:
    waited = row.started_at is not None and row.started_at >= row.queued_at
    return {
        "id": row.id,
        "video": row.video_id,
        "kind": row.kind,
        "template": row.template,
        "purpose": row.purpose,
        "words": _words(row),
        "options": row.options or {},
        "state": row.state,
        "generation": row.generation,
        "priority": waiting_order.name_of(row.priority),
        "cancel_requested": row.cancel_requested,
        "report_waits": row.state == "running" and row.id in live.report_waits,
        "queue_position": live.places.get(row.id) if row.state == "waiting" else None,
        "begins_at": instant(live.begins.get(row.id)) if row.state == "waiting" else None,
        "progress": live.progress.get(row.id),
        "error": error(row.error_code, row.error_facts, row.error_reason),
        "retry_at": instant(row.retry_at),
        "created_at": instant(row.created_at),
        "queued_at": instant(row.queued_at),
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
        "queued_s": (row.started_at - row.queued_at).total_seconds() if waited else None,
        "infos": row.infos,
        "page_url": f"{base}/team/tasks/{row.id}",
        "error_group": row.error_group if row.state == "error" else None,
        "parent": row.parent,
        "help_asked_at": instant(row.help_asked_at),
        "log_url": base + log_path(row) if waited and row.video_id is not None else None,
    }


def _words(row: Task) -> Document:
    """The names of the task and of its state in the language of this request."""
    words = words_of(services().job_types, row.kind).in_language(str(get_locale() or "en"))
    return {"name": words["name"], "state": words[row.state]}


def _attempt(row: Attempt) -> Document:
    return {
        "number": row.number,
        "generation": row.generation,
        "worker": row.worker,
        "host": row.host,
        "pid": row.pid,
        "version": row.version,
        "ffmpeg": row.ffmpeg,
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
        "outcome": row.outcome,
        "exit_code": row.exit_code,
        "signal": row.signal,
        "cpu_s": row.cpu_s,
        "peak_mb": row.peak_mb,
        "error": error(row.error_code, {}, row.reason),
    }


def warning(remark: Document) -> Document:
    """`remark`: {"code"}, perhaps with "reason" and "facts"."""
    return {**remark, "sentence": translated(remark["code"], remark.get("facts") or {})}


def error(code: str | None, facts: dict[str, str], reason: str | None) -> Document | None:
    if code is None:
        return None
    needs_file = code in NEED_ANOTHER_FILE
    return {"code": code, "sentence": translated(code, facts or {}), "reason": reason, "needs_file": needs_file}
