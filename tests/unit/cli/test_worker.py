"""`pod-jobs worker join`: what it starts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pod_jobs.cli.root import root
from pod_jobs.instance import doctor, joining
from pod_jobs.processes import launcher
from pod_jobs.settings import Settings, load

LINE = "https://pod.example.org#code"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The workers that were started: queue -> how many."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(joining, "join", lambda line, home, host: load(home))
    monkeypatch.setattr(doctor, "examine", lambda settings, names, queues: [])
    monkeypatch.setattr(launcher, "launch", lambda settings, workers: found.append(workers))
    return found


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["join", LINE, "encoding", "--workers", "1..4"], [{"encoding": "1..4"}]),
        (["join", f"{LINE}~xapi.transcripting"], [{"transcripting": None, "xapi": None}]),
        (["join", LINE], [{"encoding": None}]),
        (["join", LINE, "--no-start"], []),
        (["--join", f"{LINE}~xapi", "--workers", "2"], [{"xapi": "2"}]),
        (["--join", LINE, "catalog"], [{"catalog": None}]),
    ],
)
def test_it_starts_the_workers_of_the_line(
    tmp_path: Path, started: list[dict[str, Any]], words: list[str], wanted: list[dict[str, Any]]
) -> None:
    done = CliRunner().invoke(root, ["worker", "--home", str(tmp_path / "far"), *words])
    assert (done.exit_code, started) == (0, wanted), done.output


def test_a_network_that_others_may_read_is_said(tmp_path: Path, started: list[dict[str, Any]]) -> None:
    clear = CliRunner().invoke(
        root, ["worker", "--home", str(tmp_path), "join", "-"], input=LINE.replace("https", "http") + "\n"
    )
    assert "use https" in clear.output and started == [{"encoding": None}]


def test_the_checks_know_for_which_queues_the_token_has_to_be(
    tmp_path: Path, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def examine(settings: Settings, names: Iterable[str], queues: Sequence[str]) -> list[doctor.Finding]:
        asked.append([*queues])
        return []

    monkeypatch.setattr(doctor, "examine", examine)
    for words in (["worker", "run", "xapi", "encoding"], ["doctor", "--queue", "encoding"], ["doctor", "--worker"]):
        CliRunner().invoke(root, [*words, "--home", str(tmp_path)])
    assert asked == [["xapi", "encoding"], ["encoding"], []]


def test_without_an_instance_nobody_is_invited(tmp_path: Path) -> None:
    done = CliRunner().invoke(root, ["worker", "--home", str(tmp_path / "none"), "invite"])
    assert done.exit_code == 1 and "There is no instance in" in done.output
    assert not (tmp_path / "none").exists()
