"""Hundreds of silent and slow connections, and other people's pages meanwhile: on the real server, and behind nginx."""

import http.client
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from pod_jobs.settings import ROOT, Settings
from tests import nginx, servers

EACH = 300
PAGES = 60
P95_S = 0.5


@pytest.fixture(params=["alone", "behind nginx"])
def port(request: pytest.FixtureRequest, settings: Settings, tokens: dict[str, str], tmp_path: Path) -> Iterator[int]:
    own, behind = servers.free_port(), "0" if request.param == "alone" else "1"
    variables = {"POD_JOBS_WEB__PORT": str(own), "POD_JOBS_WEB__BEHIND_PROXY": behind, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.integration.web.served"]
    with ExitStack() as stack:
        stack.enter_context(nginx.listening(command, own, tmp_path / "web.log", **variables))
        if request.param == "alone":
            yield own
            return
        outer = servers.free_port()
        location = nginx.proxy_location().replace("127.0.0.1:8000", f"127.0.0.1:{own}")
        stack.enter_context(nginx.running(f"server {{ listen 127.0.0.1:{outer}; {location} }}", outer))
        yield outer


@contextmanager
def slow_crowd(port: int, each: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.integration.web.slow_crowd", str(port), str(each)]
    crowd = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert crowd.stdin is not None and crowd.stdout is not None
    try:
        assert crowd.stdout.readline() == b"ready\n"
        yield
    finally:
        crowd.stdin.close()
        crowd.wait(20)
        crowd.stdout.close()


def ask_s(port: int, path: str, token: str) -> float:
    """Seconds until the whole answer is there, over a connection of its own."""
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Token {token}"} if token else {})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    return time.monotonic() - began


def test_other_peoples_pages_stay_quick(port: int, tokens: dict[str, str]) -> None:
    before = pages_s(port, tokens["léa"])
    with slow_crowd(port, EACH):
        meanwhile = pages_s(port, tokens["léa"])

    assert statistics.quantiles(meanwhile, n=20)[-1] < P95_S, (sorted(before)[-5:], sorted(meanwhile)[-5:])


def pages_s(port: int, token: str) -> list[float]:
    return [ask_s(port, *(("/sign-in", "") if number % 2 else ("/api/v1/videos", token))) for number in range(PAGES)]


@pytest.mark.parametrize("port", ["alone"], indirect=True)
def test_one_address_has_so_many_connections_and_no_more(port: int, settings: Settings) -> None:
    """Two processes of them; the rest is hung up on at once."""
    most = settings.limits.connections * settings.web.processes
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.3", 0)))
            for _ in range(most + 50)
        ]

        def refused() -> int:
            return sum(is_closed(line) for line in lines)

        servers.wait_until(lambda: refused() >= 50, 5, "what is too many is refused")
        assert ask_s(port, "/sign-in", "") < 5


def is_closed(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
