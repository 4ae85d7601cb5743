"""gunicorn's worker with threads, changed so that a silent or slow client holds no thread.

The life of a connection. The thread that accepts connections does all the waiting; the threads of the pool only work.
1. The connection waits up to 10 s for the head of a request. One that a browser keeps open for later may be idle before.
2. A body that is no upload is waited for too, at the pace of a small body. A request with an upload gets its thread after
   its head: the thread receives the body piece by piece, so that nothing of it is lost (web/intake/).
3. A thread answers. The part that the client does not take at once stays with the connection (web/guards/slow_clients.py).
4. The connection waits until the client takes more. Then a thread sends, because reading a file from a shared disk may take
   long.
5. The connection is kept for the next request, or closed: nothing more is sent, and for 2 s what still arrives is read and
   discarded.

All waiting connections are checked once a second; they are few enough. When there is no room for a new connection, the one
that has waited longest for a head is closed. One address may have at most `app.connections_per_address` connections.
"""

import errno
import re
import select
import selectors
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import IO, Any

from gunicorn.http.errors import (
    ConfigurationProblem,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import TConn, ThreadWorker

from pod_jobs.errors import PodJobsError
from pod_jobs.web.guards import problems, slow_clients, upload_body
from pod_jobs.web.guards.slow_clients import Pace, PacedSocket

HEAD_BYTES = 70_000  # more than gunicorn accepts; gunicorn itself refuses such a head
MOST_DIGITS = 9
MEMORY_BYTES = 64_000  # a larger body is kept in a temporary file
PIECE_BYTES = 65_536
ACCEPTED_AT_ONCE = 50
IDLE_S = 15.0  # the longest time between two requests
LOOK_S = 1.0  # between two checks for connections that have waited too long
OURS = ("127.0.0.1", "::1", "::ffff:127.0.0.1", "")  # not limited: workers, command line, a proxy on this host

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
UNREAD = {  # what gunicorn raises -> the code of our error
    LimitRequestLine: "address-too-long",
    LimitRequestHeaders: "head-too-large",
    ParseException: "malformed",
}
OF_THE_APP = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TEMPORARY = (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's connection with the state of a request that is not complete yet."""

    def __init__(self, cfg: Any, sock: PacedSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.address = client[0] if isinstance(client, tuple) else ""
        self.received = bytearray()  # the head as far as it has arrived, and bytes that came with it
        self.body: IO[bytes] | None = None  # once the head is complete: all of the request that has arrived
        self.missing = 0  # bytes of the body that have not arrived
        self.began = 0.0  # monotonic: when waiting for the body began
        self.got = 0  # bytes since `began`
        self.is_kept = False  # True: after the answer, the connection is kept for another request
        self.waits_for_head = False


def missing_bytes(head: bytes, with_head: int) -> int:
    """How many bytes must still arrive before a thread may take the request. `with_head` bytes of its body are there."""
    length = LENGTH.search(head)
    method, target = (*head.partition(b"\r\n")[0].decode("latin-1").split(" "), "", "")[:2]
    digits = length[1].lstrip(b"0") if length else b""
    if (
        not digits
        or len(digits) > MOST_DIGITS
        or int(digits) > slow_clients.most_bytes(target)
        or slow_clients.looks_like_upload(method, target)
    ):
        return 0
    return max(0, int(digits) - with_head)


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the life of a connection above. The poller calls the methods whose names begin with `_on_`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[Connection, float] = {}  # -> monotonic instant until which it may wait
        self._of_address: Counter[str] = Counter()
        self._most_of_address = getattr(self.app, "connections_per_address", 0)
        self._looked_at = 0.0

    # --- 1, 2: a request comes -------------------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Accept several connections at once, so that a crowd of clients that reconnect does not keep others waiting."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, address = listener.accept()
            except OSError as error:
                if error.errno not in TEMPORARY:
                    raise
                return
            self._admit(client, address, listener.getsockname())

    def _admit(self, client: socket.socket, address: Any, server: Any) -> None:
        conn = Connection(self.cfg, PacedSocket(client.detach()), address, server)
        self.nr_conns += 1
        self._of_address[conn.address] += 1
        is_one_too_many = self._of_address[conn.address] > self._most_of_address > 0 and conn.address not in OURS
        if is_one_too_many:
            self._drop(conn)
            return
        if self.nr_conns >= self.worker_connections:
            self._drop_the_oldest()
        self._await_head(conn, slow_clients.HEAD.grace_s)

    def _await_head(self, conn: Connection, seconds: float) -> None:
        conn.waits_for_head = True
        self._wait(conn, selectors.EVENT_READ, self._on_head, seconds)

    def _on_head(self, conn: Connection, _: Any) -> None:
        piece = self._read(conn)
        if not piece:
            return
        if conn.initialized and not conn.received:  # it was kept idle, and a request begins
            self._waiting[conn] = time.monotonic() + slow_clients.HEAD.grace_s
        conn.received += piece
        if self._has_whole_head(conn, len(piece)):
            self._wake(conn)
            self._take_body(conn)

    def _has_whole_head(self, conn: Connection, newest: int) -> bool:
        at = conn.received.find(b"\r\n\r\n", max(0, len(conn.received) - newest - 3))
        return at >= 0 or len(conn.received) > HEAD_BYTES

    def _take_body(self, conn: Connection) -> None:
        """The head is complete: hand the request over to a thread, or wait for the body."""
        received = bytes(conn.received)
        head, end, rest = received.partition(b"\r\n\r\n")
        conn.received = bytearray()
        conn.missing = missing_bytes(head + b"\r\n", len(rest)) if end else 0
        if not conn.missing:
            self._hand_over(conn, BytesIO(received))
            return
        conn.body = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # closed after it is read, or with the connection
        conn.body.write(received)
        conn.began, conn.got = time.monotonic(), 0
        if EXPECT.search(head + b"\r\n") and not self._send(conn, CONTINUE):
            return
        self._wait(conn, selectors.EVENT_READ, self._on_body, self._allowed_s(conn, slow_clients.SMALL_BODY))

    def _on_body(self, conn: Connection, _: Any) -> None:
        piece = self._read(conn)
        if not piece:
            return
        assert conn.body is not None  # noqa: S101  # for the type checker
        conn.body.write(piece)
        conn.missing -= len(piece)
        conn.got += len(piece)
        self._waiting[conn] = time.monotonic() + self._allowed_s(conn, slow_clients.SMALL_BODY)
        if conn.missing <= 0:
            self._wake(conn)
            conn.body.seek(0)
            self._hand_over(conn, conn.body)

    @staticmethod
    def _allowed_s(conn: Connection, pace: Pace) -> float:
        """How many seconds the next bytes may take."""
        return min(pace.silence_s, conn.began + pace.grace_s + conn.got / pace.bytes_per_s - time.monotonic())

    def _hand_over(self, conn: Connection, request: IO[bytes]) -> None:
        conn.body = None
        conn.sock.put_ahead(request)
        conn.data_ready = True
        self.enqueue_req(conn)

    # --- 3: a thread answers ---------------------------------------------------------------------------------------

    def handle(self, conn: Connection) -> Any:
        """Serve one request. gunicorn reads it from the connection, where it was put ahead."""
        conn.sock.follow(slow_clients.HEAD)
        outcome = super().handle(conn)
        return outcome and not conn.sock.is_over

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Serve one request, and do not wait for the rest of a body that the app has not read."""
        if slow_clients.looks_like_upload(req.method, req.path):
            upload_body.read_directly(req, conn.sock)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock.end_reading()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer in our words a head that cannot be read or is too long. All other faults are gunicorn's to answer."""
        code = next((code for kind, code in UNREAD.items() if isinstance(exc, kind)), "")
        if not code or isinstance(exc, OF_THE_APP) or not isinstance(client, PacedSocket):
            super().handle_error(req, client, addr, exc)
            return
        path, languages = slow_clients.known_of(client.first_bytes)
        self.log.warning("a request that cannot be read: %s", type(exc).__name__)
        answer = problems.answer_unread(self.wsgi, path, languages, PodJobsError(type(exc).__name__, code=code))
        answer.headers["Connection"] = "close"
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        with suppress(OSError):
            client.sendall(f"HTTP/1.1 {answer.status}\r\n{head}\r\n".encode("latin-1") + answer.get_data())

    # --- 4, 5: the client takes the answer ---------------------------------------------------------------------------

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """A thread has served the request, or has sent as much as the client took."""
        try:
            conn.is_kept = fs.result()
        except Exception:  # noqa: BLE001  # the connection failed; gunicorn has logged what matters
            self._drop(conn)
            return
        if conn.sock.has_unsent:
            self._wait(conn, selectors.EVENT_WRITE, self._on_writable, slow_clients.SEND_SILENCE_S)
        elif conn.is_kept:
            self._await_next(conn)
        else:
            self._close_gently(conn)

    def _on_writable(self, conn: Connection, _: Any) -> None:
        self._wake(conn)
        sending = self.tpool.submit(self._send_more, conn)
        sending.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    @staticmethod
    def _send_more(conn: Connection) -> bool:
        conn.sock.send_more()
        return conn.is_kept

    def _await_next(self, conn: Connection) -> None:
        """Wait for the next request. It may have arrived already, if the client does not wait for answers (pipelining)."""
        conn.received = bytearray(conn.parser.unreader.take_buffered() + conn.sock.take_ahead())
        if conn.received and self._has_whole_head(conn, len(conn.received)):
            self._take_body(conn)
        else:
            self._await_head(conn, IDLE_S if self.alive else 0.0)

    def _close_gently(self, conn: Connection) -> None:
        """Send nothing more, but read for a moment what the client still sends; see slow_clients.REST."""
        try:
            conn.sock.end_writing()
        except OSError:
            self._drop(conn)
            return
        conn.received = bytearray()
        conn.began = time.monotonic()
        self._wait(conn, selectors.EVENT_READ, self._on_rest, slow_clients.REST.silence_s)

    def _on_rest(self, conn: Connection, _: Any) -> None:
        if self._read(conn):
            rest = slow_clients.REST
            self._waiting[conn] = min(time.monotonic() + rest.silence_s, conn.began + rest.grace_s)

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _wait(self, conn: Connection, event: int, then: Callable[..., None], seconds: float) -> None:
        conn.sock.setblocking(False)
        self._waiting[conn] = time.monotonic() + seconds
        self.poller.register(conn.sock, event, partial(then, conn))

    def _wake(self, conn: Connection) -> None:
        conn.waits_for_head = False
        if self._waiting.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)

    def _read(self, conn: Connection) -> bytes:
        """The bytes that have arrived; b"" if there are none. If the client is gone, its connection is dropped."""
        try:
            piece: bytes = conn.sock.read_now(PIECE_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        if not piece:
            self._drop(conn)
        return piece

    def _send(self, conn: Connection, words: bytes) -> bool:
        """Send a short answer. False if the client is gone; its connection is dropped then."""
        try:
            conn.sock.sendall(words)
        except OSError:
            self._drop(conn)
            return False
        return True

    def _drop(self, conn: Connection) -> None:
        self._wake(conn)
        self.nr_conns -= 1
        self._of_address[conn.address] -= 1
        if not self._of_address[conn.address]:
            del self._of_address[conn.address]
        if conn.body:
            conn.body.close()
        conn.sock.close()

    def _drop_the_oldest(self) -> None:
        oldest = next((conn for conn in self._waiting if conn.waits_for_head), None)
        if oldest is not None:
            self._drop(oldest)

    def murder_pending(self) -> None:
        """Close the connections that have waited too long. gunicorn calls this in each turn of its loop."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S and self.alive:
            return
        self._looked_at = now
        for conn in [conn for conn, until in self._waiting.items() if until <= now]:
            if conn.body is not None:
                self._wake(conn)
                conn.body.close()
                conn.body = None
                if self._send(conn, TOO_SLOW):
                    self._close_gently(conn)
            elif not self._begins_to_speak(conn):
                self._drop(conn)

    @staticmethod
    def _begins_to_speak(conn: Connection) -> bool:
        """Has a request arrived since the poller looked? To close its connection now would answer it with a reset."""
        if not conn.waits_for_head or conn.received:
            return False
        arrived = select.poll()
        arrived.register(conn.sock, select.POLLIN)
        return bool(arrived.poll(0))

    def _cap_keepalive(self, deadline: float) -> None:
        """At a stop, a connection between two requests may wait until `deadline`. gunicorn calls this."""
        for conn, until in self._waiting.items():
            if conn.waits_for_head:
                self._waiting[conn] = min(until, deadline)
