"""How the bytes of files come and go in the calls of workers on other hosts: with the call itself, or through the bucket of an S3
server. storage/web_calls.py and storage/by_bucket.py are the other ends.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import BinaryIO

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.errors import Malformed, ServiceUnavailable, translated_os_errors
from pod_jobs.storage import Run, helpers_folder
from pod_jobs.storage.bucket import OWNER, Bucket, parts_of
from pod_jobs.storage.web_calls import PART_BYTES as BUCKET_PART_BYTES
from pod_jobs.system.plain_files import PIECE_BYTES
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.guards.file_parts import serve_ranges
from pod_jobs.web.guards.run_keys import helper_of, require_part_in
from pod_jobs.web.intake import received_files
from pod_jobs.web.services import after_answer, services, without_database

blueprint = Blueprint("api_run_bodies", __name__)
PART_BYTES = 32 * 1024 * 1024  # the largest body of a request: proxies refuse larger ones


@blueprint.post("/runs/<int:task_id>/<int:generation>/<int:attempt>/objects")
@access.needs("run-tasks")
def new_object(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """{"bytes"}: the worker wants to send so many through the bucket. The answer is {"url"}: a link that takes exactly these.
    It has one object there: what was sent by an earlier link and not taken in is replaced."""
    run = require_part_in(task_id, generation, attempt)
    size = answers.field(answers.body(), "bytes", int)
    if not 0 < size <= BUCKET_PART_BYTES:
        raise Malformed(f"bytes: 1 to {BUCKET_PART_BYTES} is needed")
    return {"url": bucket().receive(*_sender(run), size)}


@blueprint.post("/workers/bucket-check")
@access.needs("run-tasks")
def check() -> ResponseReturnValue:
    """{"bucket", "put", "get"}: the bucket, and links by which a worker writes and reads an object in it."""
    put, get = bucket().links_to_try(f"token-{access.current_token().id}")
    return {"bucket": str(bucket()), "put": put, "get": get}


def bucket() -> Bucket:
    """Errors: ServiceUnavailable when the settings name none, so that a run waits until they do; SettingsError."""
    configured = services().bucket
    if configured is None:
        raise ServiceUnavailable("this web host has no bucket: [s3] in its settings.toml is needed")
    return configured


def give(file: BinaryIO) -> ResponseReturnValue:
    """An open file that does not change, or the range that the request wants. With ?link_from= instead {"url", "bytes"}: a link
    to the part that begins there, and how many bytes it has. Errors: Malformed where none begins."""
    try:
        start = answers.number("link_from")
        if start is not None and start % BUCKET_PART_BYTES:
            raise Malformed(f"link_from: a part begins at each multiple of {BUCKET_PART_BYTES}, and not at {start}")
    except Malformed:
        file.close()
        raise
    if start is None:
        return serve_ranges(file, "application/octet-stream")
    with file, without_database():
        link, size = bucket().offer(file, start)
    return {"url": link, "bytes": size}


def forget_later(files: Iterable[BinaryIO]) -> None:
    """Remove from the bucket what is there of files that are about to go, once this request is answered."""
    if not services().settings.s3.endpoint:
        return
    with translated_os_errors():
        parts = [parts_of(file) for file in files]

    def forget() -> None:
        with without_database(), suppress(ServiceUnavailable):  # the janitor does it tomorrow
            for parts_of_file in parts:
                bucket().forget(parts_of_file)

    if parts:
        after_answer(forget)


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
    """The request's body, or the ?from_bucket= bytes that this worker has put there, in pieces. Errors: as of `body_pieces`;
    ServiceUnavailable when just so many are not there."""
    size = answers.number("from_bucket")
    if size is None:
        with body_pieces() as pieces:
            yield pieces
        return
    if size > BUCKET_PART_BYTES:
        raise Malformed(f"from_bucket: a number up to {BUCKET_PART_BYTES} is needed")
    received_files.check_room(services().settings, size)
    with without_database(), bucket().received(*_sender(run), size) as pieces:
        yield pieces


def _sender(run: Run) -> tuple[str, str]:
    """The names of a run and of the worker with whose key this request came, for the bucket. No two workers that are at the
    same run have the same name, and there are no more names than numbers of helpers."""
    helper = helper_of(run.key)
    return f"{run.task}-{run.generation}-{run.attempt}", helpers_folder.number_of(helper) if helper else OWNER
