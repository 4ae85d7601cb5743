"""A proxy in front of the web app that refuses large bodies and now and then answers itself, in HTML."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import requests

from tests.servers import QuietHandler, answering

LIMIT = 16 * 1024 * 1024  # bytes of a body
MOODS = (408, 502, 404, 403, 413, 503)
EACH = 3  # of so many requests, one gets an answer of the proxy's own


@dataclass
class HttpProxy:
    """`url`: its address. `is_moody`: does it answer itself now and then? `said`: the status of each such answer. `refused`: how
    many bodies were too large."""

    url: str = ""
    is_moody: bool = True
    said: list[int] = field(default_factory=list)
    refused: int = 0
    asked: int = 0


@contextmanager
def in_front_of(url: str, address: str = "127.0.0.1") -> Iterator[HttpProxy]:
    """One that hands requests on to `url`, and listens on a free port of `address`."""
    state = HttpProxy()

    class Passing(QuietHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            state.asked += 1
            if size > LIMIT:
                state.refused += 1
                self.answer(413, b"<html>too large")
            elif state.is_moody and state.asked % EACH == 0:
                state.said.append(MOODS[len(state.said) % len(MOODS)])
                self.answer(state.said[-1], b"<html>by the proxy")
            else:
                self.ask(body)

        def ask(self, body: bytes) -> None:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            try:
                there = requests.request(
                    self.command, url + self.path, headers=headers, data=body, timeout=30, allow_redirects=False
                )
            except requests.RequestException:
                self.answer(504, b"<html>the web app does not answer")
                return
            self.answer(there.status_code, there.content, there.headers)

        def answer(self, status: int, body: bytes, headers: object = None) -> None:
            self.send_response(status)
            for name in ("Content-Type", "Content-Range"):
                if isinstance(headers, requests.structures.CaseInsensitiveDict) and name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # whoever asked may have gone
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815  # names of http.server

    with answering(Passing, address=address) as port:
        state.url = f"http://{address}:{port}"
        yield state
