"""One request to another site, over a connection to the address that addresses.py checked, and to no other.

The name of the host still counts for the header Host and for the certificate. Proxies and passwords of the environment
are not used, and redirects are left to the caller, who has to check them.
"""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from pod_jobs.outside.addresses import Target

AGENT = "pod_jobs"
HEAD_S = 10.0  # beyond the time to wait for its first byte, in which the head of an answer must arrive


@dataclass(frozen=True)
class Times:
    """Seconds to wait for a connection, and for each part of the answer: its head has HEAD_S more, however it comes."""

    connect_s: float = 5.0
    read_s: float = 30.0


@contextmanager
def opened(
    method: str, target: Target, times: Times, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer, with its body still to be read. Errors: urllib3.exceptions.HTTPError."""
    timeout = urllib3.Timeout(connect=times.connect_s, read=times.read_s)
    with _pool(target, timeout) as pool:
        response = pool.urlopen(
            method,
            target.path,
            body=body,
            headers={"Host": target.netloc, "User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})},
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            yield response
        finally:
            response.close()


class _Plain(HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _deadline(self.sock, self.timeout):
            return super().getresponse()


class _Secure(HTTPSConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _deadline(self.sock, self.timeout):
            return super().getresponse()


@contextmanager
def _deadline(line: socket.socket | None, silence_s: float | None) -> Iterator[None]:
    """End the connection when the head of the answer takes longer: a time-out alone starts again with each byte."""

    def end() -> None:
        with suppress(OSError):
            if line is not None:
                line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer((silence_s or 0.0) + HEAD_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pool(target: Target, timeout: urllib3.Timeout) -> urllib3.HTTPConnectionPool:
    if not target.address:
        raise ValueError(f"{target.host} is not pinned")
    if target.scheme == "http":
        plain = urllib3.HTTPConnectionPool(target.address, target.port, timeout=timeout, maxsize=1)
        plain.ConnectionCls = _Plain
        return plain
    secure = urllib3.HTTPSConnectionPool(
        target.address,
        target.port,
        timeout=timeout,
        maxsize=1,
        ssl_context=_trusted(),
        server_hostname=target.host,
        assert_hostname=target.host,
    )
    secure.ConnectionCls = _Secure
    return secure


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that this system trusts, among them a university's own; certifi's where the system has none."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    return context
