"""A strict LRS as a small real server on a thread, and everything that an LRS or the network may do to us.

It says what ADL LRS says: 400 without version header or for a statement that breaks xAPI, 404 at another address, 409 for an
id that is in use even by the same statement, all or nothing for a batch. Switches give it other habits.
"""

import base64
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pod_jobs.xapi import validity
from pod_jobs.xapi.lrs import Endpoint

LOGIN, PASSWORD = "pod", "sécret"
PATH = "/xAPI/statements"


@dataclass(frozen=True)
class Mischief:
    """What happens to one request before, or instead of, its answer."""

    status: int = 0  # answer this, store nothing
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    lose_answer: bool = False  # store, then cut the connection
    reset: bool = False  # cut the connection before anything is read
    wait_s: float = 0  # before the answer


LOSE_ANSWER = Mischief(lose_answer=True)
RESET = Mischief(reset=True)


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int = 0


@dataclass
class StrictLrs:
    """The server's state; tests set the switches and read what arrived."""

    port: int = 0
    statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    mischief: deque[Mischief] = field(default_factory=deque)  # one for each of the next requests
    password: str = PASSWORD
    max_bytes: int = 1_000_000  # of a request's body; more is a 413
    cut_bytes: int = 1_000_000_000  # the road cuts the connection of a larger body
    cut_status: int = 0  # or answers it so
    forbidden: bytes = b""  # a firewall answers `blocked_status` to a body that holds this
    blocked_status: int = 403
    stored_status: int = 200  # 201 and 202 come without a body
    resend_status: int = 409  # 200 like Learning Locker, 204 like Ralph, 409 like ADL LRS
    partial: bool = False  # like Ralph with partial success
    wrap_found: bool = False  # GET answers {"statements": [one]}
    upset_by: Callable[[dict[str, Any]], bool] = lambda statement: False  # noqa: E731  # 500 for its batch
    refuses: Callable[[dict[str, Any]], bool] = lambda statement: False  # noqa: E731  # 400 for its batch
    hangs_on: Callable[[dict[str, Any]], bool] = lambda statement: False  # noqa: E731  # 504 for its batch: it may be at work
    connections: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def endpoint(self, **changes: Any) -> Endpoint:
        settings = {
            "url": self.url,
            "login": LOGIN,
            "password": PASSWORD,
            "connect_timeout_s": 2.0,
            "read_timeout_s": 2.0,
        }
        return Endpoint(**{**settings, **changes})

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and content for a batch that came through the door."""
        with self.lock:
            batch = json.loads(body)
            batch = batch if isinstance(batch, list) else [batch]
            if any(self.hangs_on(statement) for statement in batch):
                return 504, b"<h1>Gateway Time-out</h1>"
            if any(self.upset_by(statement) for statement in batch):
                return 500, b"Internal Server Error"
            bad = [statement for statement in batch if validity.faults(statement) or self.refuses(statement)]
            known = [s for s in batch if s.get("id") in self.statements]
            changed = [s for s in known if {**s, "stored": ""} != {**self.statements[s["id"]], "stored": ""}]
            if self.partial:
                return self._post_partly(batch, bad, changed)
            if bad:
                return 400, json.dumps({"error": "invalid", "statement": bad[0]}).encode()
            if changed or (known and self.resend_status == 409):
                return 409, b"a statement with this id exists"
            fresh = [s for s in batch if s not in known]
            self._store(fresh)
            if not fresh and self.resend_status == 204:
                return 204, b""
            return 200, json.dumps([s["id"] for s in reversed(batch)]).encode()  # in an order of its own

    def _post_partly(self, batch: list[Any], bad: list[Any], changed: list[Any]) -> tuple[int, bytes]:
        if changed:
            return 409, b'{"inserted": 0, "rejected": 0, "ids": [], "errors": [{"index": -1, "reason": "differs"}]}'
        fresh = [s for s in batch if s not in bad and s["id"] not in self.statements]
        self._store(fresh)
        errors = [{"index": batch.index(s), "reason": "invalid"} for s in bad]
        report = {"inserted": len(fresh), "rejected": len(bad), "ids": [s["id"] for s in fresh], "errors": errors}
        return 200 if fresh else 400, json.dumps(report).encode()

    def _store(self, batch: list[dict[str, Any]]) -> None:
        now = datetime.now(UTC).isoformat()
        self.statements |= {s["id"]: {**s, "stored": now} for s in batch}

    def get(self, statement_id: str) -> tuple[int, bytes]:
        with self.lock:
            statement = self.statements.get(statement_id)
        if statement is None:
            return 404, b""
        shown = {**statement, "version": "1.0.3", "authority": {"mbox": "mailto:lrs@example.org"}}
        return 200, json.dumps({"statements": [shown]} if self.wrap_found else shown).encode()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's delayed acknowledgement
    lrs: StrictLrs

    def setup(self) -> None:
        super().setup()
        with self.lrs.lock:
            self.lrs.connections += 1

    def do_POST(self) -> None:
        self._answer("POST")

    def do_GET(self) -> None:
        self._answer("GET")

    def _answer(self, method: str) -> None:
        lrs = self.lrs
        with lrs.lock:
            mischief = lrs.mischief.popleft() if lrs.mischief else Mischief()
            lrs.in_flight += 1
            lrs.most_in_flight = max(lrs.most_in_flight, lrs.in_flight)
        try:
            if mischief.reset:
                return self._cut()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(method, self.path, dict(self.headers), body)
            with lrs.lock:
                lrs.requests.append(request)
            time.sleep(mischief.wait_s)
            if len(body) > lrs.cut_bytes:
                if not lrs.cut_status:
                    return self._cut()
                request.status = lrs.cut_status
                return self._send(lrs.cut_status, (), b"<h1>Bad Gateway</h1>")
            status, content = (mischief.status, mischief.body) if mischief.status else self._judge(request)
            request.status = status
            if mischief.lose_answer:
                return self._cut()
            self._send(status, mischief.headers, content)
        finally:
            with lrs.lock:
                lrs.in_flight -= 1

    def _judge(self, request: Request) -> tuple[int, bytes]:
        target = urlsplit(request.target)
        wanted = "Basic " + base64.b64encode(f"{LOGIN}:{self.lrs.password}".encode()).decode()
        if target.path != PATH:
            return 404, b"<h1>Not Found</h1>"
        if not request.headers.get("X-Experience-API-Version", "").startswith("1.0"):
            return 400, b"X-Experience-API-Version header missing"
        if request.headers.get("Authorization") != wanted:
            return 401, b"Unauthorized"
        if request.method == "GET":
            wanted_ids = parse_qs(target.query).get("statementId")
            return self.lrs.get(wanted_ids[0]) if wanted_ids else (200, b'{"statements": [], "more": ""}')
        if len(request.body) > self.lrs.max_bytes:
            return 413, b"Request Entity Too Large"
        if self.lrs.forbidden and self.lrs.forbidden in request.body:
            return self.lrs.blocked_status, b"<h1>Request blocked</h1>"
        status, content = self.lrs.post(request.body)
        return (self.lrs.stored_status, b"") if status == 200 and self.lrs.stored_status != 200 else (status, content)

    def _send(self, status: int, headers: tuple[tuple[str, str], ...], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def _cut(self) -> None:
        """Close with a reset, as a killed server or a firewall does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *args: Any) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: Any) -> None:
        """A client that went away, or a connection that we cut ourselves."""


@contextmanager
def running_lrs(**switches: Any) -> Iterator[StrictLrs]:
    """A strict LRS on a free port of this machine."""
    lrs = StrictLrs(**switches)
    server = _Server(("127.0.0.1", 0), type("Connection", (_Connection,), {"lrs": lrs}))
    lrs.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield lrs
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
