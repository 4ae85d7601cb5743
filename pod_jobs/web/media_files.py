"""/media/<video>/<run>/<file>: outputs of a video, published or still growing, for people who may see the video.

A file has the same address while it grows and after it is published. Published files never change. Of a growing media file,
only the bytes that its playlist lists are served, so that no player gets half a segment.
"""

import os
import re
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from pod_jobs.catalog.models import Task, Video
from pod_jobs.catalog.store import tasks, videos
from pod_jobs.errors import NotFound, translated_os_errors
from pod_jobs.media_folder import (
    DONE_MARKER,
    FILE_NAME,
    FIRST_PICTURE,
    LOG_NAME,
    MIME_TYPES,
    RunName,
    is_read_while_growing,
    output_name,
    parse_run_folder,
    playlist_beside,
)
from pod_jobs.system import plain_files
from pod_jobs.web.failed_parts import as_it_ended
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.guards.file_parts import part_of, serve_ranges
from pod_jobs.web.services import checked_media, services

blueprint = Blueprint("media_files", __name__)

BYTE_RANGE = re.compile(r'(?:#EXT-X-BYTERANGE:|BYTERANGE=")([0-9]{1,18})@([0-9]{1,18})(?![0-9])')
# A browser asks before it uses its cache: on a shared computer, the next person must not watch what the last one could see.
ASK_FIRST = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}


@blueprint.get("/media/<int:video_id>/<folder>/<name>")
@access.needs("see-videos")
def serve(video_id: int, folder: str, name: str) -> ResponseReturnValue:
    """With ?download the browser saves the file under a name made from the title. Errors: NotFound, also for a video that this
    person may not see; ServiceUnavailable while the media folder is away."""
    user = require_user()
    video = videos.get(video_id, user)
    mime, run = MIME_TYPES.get(Path(name).suffix), parse_run_folder(folder)
    if mime is None or run is None or not FILE_NAME.fullmatch(name) or name == DONE_MARKER:
        raise NotFound(f"no file of ours is called {folder}/{name}")
    with translated_os_errors():
        output = services().settings.media.open_output(video.id, folder, name)
    if output is None:
        checked_media()
        raise NotFound(f"{folder}/{name} of video {video_id}")
    try:
        if output.is_growing:
            task = _task_of(video, name, run)
            with translated_os_errors():
                playlist = _playlist_of(video.id, folder, name)
                if task.state == "error" and name != LOG_NAME:
                    return _failed(task, output.file, name, mime, playlist, video)
                return _growing(output.file, name, mime, playlist)
        if location := services().settings.web.accel_location:
            output.file.close()
            return _by_nginx(f"{location}{output_name(video.id, folder, name)}", name, mime, video)
        return _complete(output.file, name, mime, video)
    except BaseException:
        output.file.close()
        raise


@blueprint.get(f"/media/<int:video_id>/{FIRST_PICTURE}")
@access.needs("see-videos")
def serve_first_picture(video_id: int) -> ResponseReturnValue:
    """Errors: as of `serve`."""
    video = videos.get(video_id, require_user())
    with translated_os_errors():
        file = services().settings.media.open_first_picture(video.id)
    if file is None:
        raise NotFound(f"a first picture of video {video_id}")
    return _complete(file, FIRST_PICTURE, MIME_TYPES[".jpg"], video)


def _task_of(video: Video, name: str, run: RunName) -> Task:
    """The task of a run that is not published. Errors: NotFound for all runs but the present one, and those that a person
    stopped. The log is served of each."""
    task = tasks.get(run.task)
    is_own = task.video_id == video.id and task.kind == run.kind
    # done: it was published, and reported, since the file was opened
    is_present = task.state in ("running", "done", "error") and task.generation == run.generation
    if not is_own or not (is_present or name == LOG_NAME):
        raise NotFound(f"run {run.generation} of task {run.task}")
    return task


def _complete(file: BinaryIO, name: str, mime: str, video: Video) -> Response:
    """Serve a published file. The server gets the open file and not its name, because another file may take the name."""
    saved_as = _saved_as(name, video)
    response = serve_ranges(file, mime, as_attachment=saved_as is not None, download_name=saved_as)
    response.headers.update(ASK_FIRST)
    return response


def _by_nginx(location: str, name: str, mime: str, video: Video) -> Response:
    """Let nginx serve a published file, or a range of it. It follows no link below the media folder (deploy/nginx.conf)."""
    response = Response(mimetype=mime)
    response.headers["X-Accel-Redirect"] = location
    if saved_as := _saved_as(name, video):
        response.headers["Content-Disposition"] = _attachment(saved_as)
    response.headers.update(ASK_FIRST)
    return response


def _attachment(name: str) -> str:
    """The header by which a browser saves what it gets under this name."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _saved_as(name: str, video: Video) -> str | None:
    """The name under which the browser shall save the file; None if it shall show it."""
    stem, suffix = Path(name).stem, Path(name).suffix
    return f"{_file_name(video.title)} ({stem}){suffix}" if "download" in request.args else None


def _growing(file: BinaryIO, name: str, mime: str, playlist: str) -> Response:
    """Serve a file of a running encoding: a playlist, the log, or a range of the segments that `playlist` lists."""
    if playlist:
        response = _listed_part(file, mime, listed_extent(playlist))
    elif is_read_while_growing(name):
        response = _as_it_is(file, name, mime)
    else:
        raise NotFound(f"{name} is not finished")
    response.headers["Cache-Control"] = "no-store"
    return response


def _failed(task: Task, file: BinaryIO, name: str, mime: str, playlist: str, video: Video) -> Response:
    """Serve a file of what a failed run had encoded: a playlist, or of the segments those that `playlist` lists, whole or a
    range of them. Errors: as of `_growing`."""
    if name.endswith(".m3u8"):
        with file:
            text = plain_files.read_whole(file, plain_files.MOST_TEXT_BYTES).decode("utf-8", "replace")
        response = Response(as_it_ended(task, name, text), mimetype=mime)
    elif playlist and request.range is None:
        response = Response(
            part_of(file, 0, listed := _extent_in(file, playlist)), mimetype=mime, direct_passthrough=True
        )
        response.content_length = listed
        if saved_as := _saved_as(f"{Path(name).stem}.mp4", video):
            response.headers["Content-Disposition"] = _attachment(saved_as)
    elif playlist:
        response = _listed_part(file, mime, _extent_in(file, playlist))
    else:
        raise NotFound(f"{name} was not finished")
    response.headers["Cache-Control"] = "no-store"
    return response


def _extent_in(file: BinaryIO, playlist: str) -> int:
    """As `listed_extent`, but not more than there is."""
    return min(listed_extent(playlist), os.fstat(file.fileno()).st_size)


def _as_it_is(file: BinaryIO, name: str, mime: str) -> Response:
    """A file as long as it is now. A playlist is read at once, because the next one takes its place. Errors: OSError."""
    if name == LOG_NAME:  # it only grows, and may be long
        size = os.fstat(file.fileno()).st_size
        response = Response(part_of(file, 0, size), mimetype=mime, direct_passthrough=True)
        response.content_length = size
        return response
    with file:
        return Response(plain_files.read_whole(file, plain_files.MOST_TEXT_BYTES), mimetype=mime)


def _playlist_of(video_id: int, folder: str, name: str) -> str:
    """The text of the playlist beside growing segments; "" for any other file. Errors: NotFound while there is none."""
    playlist = playlist_beside(name)
    if playlist is None:
        return ""
    output = services().settings.media.open_output(video_id, folder, playlist)
    if output is None:
        raise NotFound(f"{name} has no playlist yet")
    with output.file as file:
        return plain_files.read_whole(file, plain_files.MOST_TEXT_BYTES).decode("utf-8", "replace")


def _listed_part(file: BinaryIO, mime: str, listed_bytes: int) -> Response:
    """The range that was asked for, within the first `listed_bytes` of the file. Errors: 416 for anything else."""
    byte_range = request.range
    if byte_range is None or byte_range.units != "bytes" or len(byte_range.ranges) != 1:
        raise RequestedRangeNotSatisfiable(description="one byte range is needed while the file grows")
    start, stop = byte_range.ranges[0]
    stop = listed_bytes if stop is None else stop
    if not 0 <= start < stop <= listed_bytes:
        raise RequestedRangeNotSatisfiable(description=f"{listed_bytes} bytes are listed so far")
    response = Response(part_of(file, start, stop), 206, mimetype=mime, direct_passthrough=True)
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/*"
    response.content_length = stop - start
    return response


def listed_extent(playlist: str) -> int:
    """How many bytes of its file a playlist lists, counted from the beginning, with the initialization section."""
    return max((int(length) + int(offset) for length, offset in BYTE_RANGE.findall(playlist)), default=0)


def _file_name(title: str) -> str:
    """`title` as a file name, without characters that file systems or shells treat specially; at most 120 characters."""
    return re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\s]+', " ", title).strip(" .")[:120] or "video"
