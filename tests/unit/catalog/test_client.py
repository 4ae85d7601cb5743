"""What a worker makes of an answer: only what the catalog itself says ends anything."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pod_jobs.catalog.client import CatalogClient
from pod_jobs.errors import Cancelled, NotFound, Refused, ResultRejected, ServiceUnavailable, Superseded, WorkerRefused


class Answer:
    """What the server says next."""

    status, body = 200, b""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(Answer.status)
            self.send_header("Content-Length", str(len(Answer.body)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(Answer.body)

        def log_message(self, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 408, 409, 413, 422, 502, 503, 504])
@pytest.mark.parametrize("body", [b"<html>by nginx", b"", b"[]", b'{"error": "of a proxy"}'])
def test_what_a_proxy_says_never_ends_a_job(url: str, status: int, body: bytes) -> None:
    Answer.status, Answer.body = status, body
    with pytest.raises(ServiceUnavailable) as caught:
        CatalogClient(url, "token").report(3, {"outcome": "done"}, "")
    assert type(caught.value) is ServiceUnavailable


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "not-found", NotFound),
        (409, "superseded", Superseded),
        (409, "cancelled", Cancelled),
        (409, "upload-offset", Refused),
        (409, "refused", Refused),
        (400, "malformed", ResultRejected),
        (422, "result-rejected", ResultRejected),
        (401, "unauthorized", WorkerRefused),
        (403, "worker-queue", WorkerRefused),
        (409, "worker-version", WorkerRefused),
        (503, "service-unavailable", ServiceUnavailable),
    ],
)
def test_what_the_catalog_says_counts(url: str, status: int, code: str, error: type[Exception]) -> None:
    Answer.status, Answer.body = status, f'{{"code": "{code}", "title": "A sentence."}}'.encode()
    with pytest.raises(error):
        CatalogClient(url, "token").start(3, 1, "encoding.host.1", "host", 1)
