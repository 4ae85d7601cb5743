"""`doctor`, `acl` and `rq`: what is checked, printed and run."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pod_jobs.cli import care
from pod_jobs.cli.root import root
from pod_jobs.instance import doctor
from pod_jobs.instance.doctor import CHECKS, Finding, checks_before_jobs
from pod_jobs.settings import pod_settings


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(root, [*words, "--home", str(tmp_path)])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checks that the doctor is asked for; one finds a fault, with its remedy."""
    names: list[str] = []

    def examine(settings: object, wanted: Any, *_: Any) -> list[Finding]:
        names.extend(wanted)
        return [Finding("folders", "ok", "there"), Finding("media", "fault", "away", "mount it")]

    monkeypatch.setattr(doctor, "examine", examine)
    return names


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), tuple(CHECKS)),
        (("--worker",), (*checks_before_jobs(True), "speech")),
        (("--queue", "encoding"), checks_before_jobs(True)),
        (("--queue", "xapi"), checks_before_jobs(False)),
        (("--queue", "transcripting"), (*checks_before_jobs(True), "speech")),
        (("--worker", "--queue", "xapi"), (*checks_before_jobs(True), "speech")),
    ],
)
def test_a_worker_needs_less_than_an_instance(
    tmp_path: Path, asked: list[str], words: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    done = run(tmp_path, "doctor", *words)
    assert (tuple(asked), done.exit_code) == (wanted, 1)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["ok", "settings", "no", "fault"],
        ["ok", "folders", "there"],
        ["FAULT", "media", "away", "→", "mount", "it"],
    ]


def test_without_fault_the_exit_code_is_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda settings, names, *_: [Finding("speech", "warning", "none")])
    done = run(tmp_path, "doctor", "--json")
    assert (done.exit_code, [one["state"] for one in json.loads(done.stdout)]) == (0, ["ok", "warning"])


def test_settings_that_cannot_be_read_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[web]\nport = 'x'\n")
    done = run(tmp_path, "doctor")
    assert done.exit_code == 1 and done.stdout.startswith("FAULT") and "port" in done.stdout


@pytest.mark.parametrize(("words", "is_patient"), [((), False), (("worker",), True), (("info", "worker"), False)])
def test_rq_waits_out_an_outage_only_as_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], is_patient: bool
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *call: started.append(call))
    monkeypatch.setattr(care, "demand_instance", lambda settings: None)
    assert CliRunner().invoke(root, ["--home", str(tmp_path), "rq", *words]).exit_code == 0
    ((_, command, variables),) = started
    assert command[1:] == ["-m", "rq.cli", *words]
    assert variables["RQ_CONNECTION_CLASS"].endswith("PatientRedis") is is_patient


@pytest.mark.parametrize(
    ("words", "user", "reports"),
    [((), "pod_jobs_encoding", False), (("--user", "own"), "own", False), (("--web-host",), "pod_jobs_encoding", True)],
)
def test_rights_are_printed(tmp_path: Path, words: tuple[str, ...], user: str, reports: bool) -> None:
    line = run(tmp_path, "acl", "encoding", *words).stdout
    assert line.startswith(f"ACL SETUSER {user} reset on >") and (":reports " in line) is reports


def test_imported_settings_are_printed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_settings, "to_toml", lambda text, renditions: f"# {text}\n")
    (file := tmp_path / "settings_local.py").write_text("\ufeffLANGUAGE = 'fr'", encoding="utf-8")
    assert run(tmp_path, "import-settings", str(file)).stdout == "# LANGUAGE = 'fr'\n"
