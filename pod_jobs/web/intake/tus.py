"""Resumable uploads: the server side of tus 1.0 (https://tus.io/protocols/resumable-upload), with creation, termination
and expiration.

The size of an upload's file says how much has arrived. So nothing is lost that is on the disk after a crash, a broken
connection or a full disk. A lock on that file (flock) lets one request at a time work on an upload; the system releases it
when the request ends in any way. The request that brings the last byte makes the video. A client that missed the answer
learns of the video from any later HEAD or PATCH.
"""

import base64
import binascii
import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import PreconditionFailed, UnsupportedMediaType
from werkzeug.http import http_date

from pod_jobs.catalog.models import Upload
from pod_jobs.catalog.store import uploads, videos
from pod_jobs.errors import BadSource, Malformed, NotFound, Refused
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.intake import orders, quotas, received_files
from pod_jobs.web.services import checked_media, now, services, without_database

blueprint = Blueprint("uploads", __name__, url_prefix="/api/v1")

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"


@blueprint.before_request
def check_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed(f"Tus-Resumable: {VERSION} is needed")


@blueprint.after_request
def say_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = response.headers["Tus-Version"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("/uploads", methods=["OPTIONS"])
@access.public
def describe() -> ResponseReturnValue:
    most = int(services().settings.upload.max_gb * received_files.GB)
    return "", 204, {"Tus-Extension": "creation,termination,expiration", "Tus-Max-Size": str(most)}


@blueprint.post("/uploads")
@access.needs("add-videos")
def create() -> ResponseReturnValue:
    size_bytes = _number("Upload-Length")
    settings = services().settings
    quotas.check_upload(settings, require_user(), size_bytes)
    metadata = _metadata(request.headers.get("Upload-Metadata", ""))
    name = received_files.clean_name(metadata.get("filename") or metadata.get("name", ""))
    upload_id = secrets.token_hex(16)
    title = received_files.title_of(metadata.get("title", ""), name)
    source = videos.Source(name, size_bytes, orders.options_of(require_user(), metadata.get("options", "")))
    with quotas.one_more_upload(settings, require_user(), size_bytes):
        upload = uploads.create(upload_id, require_user(), title, source, now())
        _path(upload).touch(mode=0o640, exist_ok=False)
    return "", 201, {"Location": f"{request.script_root}{request.path}/{upload_id}", "Upload-Expires": _expiry(upload)}


@blueprint.route("/uploads/<upload_id>", methods=["HEAD"])
@access.needs("add-videos")
def look(upload_id: str) -> ResponseReturnValue:
    upload = uploads.get(upload_id, require_user())
    if upload.video_id is None and _path(upload).exists() and _path(upload).stat().st_size == upload.bytes:
        with _locked(upload):  # the request that brought the last byte died before it could make the video
            return "", 200, _finish(upload)
    return "", 200, _state(upload)


@blueprint.patch("/uploads/<upload_id>")
@access.needs("add-videos")
def append(upload_id: str) -> ResponseReturnValue:
    if request.mimetype != CONTENT_TYPE:
        raise UnsupportedMediaType(f"Content-Type: {CONTENT_TYPE} is needed")
    upload = uploads.get(upload_id, require_user())
    offset = _number("Upload-Offset")
    if upload.video_id is not None and offset == upload.bytes:
        return "", 204, _state(upload)
    with _locked(upload) as file:
        if offset != file.tell():
            raise Refused(f"the upload is at {file.tell()}, not at {offset}", code="upload-offset")
        _receive(upload, file)
        complete = file.tell() == upload.bytes
        return "", 204, _finish(upload) if complete else _state(upload)


@blueprint.delete("/uploads/<upload_id>")
@access.needs("add-videos")
def terminate(upload_id: str) -> ResponseReturnValue:
    upload = uploads.get(upload_id, require_user())
    if upload.video_id is None:
        with _locked(upload):
            _forget(upload)
    else:
        _forget(upload)
    return "", 204


@contextmanager
def _locked(upload: Upload) -> Iterator[IO[bytes]]:
    """Open the upload's file at its end, for this request alone. Errors: Refused while another request has it; NotFound."""
    try:
        file = _path(upload).open("ab", buffering=0)
    except FileNotFoundError as error:
        raise NotFound(f"the file of upload {upload.id}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(f"upload {upload.id} is being received", code="upload-busy") from error
        if not _path(upload).exists():
            raise Refused(f"upload {upload.id} ended a moment ago", code="upload-busy")
        yield file


def _receive(upload: Upload, file: IO[bytes]) -> None:
    """Append the request's body to `file`. A client that goes away causes no error, because it can resume later."""
    settings, missing = services().settings, upload.bytes - file.tell()
    received_files.check_room(settings, missing)
    received_files.expect_large_body(request)
    try:
        with without_database():
            received_files.receive(request.stream, file, settings, missing)
    except received_files.CutOff:
        pass
    except BadSource:
        _forget(upload)
        raise
    finally:
        uploads.touch(upload, now())


def _finish(upload: Upload) -> dict[str, str]:
    """Make the video of a complete upload. Call with the lock. Errors: BadSource; the upload is deleted then."""
    path = _path(upload)
    try:
        received_files.check_nature(path)
    except BadSource:
        _forget(upload)
        raise
    orders.finish_upload(require_user(), upload, lambda source: checked_media().place(path, source))
    path.unlink(missing_ok=True)
    return _state(uploads.get(upload.id, require_user()))


def _state(upload: Upload) -> dict[str, str]:
    """The headers that tell how much has arrived and, for a complete upload, which video it became."""
    headers = {"Upload-Length": str(upload.bytes), "Upload-Expires": _expiry(upload)}
    if upload.video_id is not None:
        url = f"{link_base()}/videos/{upload.video_id}"
        return {**headers, "Upload-Offset": str(upload.bytes), "Video-Id": str(upload.video_id), "Video-Url": url}
    try:
        return {**headers, "Upload-Offset": str(_path(upload).stat().st_size)}
    except FileNotFoundError as error:
        raise NotFound(f"the file of upload {upload.id}") from error


def _forget(upload: Upload) -> None:
    _path(upload).unlink(missing_ok=True)
    uploads.delete(upload)


def _path(upload: Upload) -> Path:
    return checked_media().upload(upload.id)


def _expiry(upload: Upload) -> str:
    return http_date(upload.touched_at + timedelta(hours=services().settings.upload.expire_h))


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Malformed(f"{header}: a number is needed")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    """The values of tus's header Upload-Metadata by their keys: "title TGVjdHVyZQ==,…" has comma-separated pairs of a key and
    a base64 value. Errors: Malformed."""
    values = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            values[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Malformed(f"Upload-Metadata: {key}: {error}") from error
    return values
