"""The web app behind a real nginx with the site of deploy/nginx.conf: TLS, HTTP/2, uploads, and files that nginx sends."""

import http.client
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pod_jobs.settings import ROOT, Settings
from tests import nginx, servers
from tests.integration.web.conftest import CLIP, OUTPUT_FILES, Caller, Worker
from tests.integration.web.guards.test_url_prefix import addresses


class Site:
    """What a client sees at https://univ.example, or below a path of it."""

    def __init__(self, port: int, plain_port: int, pem: Path, prefix: str) -> None:
        self.port, self.plain_port, self.prefix = port, plain_port, prefix
        self._tls = ssl.create_default_context(cafile=str(pem))

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        said = {"Host": nginx.HOST, **(headers or {})}
        with closing(http.client.HTTPConnection(nginx.HOST, timeout=30)) as connection:
            connection.sock = self.connect("http/1.1")
            connection.request(method, path, body or None, said)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def connect(self, *protocols: str) -> ssl.SSLSocket:
        self._tls.set_alpn_protocols(list(protocols))
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        return self._tls.wrap_socket(plain, server_hostname=nginx.HOST)


@pytest.fixture(params=["/", "/jobs/"])
def site(request: pytest.FixtureRequest, settings: Settings, tokens: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    own, plain, encrypted = (servers.free_port() for _ in range(3))
    prefix = request.param.rstrip("/")
    variables = {"POD_JOBS_WEB__PORT": str(own), "POD_JOBS_WEB__BEHIND_PROXY": "1", "PYTHONPATH": str(ROOT)}
    variables |= {"POD_JOBS_WEB__PUBLIC_URL": f"https://{nginx.HOST}{prefix}"}
    variables |= {"POD_JOBS_WEB__ACCEL_LOCATION": "/pod_jobs-media/", "POD_JOBS_WEB__PROCESSES": "1"}
    ports = {"80": str(plain), "443": str(encrypted), "8000": str(own)}
    text = nginx.site(tmp_path, ports, settings.media_folder, request.param)
    with ExitStack() as stack:
        command = [sys.executable, "-m", "tests.integration.web.served"]
        stack.enter_context(nginx.listening(command, own, tmp_path / "web.log", **variables))
        stack.enter_context(nginx.running(text, encrypted))
        yield Site(encrypted, plain, tmp_path / f"{nginx.HOST}.pem", prefix)


def test_the_site_as_it_is_deployed(
    site: Site, lea: Caller, worker: Worker, tokens: dict[str, str], settings: Settings
) -> None:
    with site.connect("h2", "http/1.1") as line:
        assert line.selected_alpn_protocol() == "h2"
    with closing(http.client.HTTPConnection("127.0.0.1", site.plain_port, timeout=10)) as plain:
        plain.request("GET", f"{site.prefix}/sign-in", headers={"Host": nginx.HOST})
        answer = plain.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{nginx.HOST}{site.prefix}/sign-in")
    status, headers, page = site.ask("GET", f"{site.prefix}/sign-in")
    assert status == 200 and headers["Strict-Transport-Security"]
    assert all(address.startswith(f"{site.prefix}/") for address in addresses(page.decode()))

    authorized = {"Authorization": f"Token {tokens['léa']}"}
    recording = CLIP + os.urandom(3_000_000)
    status, _, _ = site.ask("POST", f"{site.prefix}/api/v1/videos?name=cours.mp4", authorized, recording)
    assert status == 201
    assert any(path.read_bytes() == recording for path in settings.media_folder.glob("videos/*/source"))

    order = worker.start(lea.upload(title="Été: «5/3»")["task"])
    worker.finish(order)
    name = f"{order['video']}/encode-{order['task']}-g1/360p.mp4"
    path, content = f"{site.prefix}/media/{name}", OUTPUT_FILES["360p.mp4"]
    status, headers, body = site.ask("GET", path, authorized)
    assert (status, body, headers["Content-Type"], headers["X-Accel-Redirect"]) == (200, content, "video/mp4", None)
    assert headers["Cache-Control"] == "private, no-cache" and headers["Vary"] == "Cookie, Authorization"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert site.ask("GET", path, authorized | {"If-None-Match": headers["ETag"]})[0] == 304
    status, headers, body = site.ask("GET", path, authorized | {"Range": "bytes=4090-9999"})
    assert (status, body, headers["Content-Range"]) == (206, content[4090:], "bytes 4090-4095/4096")
    assert site.ask("GET", path, authorized | {"Range": "bytes=5000-"})[0] == 416
    status, headers, body = site.ask("GET", f"{path}?download", authorized)
    assert body == content and "%C3%89t%C3%A9" in headers["Content-Disposition"]

    assert site.ask("GET", path)[0] == 401, "a stranger"
    assert site.ask("GET", path, {"Authorization": f"Token {tokens['max']}"})[0] == 404, "another lecturer"
    inside = f"/pod_jobs-media/videos/{order['video']:06d}/encode-{order['task']}-g1/360p.mp4"
    assert site.ask("GET", inside, authorized)[0] == 404, "nobody comes in without the web app"
    published = settings.media_folder / inside.removeprefix("/pod_jobs-media/")
    published.unlink()
    published.symlink_to(settings.home / "secrets/session_key")
    assert site.ask("GET", path, authorized)[0] in (403, 404), "no link is followed"
