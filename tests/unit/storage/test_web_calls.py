"""What a worker without the media folder makes of answers that no web app gives."""

import pytest

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.storage import Run
from pod_jobs.storage.web_calls import WebCalls
from tests.servers import QuietHandler, answering

RUN = Run(3, "encode", 7, 1, "web", attempt=1, key="key")


@pytest.mark.parametrize(
    "status, said, body, why",
    [
        (206, "bytes 0-9/10", b"0123456789", ""),
        (206, "bytes 0-9/10", b"", "without a byte"),
        (206, "bytes 5-9/10", b"56789", "instead of the part"),
        (200, "", b"0123456789", "instead of the part"),
    ],
)
def test_only_the_part_that_was_asked_for_is_taken(status: int, said: str, body: bytes, why: str) -> None:
    class Answer(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if said:
                self.send_header("Content-Range", said)
            self.end_headers()
            self.wfile.write(body)

    taken = bytearray()
    with answering(Answer) as port:
        web = WebCalls(f"http://127.0.0.1:{port}", "token")
        if why:
            with pytest.raises(ServiceUnavailable, match=why):
                web.fetch(RUN, "source", 0, taken.extend)
        else:
            web.fetch(RUN, "source", 0, taken.extend)
    assert bytes(taken) == (b"" if why else body)
