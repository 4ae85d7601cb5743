"""Published files and growing ones: /media/<video>/<folder>/<file>, for those who may see the video.

A run fills <folder>.part and renames it to <folder> when it is complete; both are served under the same address. Complete
files never change. Of a growing media file only what its playlist lists already is served, so no player gets half a segment.
"""

import re
from pathlib import Path
from typing import BinaryIO

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import tasks, videos
from pod_jobs.errors import NotFound
from pod_jobs.media_folder import FILE_NAME, LOG_NAME, RUN_FOLDER, video_folder
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.guards.threads_per_person import seated
from pod_jobs.web.intake.received_files import PIECE_BYTES
from pod_jobs.web.site import site

blueprint = Blueprint("media_files", __name__)

TYPES = {  # text is in UTF-8
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".vtt": "text/vtt",
    ".log": "text/plain",
    ".json": "application/json",
}
BYTE_RANGE = re.compile(r'(?:#EXT-X-BYTERANGE:|BYTERANGE=")(\d+)@(\d+)')
# On a shared computer the next person must not watch from the cache what the last one could see: ask first, 304 is cheap.
ASK_FIRST = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}


@blueprint.get("/media/<int:video_id>/<folder>/<name>")
def serve(video_id: int, folder: str, name: str) -> ResponseReturnValue:
    """?download gives it a file name made from the title. Errors: NotFound, also for what is not this person's to see;
    Refused while too many answers to this person are under way."""
    user = require_user()
    video = videos.get(video_id, user)
    mime = TYPES.get(Path(name).suffix)
    kind_task_generation = RUN_FOLDER.fullmatch(folder)
    if mime is None or kind_task_generation is None or not FILE_NAME.fullmatch(name):
        raise NotFound(f"no file of ours is called {folder}/{name}")
    complete = site().settings.media_folder / video_folder(video.id) / folder
    growing = complete.with_name(f"{folder}.part")
    for _ in range(2):  # the rename may come between the two looks
        if (complete / name).is_file():
            return seated(_complete(complete / name, mime, video), user, site().settings)
        if (growing / name).is_file():
            _check_run(video, name, *kind_task_generation.groups())
            try:
                return seated(_growing(growing / name, mime), user, site().settings)
            except FileNotFoundError:
                continue
    raise NotFound(f"{folder}/{name} of video {video_id}")


def _check_run(video: Video, name: str, kind: str, task_id: str, generation: str) -> None:
    """A folder under way is only served of the present run; the log also after it failed. Errors: NotFound."""
    task = tasks.get(int(task_id))
    is_own = task.video_id == video.id and task.kind == kind
    is_present = task.state == "running" and task.generation == int(generation)
    if not is_own or not (is_present or name == LOG_NAME):
        raise NotFound(f"run {generation} of task {task_id}")


def _complete(path: Path, mime: str, video: Video) -> Response:
    wanted = "download" in request.args
    download_name = f"{_file_name(video.title)} ({path.stem}){path.suffix}" if wanted else None
    response = send_file(path, mimetype=mime, conditional=True, as_attachment=wanted, download_name=download_name)
    response.headers.update(ASK_FIRST)
    return response


def _growing(path: Path, mime: str) -> Response:
    if path.suffix == ".m4s":
        response = _listed_part(path, mime)
    elif path.suffix == ".m3u8" or path.name == LOG_NAME:
        response = Response(path.read_bytes(), mimetype=mime)
    else:
        raise NotFound(f"{path.name} is not finished")  # it may be large, and half of it is of no use to anybody
    response.headers["Cache-Control"] = "no-store"
    return response


def _listed_part(path: Path, mime: str) -> Response:
    """The asked range, as far as the playlist beside the file reaches. Errors: 416 for anything else."""
    listed_bytes = listed_extent(path.with_suffix(".m3u8").read_text("utf-8", "replace"))
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        raise RequestedRangeNotSatisfiable(description="one byte range is needed while the file grows")
    start, stop = wanted.ranges[0]
    stop = listed_bytes if stop is None else stop
    if not 0 <= start < stop <= listed_bytes:
        raise RequestedRangeNotSatisfiable(description=f"{listed_bytes} bytes are listed so far")
    file = path.open("rb")
    file.seek(start)
    response = Response(_pieces(file, stop - start), 206, mimetype=mime)
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/*"
    response.content_length = stop - start
    response.call_on_close(file.close)
    return response


def listed_extent(playlist: str) -> int:
    """How many bytes from the start of its single file a playlist lists, initialization included."""
    return max((int(length) + int(offset) for length, offset in BYTE_RANGE.findall(playlist)), default=0)


def _pieces(file: BinaryIO, left: int):  # type: ignore[no-untyped-def]
    while left and (piece := file.read(min(left, PIECE_BYTES))):
        left -= len(piece)
        yield piece


def _file_name(title: str) -> str:
    """`title` without what file systems and shells trip over."""
    return re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\s]+', " ", title).strip(" .")[:120] or "video"
