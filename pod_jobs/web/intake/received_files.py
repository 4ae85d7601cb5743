"""Uploaded bytes on their way to the media folder. All of it works in small pieces: memory stays flat whatever the size.

<media>/uploads/<upload id>     a tus upload under way
<media>/uploads/post-<random>   a file that arrives in one request; nobody can go on with it, so it never stays
<media>/videos/000003/source    where both end up, by hard link: the bytes are never copied, and never without a name
"""

import errno
import os
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from babel.units import format_unit
from flask import Request
from flask_babel import get_locale
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from pod_jobs.errors import BadSource, DiskFull, Malformed, ServiceUnavailable
from pod_jobs.media.facts.file_type import SNIFF_BYTES, refuse_unless_media
from pod_jobs.settings import Settings
from pod_jobs.system.fsync import sync
from pod_jobs.web.guards import slow_clients

GB = 10**9
UNITS = {"gigabyte": GB, "megabyte": 10**6}  # babel's names; what is smaller is said in kilobytes
PIECE_BYTES = 128 * 1024
ROOM_CHECK_BYTES = 64 * 1024 * 1024  # the free space is looked at again after so many bytes
NAME_CHARACTERS = 200
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class CutOff(Exception):
    """The client went away in the middle of the body; what arrived is kept."""


def folder(settings: Settings) -> Path:
    """Where uploads wait, made if need be. Errors: OSError."""
    path = settings.media_folder / "uploads"
    path.mkdir(parents=True, exist_ok=True)
    return path


def clean_name(name: str) -> str:
    """The uploader's file name as data for people: no path, no control characters, not too long."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    stem, dot, extension = printable.strip().rpartition(".")
    if dot and len(extension) <= 10:
        return f"{stem[: NAME_CHARACTERS - len(extension) - 1]}.{extension}"
    return printable.strip()[:NAME_CHARACTERS]


def title_of(title: str, name: str) -> str:
    """`title` cleaned, or what the file name says without its extension."""
    cleaned = "".join(c for c in title if unicodedata.category(c)[0] != "C").strip()
    stem = name.rpartition(".")[0] or name
    return (cleaned or stem.replace("_", " ").strip() or name)[:250]


def in_words(size_bytes: float) -> str:
    """2e10 -> "20 GB", "20 Go"; 34.5e6 -> "34.5 MB": in the language of this request."""
    name, unit = next((one for one in UNITS.items() if size_bytes >= one[1]), ("kilobyte", 1000))
    return format_unit(size_bytes / unit, f"digital-{name}", "short", "#,##0.##", locale=get_locale())


def check_size(settings: Settings, size_bytes: int) -> None:
    """Errors: BadSource for an empty or too large file."""
    if size_bytes == 0:
        raise BadSource("0 bytes", code="source-empty")
    if size_bytes > settings.upload.max_gb * GB:
        raise BadSource(f"{size_bytes} bytes", code="source-too-large", limit=in_words(settings.upload.max_gb * GB))


def room_bytes(settings: Settings) -> int:
    """What may still come: the free space of the media disk beyond what the settings want; below 0 when that is not there."""
    return shutil.disk_usage(folder(settings)).free - int(settings.upload.free_gb * GB)


def check_room(settings: Settings, coming_bytes: int) -> None:
    """Errors: DiskFull when there is no room for `coming_bytes` more."""
    room = room_bytes(settings)
    if coming_bytes > room:
        raise DiskFull(f"room for {room} bytes in {settings.media_folder}, {coming_bytes} bytes to come")


def check_nature(path: Path) -> None:
    """Errors: BadSource for a file whose first bytes are not those of a recording."""
    with path.open("rb") as file:
        refuse_unless_media(file.read(SNIFF_BYTES))


def receive(stream: Stream, file: IO[bytes], settings: Settings, limit_bytes: int) -> None:
    """Append the body to `file` (unbuffered) until it ends. What arrived stays in it, durably, whatever happens.

    Errors: CutOff; DiskFull; BadSource as soon as the first bytes say so; Malformed when more than `limit_bytes` come.
    """
    try:
        _append(stream, file, settings, limit_bytes)
    finally:
        os.fsync(file.fileno())  # here and not when the video is made: that happens inside a transaction


def expect_large_body(request: Request) -> None:
    """Lift the app's limits for bodies; `receive` has another one."""
    request.max_content_length = sys.maxsize
    slow_clients.expect(request, slow_clients.UPLOAD)


@contextmanager
def temporary(settings: Settings) -> Iterator[IO[bytes]]:
    """A file for one request; gone at the end, unless it got another name."""
    with tempfile.NamedTemporaryFile("wb", buffering=0, prefix="post-", dir=folder(settings), delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def placer(settings: Settings, path: Path) -> Callable[[str], None]:
    """For store.videos.create: gives the complete file at `path` its second name, durably. The first one stays."""

    def place(relative: str) -> None:
        target = settings.media_folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if any(path.name != "source" and not path.name.startswith("lock") for path in target.parent.iterdir()):
            raise ServiceUnavailable(
                f"{relative}: there is another recording; is this database that of this media folder?"
            )
        target.unlink(missing_ok=True)  # left by a try that crashed before its commit
        try:
            os.link(path, target)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            path.rename(target)  # a share without hard links: a crash right now would leave a file without a row
        for changed in (target, target.parent, target.parent.parent):
            sync(changed)

    return place


def _append(stream: Stream, file: IO[bytes], settings: Settings, limit_bytes: int) -> None:
    received, until_check = 0, 0
    for piece in _pieces(stream):
        if until_check <= 0:
            check_room(settings, 0)
            until_check = ROOM_CHECK_BYTES
        if received + len(piece) > limit_bytes:
            check_size(settings, file.tell() + len(piece))
            raise Malformed(f"more than the announced {limit_bytes} bytes came")
        if file.tell() == 0 and len(piece) >= SNIFF_BYTES:
            refuse_unless_media(piece[:SNIFF_BYTES])
        _write(file, piece)
        received += len(piece)
        until_check -= len(piece)


def _pieces(stream: Stream) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.read(PIECE_BYTES)
        except (OSError, ClientDisconnected, ParseException) as error:
            raise CutOff(str(error)) from error
        if not piece:
            return
        yield piece


def _write(file: IO[bytes], piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:  # on a disk that is nearly full the first write takes a part, and the second one fails
        rest = rest[file.write(rest) :]
