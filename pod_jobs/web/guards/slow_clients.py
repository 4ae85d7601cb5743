"""How slowly a client may talk and listen. A thread serves one client at a time: a few hundred that dribble would hold all.

gunicorn's limits count silence only, and a byte now and then breaks silence; these count time too.
"""

import errno
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from flask import Request

PART_BYTES = 65_536
SEND_SILENCE_S = 30  # a client that takes nothing for so long is gone; a paused player comes back with a range request


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


class PacedSocket(socket.socket):
    """A client's connection. Who is too slow reads as gone, for good, and is not worth a line in the log."""

    _pace = HEAD
    _received = 0
    _began = 0.0
    is_over = False

    def follow(self, pace: Pace) -> None:
        """Count from now by `pace`."""
        self._pace, self._received, self._began = pace, 0, time.monotonic()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
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
        finally:
            self.settimeout(SEND_SILENCE_S)
        self._received += len(piece)
        return piece

    def part(self) -> None:
        """Say that no more is to come, and see the client out. Reads as gone from then on: whoever closes this waits no more."""
        self.follow(REST)
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            while self.recv(PART_BYTES):
                pass
        self.is_over = True

    def sendall(self, piece, flags: int = 0, /) -> None:  # type: ignore[no-untyped-def]  # any buffer
        try:
            super().sendall(piece, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, f"took nothing for {SEND_SILENCE_S} s") from error

    def sendfile(self, file, offset: int = 0, count: int | None = None) -> int:  # type: ignore[no-untyped-def]  # as above
        try:
            return super().sendfile(file, offset, count)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, f"took nothing for {SEND_SILENCE_S} s") from error


def expect(request: Request, pace: Pace) -> None:
    """What is still to come of the request's body comes by `pace`. Without gunicorn's socket (tests) there is none."""
    client = request.environ.get("gunicorn.socket")
    if isinstance(client, PacedSocket):
        client.follow(pace)
