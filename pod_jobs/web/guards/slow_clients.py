"""Limits how slowly a client may send and receive, with a kind of connection that spares threads from waiting for clients.

A thread serves one request at a time; a few hundred clients that send a byte now and then would hold all threads. Therefore
a request is received completely before it gets a thread, and the part of an answer that the client does not take at once
stays with the connection, which needs no thread (processes/patient_worker.py). Only the body of an upload is received by
its thread, and must come at a minimum pace.
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
UNSENT_BYTES = 256 * 1024  # a thread waits before it adds to an answer of which more than this is unsent
FILE_PART_BYTES = 1024 * 1024  # the most of a file that one system call sends
FIRST_BYTES, KNOWN_OF_PATH = 70_000, 100
LANGUAGES = re.compile(r"\r\naccept-language:[ \t]*([\x20-\x7e]{1,200})\r\n", re.IGNORECASE)


# Requests whose views read the body piece by piece. Any other body is received before its request gets a thread.
API = "/api/v1/"
BODY_BYTES = 4_000_000  # the app refuses a larger body without reading it
# captions of 12 hours with the times of their words have 4 MB
CAPTIONS = re.compile(r"/api/v1/videos/[0-9]+/captions(?:/[0-9]+(?:/draft)?)?")
CAPTION_BYTES = 25_000_000
UPLOADS = re.compile(
    r"(?:POST|PUT) /api/v1/videos|PATCH /api/v1/uploads/[^/]+"
    r"|(?:PUT|PATCH) /api/v1/runs/[0-9/]+/(?:helpers/[0-9a-f]+/)?files/[^/]+"
)
WHOLE_FILES = ("static", "browser_files.vendor", "rq_dashboard.static")  # never in ranges: those need a thread


@dataclass(frozen=True)
class Pace:
    """The minimum that a client must send: something every `silence_s` seconds, and everything within `grace_s` seconds plus
    one second for each `bytes_per_s` bytes received."""

    silence_s: float
    grace_s: float
    bytes_per_s: float


HEAD = Pace(silence_s=10, grace_s=10, bytes_per_s=float("inf"))
SMALL_BODY = Pace(silence_s=5, grace_s=10, bytes_per_s=20_000)  # forms and JSON come at once
# A telephone in a tunnel is silent for half a minute. Slower clients are cut off; by tus they go on where they stopped.
UPLOAD = Pace(silence_s=30, grace_s=60, bytes_per_s=5_000)
# For what comes after the answer: a client that is refused in the middle of its body keeps sending for a moment. If we closed
# the connection with unread bytes, the kernel would discard the answer.
REST = Pace(silence_s=2, grace_s=20, bytes_per_s=float("inf"))


@dataclass
class FilePart:
    """`count` bytes of a file from `offset` on, still to be sent. The descriptor is this object's own."""

    descriptor: int
    offset: int
    count: int


class PacedSocket(socket.socket):
    """A client's connection. A client that is too slow is treated as one that has gone: from then on `recv` returns b"", and
    nothing is logged."""

    _pace = HEAD
    _received = 0
    _began = 0.0
    _ahead: IO[bytes] | None = None
    is_over = False

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._unsent: deque[memoryview | FilePart] = deque()

    def follow(self, pace: Pace) -> None:
        """Require `pace` of the client from now on."""
        self._pace, self._received, self._began = pace, 0, time.monotonic()

    def put_ahead(self, content: IO[bytes]) -> None:
        """Let `recv` return `content` first, which was received earlier."""
        self._ahead = content

    @property
    def first_bytes(self) -> bytes:
        """The beginning of what was put ahead. It is still to be read."""
        if self._ahead is None:
            return b""
        at = self._ahead.tell()
        self._ahead.seek(0)
        beginning = self._ahead.read(FIRST_BYTES)
        self._ahead.seek(at)
        return beginning

    def take_ahead(self) -> bytes:
        """The content that was put ahead and that `recv` has not returned yet; `recv` will not return it any more."""
        if self._ahead is None:
            return b""
        with self._ahead as content:
            self._ahead = None
            return content.read()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self._ahead and (piece := self._ahead.read(size)):
            return piece
        if not self._may_wait():
            return b""
        try:
            piece = super().recv(size, flags)
        except TimeoutError:
            self.is_over = True
            return b""
        self._received += len(piece)
        return piece

    def recv_into(self, buffer, nbytes: int = 0, flags: int = 0, /) -> int:  # type: ignore[no-untyped-def]  # any buffer
        """As `recv`. Returns 0 where that returns b""."""
        if self._ahead and (piece := self._ahead.read(nbytes or len(buffer))):
            buffer[: len(piece)] = piece
            return len(piece)
        if not self._may_wait():
            return 0
        try:
            got = super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            self.is_over = True
            return 0
        self._received += got
        return got

    def _may_wait(self) -> bool:
        """Limit the next wait by the pace. False if the client's time is over."""
        allowed_s = self._pace.grace_s + self._received / self._pace.bytes_per_s
        left_s = self._began + allowed_s - time.monotonic()
        if self.is_over or left_s <= 0:
            self.is_over = True
            return False
        self.settimeout(min(left_s, self._pace.silence_s))
        return True

    def read_now(self, size: int) -> bytes:
        """Up to `size` bytes that have arrived, without waiting. Errors: BlockingIOError when none have."""
        return super().recv(size)

    def end_reading(self) -> None:
        """From now on `recv` returns only the content that was put ahead, and then b""."""
        self._began = float("-inf")

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def sendall(self, piece, flags: int = 0, /) -> None:  # type: ignore[no-untyped-def]  # any buffer
        """Accept `piece` and send what the client takes now. Waits only while too much of the answer is unsent already."""
        while sum(len(part) for part in self._unsent if isinstance(part, memoryview)) > UNSENT_BYTES:
            self._await_room()
            self.send_more()
        self._unsent.append(memoryview(bytes(piece)))
        self.send_more()

    def sendfile(self, file, offset: int = 0, count: int | None = None) -> int:  # type: ignore[no-untyped-def]  # as above
        """Accept `count` bytes of the file from `offset` on. The caller may close the file afterwards."""
        assert count is not None  # noqa: S101  # gunicorn knows it
        self._unsent.append(FilePart(os.dup(file.fileno()), offset, count))
        self.send_more()
        return count

    def send_more(self) -> None:
        """Send as much as the client takes without waiting. Errors: OSError when the client is gone."""
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
            if not sent:  # the file has become shorter; the client must not take it for complete
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
        """Tell the client that nothing more will come. Errors: OSError when the client is gone."""
        with suppress(BlockingIOError):
            self.shutdown(socket.SHUT_WR)


def known_of(first_bytes: bytes) -> tuple[str, str]:
    """From a head that may be broken: the beginning of the path, which tells a program's request from a person's, and the value
    of Accept-Language."""
    line, _, rest = first_bytes.decode("latin-1").partition("\r\n")
    words = line.split(" ")
    path = words[1][:KNOWN_OF_PATH].partition("?")[0] if len(words) > 1 and words[1].startswith("/") else "/"
    match = LANGUAGES.search(f"\r\n{rest}")
    return path, match[1] if match else ""


def is_upload(method: str, path: str) -> bool:
    """Does the view of this request read the body piece by piece? `path`: without the prefix of web.public_url."""
    return UPLOADS.fullmatch(f"{method} {path}") is not None


def looks_like_upload(method: str, target: str) -> bool:
    """As `is_upload`, for the target of a request's first line. It is a guess, which `require_minimum_pace` corrects."""
    path = re.split("[?#]", target, maxsplit=1)[0]
    return is_upload(method, path[max(0, path.find(API)) :])


def most_bytes(target: str) -> int:
    """The largest body of a request that is received before the request gets a thread."""
    path = re.split("[?#]", target, maxsplit=1)[0]
    return CAPTION_BYTES if CAPTIONS.fullmatch(path[max(0, path.find(API)) :]) else BODY_BYTES


def require_minimum_pace(request: Request) -> None:
    """Call before each view. Errors: LengthRequired for a body without a length, because nobody can tell when it ends."""
    if request.endpoint in WHOLE_FILES:
        request.environ.pop("HTTP_RANGE", None)
    if is_upload(request.method, request.path):
        expect(request, SMALL_BODY)  # until the view sets another pace
        return
    client = request.environ.get("gunicorn.socket")
    if isinstance(client, PacedSocket):
        client.end_reading()  # its body is here; if not, the head pretended to be an upload's, or to have none
    if request.headers.get("Transfer-Encoding") and request.content_length is None:
        raise LengthRequired("a Content-Length is needed here")


def expect(request: Request, pace: Pace) -> None:
    """Require `pace` for the rest of the request's body. Does nothing without gunicorn's socket, as in tests."""
    client = request.environ.get("gunicorn.socket")
    if isinstance(client, PacedSocket):
        client.follow(pace)
