"""A crowd of slow clients, in a process of its own: python -m tests.integration.web.slow_crowd PORT EACH.

EACH connections that say nothing, as many that send the head of a request byte by byte, as many that send a body so, and as many
that ask for a large file and take a few bytes now and then. Who is cut off comes back. Says "ready" once all are connected, then
goes on until its input is closed. They come from 127.0.0.2: this host's own address is not counted.
"""

import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

BEAT_S = 0.5
BODY = "HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:"
WORDS = {
    "idle": "",
    "head": "GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "body": f"POST /sign-in {BODY} 9000\r\n\r\n",
    "fragment": f"POST /sign-in#/api/v1/videos {BODY} 9000\r\n\r\n",
    "below": f"POST /sign-in/api/v1/videos {BODY} 9000\r\n\r\n",
    "zeros": f"POST /sign-in {BODY} 0000009000\r\n\r\n",
    "reader": "GET /vendor/hls.js/hls.min.mjs HTTP/1.1\r\nHost: x\r\n\r\n",
}
DISGUISED = ("fragment", "below", "zeros")  # bodies that look like an upload's, or like none


class Slow:
    """One of them."""

    def __init__(self, port: int, kind: str) -> None:
        self.port, self.kind = port, kind
        self.line = self._connect()

    def _connect(self) -> socket.socket:
        line = socket.socket()
        line.bind(("127.0.0.2", 0))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.settimeout(5)
        with suppress(OSError):
            line.connect(("127.0.0.1", self.port))
            line.sendall(WORDS[self.kind].encode())
        line.setblocking(False)
        return line

    def beat(self) -> None:
        try:
            if self.kind not in ("idle", "reader"):
                self.line.send(b"x")
            if self.line.recv(200) == b"":
                raise ConnectionError
        except BlockingIOError:
            return
        except OSError:
            self.line.close()
            self.line = self._connect()


def crowd(port: int, each: int) -> Iterator[Slow]:
    for kind in WORDS:
        for _ in range(each // 5 if kind in DISGUISED else each):
            yield Slow(port, kind)


if __name__ == "__main__":
    everyone = list(crowd(int(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        for one in everyone:
            one.beat()
        time.sleep(max(0.0, BEAT_S - (time.monotonic() - began)))
