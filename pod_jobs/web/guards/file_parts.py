"""Serves files and parts of them from their open descriptors, so that a slow client holds no thread (slow_clients.py).

The server gets the open file and not its name, because another file may take the name.
"""

import io
import os
from collections.abc import Iterable
from typing import Any, BinaryIO

from flask import Response, request, send_file
from werkzeug.wsgi import wrap_file


def serve_ranges(file: BinaryIO, mime: str, **more: Any) -> Response:
    """A file that does not change, or the range of it that the request wants; `more` is for `send_file`. The file is closed
    with the response, or at once when none can be made (416)."""
    try:
        status = os.fstat(file.fileno())
        etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        response = send_file(file, mimetype=mime, last_modified=status.st_mtime, etag=etag, **more)
        response.content_length = status.st_size
        response.make_conditional(request, accept_ranges=True, complete_length=status.st_size)
    except BaseException:
        file.close()
        raise
    if response.status_code == 206:  # werkzeug would read the part piece by piece, which holds the thread
        response.response = part_of(file, response.content_range.start or 0, response.content_range.stop or 0)
    return response


class FilePart(io.RawIOBase):
    """The bytes of an open file from `start` to `stop`. Its descriptor stands at `start`, so that a server can send from it."""

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._left = stop - start
        os.lseek(file.fileno(), start, os.SEEK_SET)

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        read = os.readv(self.fileno(), [memoryview(buffer)[: self._left]]) if self._left else 0
        self._left -= read
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


def part_of(file: BinaryIO, start: int, stop: int) -> Iterable[bytes]:
    """The bytes of an open file from `start` to `stop`."""
    return wrap_file(request.environ, FilePart(file, start, stop))  # type: ignore[arg-type]  # it is a binary file
