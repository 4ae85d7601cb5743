"""How slowly a client may talk and listen, and the connection that keeps a thread from waiting for it.

A thread serves one request at a time; a few hundred clients that dribble would hold all of them. So a request is read before it
gets a thread, and what its client does not take at once of the answer stays with the connection (processes/patient_worker.py).
Only an upload is read by its thread, at a least pace.
"""

import errno
import os
import re
import select
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from flask import Request
from werkzeug.exceptions import LengthRequired

SEND_SILENCE_S = 30  # a client that takes nothing for so long is gone; a paused player comes back with a range request
UNSENT_BYTES = 256 * 1024  # with so much of an answer still unsent, whoever makes more of it waits
FILE_PART_BYTES = 1024 * 1024


# Addresses whose bodies their views read piece by piece; every other body is there before its request gets a thread.
UPLOADS = re.compile(r"(?:POST|PUT) .*/api/v1/videos|PATCH .*/api/v1/uploads/[^/]+")
WHOLE_FILES = ("static", "browser_files.vendor", "rq_dashboard.static")  # a range of them would be sent by a thread


@dataclass(frozen=True)
class Pace:
    """The least that a client must send: something every `silence_s` seconds, and all of it within `grace_s` seconds, and
    a second more per `bytes_per_s` received."""

    silence_s: float
    grace_s: float
    bytes_per_s: float


HEAD = Pace(silence_s=10, grace_s=10, bytes_per_s=float("inf"))
SMALL_BODY = Pace(silence_s=5, grace_s=10, bytes_per_s=20_000)  # forms and JSON come at once
# A telephone in a tunnel is away for half a minute. Slower ones are cut off too: tus goes on where it stopped.
UPLOAD = Pace(silence_s=30, grace_s=60, bytes_per_s=5_000)
# What comes after the answer: a client that hears a refusal goes on for a moment. Closed with its bytes unread, the kernel would
# take the answer back.
REST = Pace(silence_s=2, grace_s=2, bytes_per_s=float("inf"))


@dataclass
class FilePart:
    """`count` bytes of an open file, from `offset` on, still to be sent; the descriptor is this object's own."""

    descriptor: int
    offset: int
    count: int


class PacedSocket(socket.socket):
    """A client's connection. Who is too slow reads as gone, for good, and is not worth a line in the log."""

    _pace = HEAD
    _received = 0
    _began = 0.0
    _ahead: IO[bytes] | None = None
    is_over = False

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._unsent: deque[memoryview | FilePart] = deque()

    def follow(self, pace: Pace) -> None:
        """Count from now by `pace`."""
        self._pace, self._received, self._began = pace, 0, time.monotonic()

    def put_ahead(self, content: IO[bytes]) -> None:
        """What was read already, to be read again first."""
        self._ahead = content

    def take_ahead(self) -> bytes:
        """What is left of that."""
        if self._ahead is None:
            return b""
        with self._ahead as content:
            self._ahead = None
            return content.read()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self._ahead and (piece := self._ahead.read(size)):
            return piece
        allowed_s = self._pace.grace_s + self._received / self._pace.bytes_per_s
        left_s = self._began + allowed_s - time.monotonic()
        if self.is_over or left_s <= 0:
            self.is_over = True
            return b""
        self.settimeout(min(left_s, self._pace.silence_s))
        try:
            piece = super().recv(size, flags)
        except TimeoutError:
            self.is_over = True
            return b""
        self._received += len(piece)
        return piece

    def read_now(self, size: int) -> bytes:
        """What is there of the client, without waiting. Errors: BlockingIOError when nothing is."""
        return super().recv(size)

    def end_reading(self) -> None:
        """From now on only what was put ahead is read; whoever wants more finds that it is over."""
        self._began = float("-inf")

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def sendall(self, piece, flags: int = 0, /) -> None:  # type: ignore[no-untyped-def]  # any buffer
        """Take charge of `piece`. Waits only while the client has not taken most of what came before it."""
        while sum(len(one) for one in self._unsent if isinstance(one, memoryview)) > UNSENT_BYTES:
            self._await_room()
            self.send_more()
        self._unsent.append(memoryview(bytes(piece)))
        self.send_more()

    def sendfile(self, file, offset: int = 0, count: int | None = None) -> int:  # type: ignore[no-untyped-def]  # as above
        """Take charge of `count` bytes of the file, which may be closed then."""
        assert count is not None  # noqa: S101  # gunicorn knows it
        self._unsent.append(FilePart(os.dup(file.fileno()), offset, count))
        self.send_more()
        return count

    def send_more(self) -> None:
        """As much as the client takes without waiting. Errors: OSError when it is gone."""
        self.setblocking(False)
        try:
            while self._unsent:
                self._send_first()
        except BlockingIOError:
            return
        except OSError:
            self.is_over = True
            self.forget_unsent()
            raise

    def _await_room(self) -> None:
        writable = select.poll()
        writable.register(self, select.POLLOUT)
        if not writable.poll(SEND_SILENCE_S * 1000):
            raise BrokenPipeError(errno.EPIPE, f"took nothing for {SEND_SILENCE_S} s")

    def forget_unsent(self) -> None:
        while self._unsent:
            part = self._unsent.popleft()
            if isinstance(part, FilePart):
                os.close(part.descriptor)

    def _send_first(self) -> None:
        part = self._unsent[0]
        if isinstance(part, memoryview):
            rest = part[self.send(part) :] if part else part
            if rest:
                self._unsent[0] = rest
                return
        elif part.count:
            sent = os.sendfile(self.fileno(), part.descriptor, part.offset, min(part.count, FILE_PART_BYTES))
            if not sent:  # the file is shorter than it was: nobody may take the rest for whole
                raise BrokenPipeError(errno.EPIPE, "the file ended early")
            part.offset += sent
            part.count -= sent
            return
        self._unsent.popleft()
        if isinstance(part, FilePart):
            os.close(part.descriptor)

    def close(self) -> None:
        self.forget_unsent()
        if self._ahead is not None:
            self._ahead.close()
        super().close()

    def end_writing(self) -> None:
        """Say that no more is to come. Errors: OSError when the client is gone."""
        with suppress(BlockingIOError):
            self.shutdown(socket.SHUT_WR)


def is_upload(method: str, path: str) -> bool:
    return UPLOADS.fullmatch(f"{method} {path}") is not None


def receive_at_least_pace(request: Request) -> None:
    """Before a view. Errors: LengthRequired for a body without a length, of which nobody knows when it is whole."""
    if request.endpoint in WHOLE_FILES:
        request.environ.pop("HTTP_RANGE", None)
    if is_upload(request.method, request.path):
        expect(request, SMALL_BODY)  # until the view asks for more
    elif request.headers.get("Transfer-Encoding") and request.content_length is None:
        raise LengthRequired("a Content-Length is needed here")


def expect(request: Request, pace: Pace) -> None:
    """What is still to come of the request's body comes by `pace`. Without gunicorn's socket (tests) there is none."""
    client = request.environ.get("gunicorn.socket")
    if isinstance(client, PacedSocket):
        client.follow(pace)
