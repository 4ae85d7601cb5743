"""The body of an upload, read from the connection straight into the reader's own buffer.

gunicorn collects a body in buffers of its own and copies each byte several times, which takes most of an upload's processor
time.
"""

import io
from typing import Any

from gunicorn.http.body import LengthReader

from pod_jobs.web.guards.slow_clients import PacedSocket


class UploadBody(io.RawIOBase):
    """The next `length` bytes of the connection, of which `first` have been received already. A read returns what is there, as
    soon as something is; b"" at the end, or when the client is gone or too slow."""

    def __init__(self, sock: PacedSocket, first: bytes, length: int) -> None:
        self._sock, self._first, self._left = sock, memoryview(first), length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        target = memoryview(buffer).cast("B")[: self._left]
        if not target:
            return 0
        if self._first:
            got = min(len(target), len(self._first))
            target[:got], self._first = self._first[:got], self._first[got:]
        else:
            got = self._sock.recv_into(target)
        self._left -= got
        return got


def read_directly(req: Any, sock: PacedSocket) -> None:
    """Give gunicorn's request `req` such a body, if its length is known."""
    reader = req.body.reader
    if isinstance(reader, LengthReader):
        received = reader.unreader.take_buffered()
        # what is left belongs to the next request, if the client did not wait for the answer
        reader.unreader.unread(received[reader.length :])
        req.body = UploadBody(sock, received[: reader.length], reader.length)
