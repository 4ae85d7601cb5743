"""What `up` and `reload` demand before they begin."""

import errno
import os
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from pod_jobs.cli import up
from pod_jobs.cli.base import Fault
from pod_jobs.cli.root import root
from pod_jobs.instance import doctor
from pod_jobs.instance.doctor import BEFORE_START, Finding


def settings_of(host: str, port: int, url: str = "") -> Any:
    return SimpleNamespace(web=SimpleNamespace(host=host, port=port), redis=SimpleNamespace(url=url))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_another_program_has_is_told(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((host, 0))
        other.listen()
        with pytest.raises(Fault) as told:
            up._demand_free_port(settings_of(host, other.getsockname()[1]))
        port = other.getsockname()[1]
    assert told.value.reason == "another program listens there; --port N takes another"
    up._demand_free_port(settings_of(host, port))


def test_an_address_of_another_host_is_told() -> None:
    with pytest.raises(Fault) as told:
        up._demand_free_port(settings_of("192.0.2.1", 0))
    assert os.strerror(errno.EADDRNOTAVAIL) in told.value.reason


@pytest.mark.parametrize(("url", "is_asked"), [("", False), ("redis://x", True)])
def test_an_embedded_server_is_not_asked_before_it_runs(
    monkeypatch: pytest.MonkeyPatch, url: str, is_asked: bool
) -> None:
    asked: list[list[str]] = []

    def examine(settings: object, names: list[str]) -> list[Finding]:
        asked.append([*names])
        return []

    monkeypatch.setattr(doctor, "examine", examine)
    up._demand_soundness(settings_of("", 0, url))
    assert asked == [[*BEFORE_START, *(["key-value server"] if is_asked else [])], ["free space"]]


def test_a_fault_prevents_the_start_and_a_full_disk_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"free space": [Finding("free space", "fault", "full")]}
    monkeypatch.setattr(doctor, "examine", lambda settings, names, *_: found.get(names[0], []))
    up._demand_soundness(settings_of("", 0))
    assert capsys.readouterr().err == "Warning: free space: full\n"
    found["folders"] = [Finding("folders", "fault", "x")]
    with pytest.raises(Fault, match="Not started."):
        up._demand_soundness(settings_of("", 0))


@pytest.mark.parametrize(("pid", "code"), [(None, 1), (4711, 0)])
def test_who_started_everything_takes_over_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int | None, code: int
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(up, "demand_instance", lambda settings: None)
    monkeypatch.setattr(up, "launcher", lambda settings: pid)
    monkeypatch.setattr(os, "kill", lambda *call: told.append(call))
    assert CliRunner().invoke(root, ["reload", "--home", str(tmp_path)]).exit_code == code
    assert told == ([(pid, signal.SIGUSR1)] if pid else [])
