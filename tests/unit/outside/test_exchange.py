"""A request over TLS goes to the pinned address, and the certificate must be the host's."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from pod_jobs.outside import exchange
from pod_jobs.outside.addresses import Target
from pod_jobs.outside.exchange import Times, opened
from tests.nginx import certificate
from tests.servers import QuietHandler, answering


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a Pod with TLS, whose certificate the system trusts."""

    class Answering(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.headers["Host"].encode() + b" " + body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = certificate(tmp_path, "pod.univ.fr")
    context.load_cert_chain(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    exchange._trusted.cache_clear()
    with answering(Answering, context) as port:
        yield port
    exchange._trusted.cache_clear()


def ask(target: Target) -> str:
    with opened("POST", target, Times(2, 5), body=b"hello") as response:
        return response.read().decode()


def test_the_name_counts_for_the_certificate_and_the_address_for_the_connection(port: int) -> None:
    assert ask(Target("https", "pod.univ.fr", port, "/", "127.0.0.1")) == f"pod.univ.fr:{port} hello"


def test_the_certificate_of_another_host_is_refused(port: int) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError, match="pod.evil.fr"):
        ask(Target("https", "pod.evil.fr", port, "/", "127.0.0.1"))


def test_an_address_that_nobody_checked_is_not_called() -> None:
    with pytest.raises(ValueError, match="not pinned"):
        ask(Target("https", "pod.univ.fr", 443, "/"))
