"""Commands for copies: which folders they take, what they print, how they end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pod_jobs.cli import backups
from pod_jobs.cli.root import root
from pod_jobs.instance import backup as instance_backup


def run(*words: object) -> Result:
    return CliRunner().invoke(root, [*map(str, words)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify", "gone"], "does not exist"),
        (["verify", "file"], "is a file"),
        (["restore", "gone"], "does not exist"),
        (["backup", "file"], "is a file"),
        (["backup", "gone"], "There is no instance"),  # the folder is made
        (["backup", "gone", "--keep", "-1"], "not in the range"),
    ],
)
def test_folders_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    done = run(*words, "--home", tmp_path)
    assert said in done.stderr and done.exit_code == (1 if said.startswith("There") else 2)


@pytest.mark.parametrize(
    ("faults", "said", "code"),
    [([], "b is whole.\n", 0), (["x differs", "y lacks"], "x differs\ny lacks\nb: 2 faults.\n", 1)],
)
def test_a_backup_that_is_not_whole_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[str], said: str, code: int
) -> None:
    monkeypatch.setattr(instance_backup, "find", lambda folder: Path("b"))
    monkeypatch.setattr(instance_backup, "verify", lambda folder, progress: faults)
    done = run("verify", tmp_path)
    assert (done.stdout, done.exit_code) == (said, code)


def test_progress_is_told_every_thousand_of_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    told = backups.Progress()
    for step, count in (
        ("a", 999),
        ("a", 1000),
        ("a", 1000),
        ("a", 1001),
        ("a", 1999),
        ("a", 2000),
        ("b", 1),
        ("b", 1001),
        ("b", 1002),
    ):
        told(step, count)
    assert capsys.readouterr().err.splitlines() == ["a: 1000", "a: 2000", "b: 1001"]


@dataclass
class Copied:
    """What `catalog.copying` says."""

    faults: list[str]
    differences: list[str]


@pytest.mark.parametrize(
    ("words", "found", "said", "code"),
    [
        ("check", Copied([], ["unasked"]), "The database is whole.\n", 0),
        ("check", Copied(["bad row"], []), "bad row\n1 faults.\n", 1),
        ("check --against sqlite:///x", Copied([], []), "Both are equal.\n", 0),
        ("check --against sqlite:///x", Copied([], ["row 3"]), "row 3\n1 faults.\n", 1),
        ("check --against sqlite:///x", Copied(["bad row"], ["row 3"]), "bad row\n1 faults.\n", 1),
        (
            "copy --to sqlite:///x",
            Copied([], []),
            "5 rows were copied and compared. Now set database.url, and start the instance.\n",
            0,
        ),
        ("copy --to sqlite:///x", Copied([], ["row 3"]), "row 3\n5 rows were copied, and 1 of them differ.\n", 1),
    ],
)
def test_what_is_said_of_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, found: Copied, said: str, code: int
) -> None:
    from pod_jobs.catalog import copying

    def give(value: Any) -> Any:
        return lambda *_: value

    monkeypatch.setattr(backups, "demand_database", give(None))
    monkeypatch.setattr(copying, "faults", give(found.faults))
    monkeypatch.setattr(copying, "differences", give(found.differences))
    monkeypatch.setattr(copying, "copy", give({"video": 2, "task": 3}))
    (tmp_path / "run").mkdir()
    done = run("db", *words.split(), "--home", tmp_path)
    assert (done.stdout, done.exit_code) == (said, code)


@pytest.mark.parametrize(
    ("url", "is_secret"),
    [
        ("postgresql://pod@db/pod", False),
        ("postgresql://pod:@db/pod", False),
        ("postgresql://pod:word@db/pod", True),
        ("postgresql://db/pod?password=word", True),
        ("sqlite:///x", False),
    ],
)
def test_no_password_is_taken_from_the_command_line(url: str, is_secret: bool) -> None:
    if is_secret:
        with pytest.raises(click.UsageError, match="process"):
            backups._address(url)
    else:
        assert backups._address(url) == url
