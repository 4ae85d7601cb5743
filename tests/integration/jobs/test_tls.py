"""A worker that speaks to a key-value server with TLS and a password."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError

from pod_jobs.instance.doctor import faults, services
from pod_jobs.settings import load
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, status
from tests.nginx import certificate
from tests.servers import free_port, need, wait_until

PASSWORD = "a-password-of-the-server"


@dataclass
class Encrypted:
    """`address` without options, and the certificate of its authority."""

    address: str
    authority: Path

    @property
    def url(self) -> str:
        return f"{self.address}?ssl_ca_certs={self.authority}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Encrypted]:
    program, port = shutil.which("redis-server"), free_port()
    need(program, "Redis")
    pem = certificate(tmp_path, "localhost")
    words = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", str(pem), "--tls-key-file", str(pem)]
    words += ["--tls-auth-clients", "no", "--requirepass", PASSWORD, "--appendonly", "yes", "--dir", str(tmp_path)]
    process = subprocess.Popen([str(program), *words, "--logfile", "log"])
    made = Encrypted(f"rediss://:{PASSWORD}@localhost:{port}/0", pem)
    wait_until(lambda: is_up(made), 10, "Redis answers")
    yield made
    process.terminate()
    process.wait(10)


def is_up(server: Encrypted) -> bool:
    try:
        with Redis.from_url(server.url) as redis:
            return bool(redis.ping())
    except ConnectionError:
        return False


def test_a_worker_does_its_job(
    server: Encrypted, small_catalog: SmallCatalog, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_REDIS__URL", server.url)
    with Redis.from_url(server.url) as redis:
        enqueue(redis)
        start_worker(encode=lambda context, order: RESULT, url=server.url)
        wait_until(lambda: status(redis) == "finished")
    found = list(services.check_key_value_server(load(redis={"url": server.url})))
    assert faults(found) == [] and [one.state for one in found if one.check == "key-value server's door"] == ["ok"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.partition("?")[0], "CERTIFICATE_VERIFY_FAILED"),
        (lambda url: f"{url}.not-there", "No such file"),
        (lambda url: url.replace(PASSWORD, "wrong"), "refuses user or password"),
        (lambda url: url.replace(f":{PASSWORD}@", ""), "asks for a password"),
        (lambda url: url.replace("rediss:", "redis:").partition("?")[0], "onnection"),
    ],
    ids=["unknown authority", "no certificate", "wrong password", "no password", "without TLS"],
)
def test_what_is_wrong_is_said(server: Encrypted, change: Callable[[str], str], words: str) -> None:
    url = change(server.url)
    (fault,) = faults(services.check_key_value_server(load(redis={"url": url})))
    assert fault.check == "key-value server" and words in fault.text, fault
    assert PASSWORD not in str(fault)
