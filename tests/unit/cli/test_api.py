"""How commands call the web app."""

import ssl
from pathlib import Path

import pytest

from pod_jobs.cli.api import Api
from pod_jobs.cli.base import Fault
from pod_jobs.instance import home
from pod_jobs.settings import load
from tests.nginx import certificate
from tests.servers import QuietHandler, answering


class Answer(QuietHandler):
    def do_GET(self) -> None:
        self.reply(200, b'{"name": "cli"}')


def test_an_authority_of_the_university_is_trusted_as_workers_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with answering(Answer, tls) as port:
        monkeypatch.setenv("POD_JOBS_WORKER__CATALOG_URL", f"https://localhost:{port}")
        settings = load(tmp_path / "instance")
        home.make_folders(settings)
        (settings.home / "secrets" / "cli_token").write_text("token")
        with pytest.raises(Fault, match="does not answer"):
            Api(settings).get("/me")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert Api(settings).get("/me") == {"name": "cli"}
