"""How the bytes of files come and go in the calls of workers on other hosts: with the call itself, or through the bucket of an S3
server. storage/web_calls.py and storage/by_bucket.py are the other ends.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import BinaryIO

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.errors import Malformed, ServiceUnavailable
from pod_jobs.storage import Run
from pod_jobs.storage.bucket import OBJECT_ID, Bucket
from pod_jobs.system.plain_files import PIECE_BYTES
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.guards.file_parts import serve_ranges
from pod_jobs.web.guards.run_keys import require_part_in
from pod_jobs.web.intake import received_files
from pod_jobs.web.services import services, without_database

blueprint = Blueprint("api_run_bodies", __name__)
PART_BYTES = 32 * 1024 * 1024  # most that one request may bring: proxies refuse large bodies


@blueprint.post("/runs/<int:task_id>/<int:generation>/<int:attempt>/objects")
@access.needs("run-tasks")
def new_object(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """{"bytes"}: the worker wants to send so many through the bucket. The answer is {"object", "url"}: its id, and a link that
    takes exactly these."""
    run = require_part_in(task_id, generation, attempt)
    size = answers.field(answers.body(), "bytes", int)
    if not 0 < size <= PART_BYTES:
        raise Malformed(f"bytes: 1 to {PART_BYTES} is needed")
    found, link = bucket().receive(_folder_of(run), size)
    return {"object": found, "url": link}


@blueprint.post("/workers/bucket-check")
@access.needs("run-tasks")
def check() -> ResponseReturnValue:
    """{"bucket", "put", "get"}: which one it is, and links by which a worker writes and reads an object of it."""
    put, get = bucket().links_to_try(f"token-{access.current_token().id}")
    return {"bucket": str(bucket()), "put": put, "get": get}


def bucket() -> Bucket:
    """Errors: ServiceUnavailable when the settings name none, so that a run waits until they do; SettingsError."""
    found = services().settings.bucket
    if found is None:
        raise ServiceUnavailable("this web host has no bucket: [s3] in its settings.toml is needed")
    return found


def give(file: BinaryIO) -> ResponseReturnValue:
    """An open file that does not change, or the range that the request wants. With ?link_from= instead {"url", "bytes"}: a link
    to so many bytes of it from there on."""
    try:
        start = answers.number("link_from")
    except Malformed:
        file.close()
        raise
    if start is None:
        return serve_ranges(file, "application/octet-stream")
    with file, without_database():
        link, size = bucket().offer(file, start)
    return {"url": link, "bytes": size}


def append(run: Run, part: Callable[[int], AbstractContextManager[Callable[[bytes], object]]]) -> dict[str, int]:
    """Write what the request brings at ?offset= of what `part` opens. Returns the answer: how many "bytes" are there now.
    Errors: Malformed."""
    size = answers.number("offset")
    if size is None:
        raise Malformed("offset: a number is needed")
    with part(size) as write, _brought_by(run) as pieces:
        for piece in pieces:
            write(piece)
            size += len(piece)
    return {"bytes": size}


@contextmanager
def body_pieces() -> Iterator[Iterator[bytes]]:
    """The request's body in pieces. Errors: Malformed for a large one, or one that does not say how large it is; DiskFull while
    there is no room."""
    length = request.content_length
    if length is None or length > PART_BYTES:
        raise Malformed(f"a request says how many bytes it brings, and brings at most {PART_BYTES}")
    received_files.check_room(services().settings, length)
    received_files.expect_large_body(request)
    with without_database():
        yield iter(partial(request.stream.read, PIECE_BYTES), b"")


@contextmanager
def _brought_by(run: Run) -> Iterator[Iterator[bytes]]:
    """The request's body, or the object ?object= of `run` with so many ?bytes=, in pieces. Errors: as of `body_pieces`;
    ServiceUnavailable when the object is not there like that."""
    object_id, size = request.args.get("object"), answers.number("bytes")
    if object_id is None:
        with body_pieces() as pieces:
            yield pieces
        return
    if not OBJECT_ID.fullmatch(object_id) or size is None or size > PART_BYTES:
        raise Malformed(f"object, bytes: an id, and a number up to {PART_BYTES}, are needed")
    received_files.check_room(services().settings, size)
    with without_database(), bucket().received(_folder_of(run), object_id, size) as pieces:
        yield pieces


def _folder_of(run: Run) -> str:
    return f"{run.task}-{run.generation}-{run.attempt}"
