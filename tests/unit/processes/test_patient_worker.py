"""What of the web server's worker no real server shows at will: an instant between two turns of its loop."""

import os
import select
import selectors
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from pod_jobs.processes.patient_worker import CONTINUE, HEAD_BYTES, Connection, PatientWorker, missing_bytes
from pod_jobs.web.guards import slow_clients
from pod_jobs.web.guards.slow_clients import PacedSocket


@pytest.fixture
def worker() -> Iterator[PatientWorker]:
    made = PatientWorker(1, os.getppid(), [], None, 30, Config(), None)
    made.poller = selectors.DefaultSelector()
    yield made
    made.poller.close()
    made.tmp.close()


@pytest.mark.parametrize(("arrived", "is_open"), [(b"POST / HTTP/1.1", True), (b"", False)])
def test_a_request_that_came_in_the_last_instant_is_not_answered_by_a_reset(
    worker: PatientWorker, arrived: bytes, is_open: bool
) -> None:
    ours, client = socket.socketpair()
    with client:
        conn = Connection(Config(), PacedSocket(ours.detach()), ("192.0.2.1", 1), None)
        worker.nr_conns, worker._of_address[conn.address] = 1, 1
        worker._await_head(conn, -1)
        client.sendall(arrived)
        worker.murder_pending()
        assert (worker.nr_conns == 1) is is_open
        assert (conn.sock.fileno() >= 0) is is_open
        conn.sock.close()


@pytest.mark.parametrize(
    ("line", "length", "with_head", "missing"),
    [
        ("POST /api/v1/videos/1/encode", "100", 40, 60),
        ("POST /api/v1/videos/1/encode", "0100", 100, 0),
        ("POST /api/v1/videos/1/encode", "", 0, 0),
        ("POST /api/v1/videos/1/encode", "000", 0, 0),
        ("POST /api/v1/videos/1/encode", str(slow_clients.BODY_BYTES), 0, slow_clients.BODY_BYTES),
        ("POST /api/v1/videos/1/encode", str(slow_clients.BODY_BYTES + 1), 0, 0),  # it is refused
        ("POST /api/v1/videos/1/encode", "9" * 5000, 0, 0),
        ("POST /api/v1/videos", "100", 40, 0),  # an upload is read while it arrives
        ("", "100", 40, 60),
    ],
)
def test_a_short_body_is_awaited_before_a_thread_is_taken(line: str, length: str, with_head: int, missing: int) -> None:
    head = f"{line} HTTP/1.1\r\nHost: a\r\n" + (f"Content-Length: {length}\r\n" if length else "") + "\r\n"
    assert missing_bytes(head.encode(), with_head) == missing


@pytest.mark.parametrize(
    ("before", "piece", "is_whole"),
    [
        (b"", b"\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\n", b"Host: x\r\n", False),
        *((head[:-cut], head[-cut:], True) for head in (b"GET / HTTP/1.1\r\n\r\n",) for cut in (1, 2, 3, 4, 18)),
        (b"x" * (HEAD_BYTES - 1), b"x", False),
        (b"x" * HEAD_BYTES, b"x", True),  # too long: the request is refused
    ],
)
def test_a_head_is_whole_at_its_empty_line(before: bytes, piece: bytes, is_whole: bool) -> None:
    conn: Any = SimpleNamespace(received=bytearray(before + piece))
    worker: Any = None  # it is not asked
    assert PatientWorker._has_whole_head(worker, conn, len(piece)) is is_whole


@pytest.mark.parametrize(("expects", "said"), [("Expect: 100-continue\r\n", CONTINUE), ("", b"")])
def test_only_a_client_that_asks_is_told_to_go_on_with_its_body(
    worker: PatientWorker, expects: str, said: bytes
) -> None:
    ours, client = socket.socketpair()
    with client:
        client.setblocking(False)
        conn = Connection(Config(), PacedSocket(ours.detach()), ("192.0.2.1", 1), None)
        conn.received = bytearray(f"POST / HTTP/1.1\r\nContent-Length: 9\r\n{expects}\r\n".encode())
        worker._take_body(conn)
        heard = client.recv(1000) if select.select([client], [], [], 0)[0] else b""
        assert heard == said and conn in worker._waiting
        assert conn.body is not None
        conn.body.close()
        conn.sock.close()
