"""The viewers of ./run bench web: they count what they were answered, and a wrong answer ends the measurement."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks._viewers import watching

Answer = Callable[[str | None], tuple[int, str]]  # the ETag that was sent -> status and ETag of the answer


@contextmanager
def served(answer: Answer) -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the cookies that it got."""
    cookies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            cookies.append(self.headers["Cookie"])
            status, etag = answer(self.headers["If-None-Match"])
            self.send_response(status)
            self.send_header("ETag", etag)
            if status == 200:
                self.send_header("Content-Length", "2")
            self.end_headers()
            if status == 200:
                self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, cookies
    finally:
        server.shutdown()
        server.server_close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_viewer_asks_with_its_cookie_and_the_etag_of_its_last_answer() -> None:
    with served(lambda sent: (304 if sent == '"a"' else 200, '"a"')) as (port, cookies):
        with watching(port, ["x=1", "x=2"], every_s=0.05) as said:
            before = len(cookies)
            until(lambda: len(cookies) > before + 10)
        assert said["polls"] == said["unchanged"] >= 8
        assert set(cookies) == {"x=1", "x=2"}


@pytest.mark.parametrize("wrong", [(500, '"a"'), (304, '"b"'), (200, '"a"')])
def test_a_wrong_answer_ends_the_measurement(wrong: tuple[int, str]) -> None:
    """Be it an error, an old answer of another page, or the same once more as if it were new."""
    answers = iter([(200, '"a"'), (304, '"a"'), wrong])
    with served(lambda _: next(answers)) as (port, cookies), pytest.raises(RuntimeError):  # noqa: SIM117
        with watching(port, ["x=1"], every_s=0.05):
            until(lambda: len(cookies) > 2)
