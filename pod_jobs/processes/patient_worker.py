"""gunicorn's worker with threads, in which a client that is silent or slow holds no thread.

Life of a connection. The one thread that accepts does all the waiting; those of the pool only work.
1. It waits for the head of a request, 10 s. Browsers keep a connection for later: that may be idle for a while first.
2. A body that is no upload is waited for too, at the pace of a small body. An upload begins with its head alone: it is read
   by its thread, piece by piece, so that nothing of it is lost (web/intake/).
3. A thread answers. What the client does not take at once stays with the connection (web/guards/slow_clients.py).
4. It waits until the client takes more, which a thread then sends: reading the file may take long on a shared disk.
5. It is kept for the next request, or parts: no more is sent, and what still comes is read and thrown away for 2 s.

The waiting ones are few enough to be looked through once a second. When there is no room for another one, that which has waited
longest for a head goes; of one address there are `app.connections_per_address` at most.
"""

import errno
import re
import selectors
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from io import BytesIO
from typing import IO, Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from pod_jobs.web.guards import slow_clients
from pod_jobs.web.guards.slow_clients import Pace, PacedSocket

HEAD_BYTES = 70_000  # more than gunicorn takes: it refuses the head then, in its own words
BODY_BYTES = 4_000_000  # a larger one is refused by the app without being read
MEMORY_BYTES = 64_000  # of one body; what is larger is in a temporary file
PIECE_BYTES = 65_536
ACCEPTED_AT_ONCE = 50
IDLE_S = 15.0  # between two requests
LOOK_S = 1.0
OURS = ("127.0.0.1", "::1", "::ffff:127.0.0.1", "")  # workers, command line, a proxy on this host: not counted

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TEMPORARY = (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's, and what is known of a request that is not whole."""

    def __init__(self, cfg: Any, sock: PacedSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.address = client[0] if isinstance(client, tuple) else ""
        self.received = bytearray()  # of the head, and what came with it
        self.body: IO[bytes] | None = None  # all of the request so far, once the head is whole
        self.missing = 0  # bytes of the body
        self.began = 0.0
        self.got = 0  # bytes since `began`
        self.is_kept = False  # for another request, when the answer is sent
        self.waits_for_head = False


def missing_bytes(head: bytes, with_head: int) -> int:
    """What must still come before a thread may take the request, of whose body `with_head` bytes are there."""
    length = LENGTH.search(head)
    method, path = (*head.partition(b"\r\n")[0].decode("latin-1").split(" "), "", "")[:2]
    if length is None or int(length[1]) > BODY_BYTES or slow_clients.is_upload(method, path.partition("?")[0]):
        return 0
    return max(0, int(length[1]) - with_head)


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the life of a connection above. Methods with `_on_` are called by the poller."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[Connection, float] = {}  # -> monotonic instant at which it has waited long enough
        self._of_address: Counter[str] = Counter()
        self._most_of_address = getattr(self.app, "connections_per_address", 0)
        self._looked_at = 0.0

    # --- 1, 2: a request comes -------------------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Some of those who wait to be let in; a crowd that comes back at once does not keep the others waiting outside."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, address = listener.accept()
            except OSError as error:
                if error.errno not in TEMPORARY:
                    raise
                return
            self._let_in(client, address, listener.getsockname())

    def _let_in(self, client: socket.socket, address: Any, server: Any) -> None:
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
        if conn.initialized and not conn.received:  # it was kept, and speaks again
            self._waiting[conn] = time.monotonic() + slow_clients.HEAD.grace_s
        conn.received += piece
        if self._has_whole_head(conn, len(piece)):
            self._wake(conn)
            self._take_body(conn)

    def _has_whole_head(self, conn: Connection, newest: int) -> bool:
        at = conn.received.find(b"\r\n\r\n", max(0, len(conn.received) - newest - 3))
        return at >= 0 or len(conn.received) > HEAD_BYTES

    def _take_body(self, conn: Connection) -> None:
        """The head is whole. To a thread, or wait for the body."""
        received = bytes(conn.received)
        head, end, rest = received.partition(b"\r\n\r\n")
        conn.received = bytearray()
        conn.missing = missing_bytes(head + b"\r\n", len(rest)) if end else 0
        if not conn.missing:
            self._hand_over(conn, BytesIO(received))
            return
        conn.body = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # closed when it is read, or dropped
        conn.body.write(received)
        conn.began, conn.got = time.monotonic(), 0
        if EXPECT.search(head + b"\r\n") and not self._say(conn, CONTINUE):
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
        """How long the next bytes may take."""
        return min(pace.silence_s, conn.began + pace.grace_s + conn.got / pace.bytes_per_s - time.monotonic())

    def _hand_over(self, conn: Connection, request: IO[bytes]) -> None:
        conn.body = None
        conn.sock.put_ahead(request)
        conn.data_ready = True
        self.enqueue_req(conn)

    # --- 3: a thread answers ---------------------------------------------------------------------------------------

    def handle(self, conn: Connection) -> Any:
        """One request, which gunicorn reads again from the connection."""
        conn.sock.follow(slow_clients.HEAD)
        outcome = super().handle(conn)
        return outcome and not conn.sock.is_over

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """One request, without what is left of its body: that is not waited for here."""
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock.end_reading()

    # --- 4, 5: the client takes the answer ---------------------------------------------------------------------------

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """A thread has done what it could."""
        try:
            conn.is_kept = fs.result()
        except Exception:  # noqa: BLE001  # of an outside program's connection; gunicorn has logged what is to be logged
            self._drop(conn)
            return
        if conn.sock.has_unsent:
            self._wait(conn, selectors.EVENT_WRITE, self._on_writable, slow_clients.SEND_SILENCE_S)
        elif conn.is_kept:
            self._await_next(conn)
        else:
            self._part(conn)

    def _on_writable(self, conn: Connection, _: Any) -> None:
        self._wake(conn)
        sending = self.tpool.submit(self._send_more, conn)
        sending.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    @staticmethod
    def _send_more(conn: Connection) -> bool:
        conn.sock.send_more()
        return conn.is_kept

    def _await_next(self, conn: Connection) -> None:
        """Of a client that does not wait for answers the next request may be here already."""
        conn.received = bytearray(conn.parser.unreader.take_buffered() + conn.sock.take_ahead())
        if conn.received and self._has_whole_head(conn, len(conn.received)):
            self._take_body(conn)
        else:
            self._await_head(conn, IDLE_S if self.alive else 0.0)

    def _part(self, conn: Connection) -> None:
        try:
            conn.sock.end_writing()
        except OSError:
            self._drop(conn)
            return
        conn.received = bytearray()
        self._wait(conn, selectors.EVENT_READ, self._on_rest, slow_clients.REST.grace_s)

    def _on_rest(self, conn: Connection, _: Any) -> None:
        self._read(conn)

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
        """What is there; b"" when nothing is, or the client is gone and so is the connection."""
        try:
            piece: bytes = conn.sock.read_now(PIECE_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        if not piece:
            self._drop(conn)
        return piece

    def _say(self, conn: Connection, words: bytes) -> bool:
        """False when the client is gone, and so is the connection."""
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
        """gunicorn calls it in each turn of its loop: who has waited too long goes."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S and self.alive:
            return
        self._looked_at = now
        for conn in [conn for conn, until in self._waiting.items() if until <= now]:
            if conn.body is not None:
                self._wake(conn)
                conn.body.close()
                conn.body = None
                if self._say(conn, TOO_SLOW):
                    self._part(conn)
            else:
                self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """At a stop: who is between two requests gets until `deadline`."""
        for conn, until in self._waiting.items():
            if conn.waits_for_head:
                self._waiting[conn] = min(until, deadline)
