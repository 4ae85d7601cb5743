"""Receives a recording: checks its size, its first bytes and the room on the disk, and cleans its name and title.

A body is read in small pieces, so that a large one needs no more memory. When a client goes away, what arrived is kept.
"""

import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from babel.units import format_unit
from flask import Request
from flask_babel import get_locale
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from pod_jobs.errors import BadSource, DiskFull, Malformed
from pod_jobs.media.facts.file_type import SNIFF_BYTES, refuse_unless_media
from pod_jobs.settings import Settings
from pod_jobs.web.guards import slow_clients

GB = 10**9
UNITS = {"gigabyte": GB, "megabyte": 10**6}  # named as in babel; smaller sizes are given in kilobytes
PIECE_BYTES = 128 * 1024
BUFFER_BYTES = 1024 * 1024  # the most that is received and written at a time
CHECK_BYTES = 16 * 1024 * 1024  # after so many bytes, the free space is checked again, and the disk begins to write
NAME_CHARACTERS = 200
LOOKED_AT = 10 * NAME_CHARACTERS  # characters at the end of a file name that are cleaned; the rest is dropped
TITLE_CHARACTERS = 250  # the width of the catalog's column


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class CutOff(Exception):
    """The client went away in the middle of the body; what arrived is kept."""


def clean_name(name: str) -> str:
    """The uploader's file name, to be shown to people: without a path and control characters, and not too long."""
    last = name[-LOOKED_AT:].replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    stem, dot, extension = printable.strip().rpartition(".")
    if dot and len(extension) <= 10:
        return f"{stem[: NAME_CHARACTERS - len(extension) - 1]}.{extension}"
    return printable.strip()[:NAME_CHARACTERS]


def title_of(title: str, name: str) -> str:
    """The cleaned `title`; if it is empty, the file name without its extension. Errors: Malformed for a title that is too
    long."""
    check_title(title)
    cleaned = "".join(c for c in title if unicodedata.category(c)[0] != "C").strip()
    stem = name.rpartition(".")[0] or name
    return cleaned or stem.replace("_", " ").strip() or name


def check_title(title: str) -> None:
    """Check the length, before anything reads each character. Errors: Malformed for a title that is too long."""
    if len(title) > TITLE_CHARACTERS:
        raise Malformed(f"{len(title)} characters", code="title-long", most=str(TITLE_CHARACTERS))


def in_words(size_bytes: float) -> str:
    """A size in the language of this request: 2e10 -> "20 GB" or "20 Go"; 34.5e6 -> "34.5 MB"."""
    name, unit = next((pair for pair in UNITS.items() if size_bytes >= pair[1]), ("kilobyte", 1000))
    return format_unit(size_bytes / unit, f"digital-{name}", "short", "#,##0.##", locale=get_locale())


def check_size(settings: Settings, size_bytes: int) -> None:
    """Errors: BadSource for an empty or too large file."""
    if size_bytes == 0:
        raise BadSource("0 bytes", code="source-empty")
    if size_bytes > settings.upload.max_gb * GB:
        raise BadSource(f"{size_bytes} bytes", code="source-too-large", limit=in_words(settings.upload.max_gb * GB))


def room_bytes(settings: Settings) -> int:
    """How many bytes may still be received: the free space of the media disk less `upload.free_gb`. It may be negative."""
    return settings.media.free_bytes() - int(settings.upload.free_gb * GB)


def check_room(settings: Settings, coming_bytes: int) -> None:
    """Errors: DiskFull when there is no room for `coming_bytes` more."""
    room = room_bytes(settings)
    if coming_bytes > room:
        raise DiskFull(f"room for {room} bytes in {settings.media}, {coming_bytes} bytes to come")


def check_nature(path: Path) -> None:
    """Errors: BadSource for a file whose first bytes are not those of a recording."""
    with path.open("rb") as file:
        refuse_unless_media(file.read(SNIFF_BYTES))


def receive(stream: Stream, file: IO[bytes], settings: Settings, limit_bytes: int) -> None:
    """Append the body to `file`, which is unbuffered. What has arrived is synced to the disk at the end, also after an error.

    Errors: CutOff; DiskFull; BadSource as soon as the first bytes are not those of a recording; Malformed for more than
    `limit_bytes`.
    """
    try:
        _append(stream, file, settings, limit_bytes)
    finally:
        os.fsync(file.fileno())  # not when the video is made, because that happens inside a transaction


def expect_large_body(request: Request) -> None:
    """Lift the app's limit for the size of a body, and set the pace of an upload; `receive` has a limit of its own."""
    request.max_content_length = sys.maxsize
    slow_clients.expect(request, slow_clients.UPLOAD)


def _append(stream: Stream, file: IO[bytes], settings: Settings, limit_bytes: int) -> None:
    received, until_check, written_back = 0, 0, file.tell()
    for piece in _pieces(stream):
        if until_check <= 0:
            check_room(settings, 0)
            written_back = _write_back(file, written_back)
            until_check = CHECK_BYTES
        if received + len(piece) > limit_bytes:
            check_size(settings, file.tell() + len(piece))
            raise Malformed(f"more than the announced {limit_bytes} bytes came")
        if file.tell() == 0 and len(piece) >= SNIFF_BYTES:
            refuse_unless_media(bytes(piece[:SNIFF_BYTES]))
        _write(file, piece)
        received += len(piece)
        until_check -= len(piece)


def _pieces(stream: Stream) -> Iterator[bytes | memoryview]:
    """The body as it comes. The first piece suffices to tell what kind of file it is, if the body does. A piece holds until the
    next one is asked for: a stream of the web server is read into one buffer."""
    try:
        if not isinstance(stream, io.RawIOBase):
            yield from iter(partial(stream.read, PIECE_BYTES), b"")
            return
        buffer, least = memoryview(bytearray(BUFFER_BYTES)), SNIFF_BYTES
        while got := _fill(stream, buffer, least):
            least = 1
            yield buffer[:got]
    except (OSError, ClientDisconnected, ParseException) as error:
        raise CutOff(str(error)) from error


def _fill(stream: io.RawIOBase, buffer: memoryview, least: int) -> int:
    """Read at least `least` bytes, or up to the end. Returns how many."""
    got = 0
    while got < least and (more := stream.readinto(buffer[got:])):
        got += more
    return got


def _write_back(file: IO[bytes], begin: int) -> int:
    """Let the disk write what the file got from `begin` on, without waiting for it. Returns the end of that."""
    end = file.tell()
    with suppress(OSError):  # a file system that cannot is only slower at the end
        os.posix_fadvise(file.fileno(), begin, end - begin, os.POSIX_FADV_DONTNEED)
    return end


def _write(file: IO[bytes], piece: bytes | memoryview) -> None:
    rest = memoryview(piece)
    while rest:  # on a nearly full disk, one write takes a part of the piece, and the next one fails
        rest = rest[file.write(rest) :]
