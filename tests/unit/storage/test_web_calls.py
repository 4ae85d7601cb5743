"""What a worker without the media folder makes of answers that no web app gives."""

import errno
import io
import ssl
from pathlib import Path

import pytest

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.storage import Run
from pod_jobs.storage.web_calls import PartBody, WebCalls
from pod_jobs.system import plain_files
from pod_jobs.system.certificates import authorities
from tests.nginx import certificate
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


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>under repair"), (200, b'["up"]'), (200, b""), (302, b""), (206, b"part")]
)
def test_an_answer_of_a_proxy_delays_whatever_it_says(status: int, body: bytes) -> None:
    class Proxy(QuietHandler):
        def do_POST(self) -> None:
            self.reply(status, body)

        do_GET = do_PATCH = do_POST

    with answering(Proxy) as port:
        web = WebCalls(f"http://127.0.0.1:{port}", "token")
        for ask in (
            lambda: web.of_run("POST", RUN, "publish")["differing"],
            lambda: web.source_sum(RUN, "source")["bytes"],
            lambda: web.fetch(RUN, "source", 0, len),
        ):
            with pytest.raises(ServiceUnavailable):
                ask()
        if body or status != 200:
            with pytest.raises(ServiceUnavailable):
                web.send_part(RUN, "files/90p.m4s", io.BytesIO(b"x"), 0, 1)
            assert web.trouble == f"something else than the web host answers {status}"


def test_an_authority_of_the_university_is_trusted_as_the_system_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer(QuietHandler):
        def do_GET(self) -> None:
            self.reply(200)

    pem = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with answering(Answer, tls) as port:
        web = WebCalls(f"https://localhost:{port}", "token")
        with pytest.raises(ServiceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            web.call("GET", "/me")
        assert web.trouble == "the web host does not answer (SSLError)"
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert WebCalls(f"https://localhost:{port}", "token").call("GET", "/me").status_code == 200


def test_without_a_list_of_the_system_that_of_requests_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert authorities() is True
    (tmp_path / "0a1b2c3d.0").touch()
    assert authorities() == str(tmp_path)


def test_a_part_of_a_file_is_read_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_files, "PIECE_BYTES", 3)
    part = PartBody(io.BytesIO(b"0123456789"), 2, 5)
    assert len(part) == 5
    assert list(part) == list(part) == [b"234", b"56"]
    assert list(PartBody(io.BytesIO(b"0123456789"), 8, 2)) == [b"89"]


class Broken(io.BytesIO):
    """A file on a disk that cannot be read any more."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    ("file", "why"), [(io.BytesIO(b"01"), "2 bytes of it are gone"), (Broken(), "a file on its way")]
)
def test_a_fault_of_the_file_is_not_told_as_one_of_the_web_host(file: io.BytesIO, why: str) -> None:
    class Answer(QuietHandler):
        def do_PATCH(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))

    with answering(Answer) as port:
        web = WebCalls(f"http://127.0.0.1:{port}", "token")
        with pytest.raises(ServiceUnavailable, match=why):
            web.send_part(RUN, "files/90p.m4s", file, 0, 4)
    assert web.trouble == ""
