"""The web app on an address of its own: what runs on this host finds it there."""

import sys
from pathlib import Path

import pytest

from pod_jobs.instance import doctor
from pod_jobs.settings import ROOT, Settings, load
from tests.nginx import listening
from tests.servers import free_port


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_workers_follow_the_host(
    settings: Settings, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    port = free_port()
    monkeypatch.setenv("POD_JOBS_WEB__HOST", host)
    monkeypatch.setenv("POD_JOBS_WEB__PORT", str(port))
    monkeypatch.delenv("POD_JOBS_WEB__PUBLIC_URL")
    (settings.home / "secrets" / "worker_token").write_text(tokens["workers"])
    command = [sys.executable, "-m", "tests.integration.web.served"]
    with listening(command, port, tmp_path / "web.log", host, PYTHONPATH=str(ROOT)):
        (found,) = doctor.examine(load(settings.home), ["catalog"])
    assert (found.state, found.text) == ("ok", f"http://{f'[{host}]' if ':' in host else host}:{port}")
