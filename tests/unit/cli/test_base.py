"""With which settings a command runs."""

import os
import stat
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pod_jobs.cli.base import show_progress
from pod_jobs.cli.root import root
from pod_jobs.instance import home
from pod_jobs.settings import load

DATABASE = "postgresql://pod:a-password@127.0.0.1:9/pod"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instance that was started with two variables, which this process does not have any more."""
    folder = tmp_path / "a home, très long"
    with monkeypatch.context() as service:
        service.setenv("POD_JOBS_DATABASE__URL", DATABASE)
        service.setenv("POD_JOBS_WEB__THREADS", "7")
        service.setenv("PATH_TO_NOTHING", "no setting")
        settings = load(folder)
        home.make_folders(settings)
        home.note_variables(settings)
    for name in ("POD_JOBS_DATABASE__URL", "POD_JOBS_WEB__THREADS"):
        monkeypatch.setenv(name, "x")  # so that what the command sets is undone
        monkeypatch.delenv(name)
    return folder


def test_doctor_checks_what_the_service_runs_with(started: Path) -> None:
    said = CliRunner().invoke(root, ["doctor", "--home", str(started)]).output
    assert "as the service was started, with POD_JOBS_DATABASE__URL, POD_JOBS_WEB__THREADS" in said
    assert "127.0.0.1:9" in said or "port 9" in said, "its database does not answer"
    assert "a-password" not in said


def test_the_own_environment_counts_more(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_JOBS_DATABASE__URL", "sqlite:////nowhere/at.all")
    said = CliRunner().invoke(root, ["doctor", "--home", str(started)]).output
    assert "with POD_JOBS_WEB__THREADS" in said and "127.0.0.1:9" not in said


def test_only_this_user_reads_the_variables(started: Path) -> None:
    path = started / "run" / "variables.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "NOTHING" not in path.read_text()


def test_all_processes_of_an_instance_note_them_at_once(started: Path) -> None:
    settings, context = load(started), get_context("fork")

    def note_often() -> None:
        for _ in range(40):
            home.note_variables(settings)

    processes = [context.Process(target=note_often) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {0}
    assert home.noted_variables(started) == {}, "this process has none"
    assert [path.name for path in (started / "run").iterdir() if path.name.startswith("variables")] == [
        "variables.json"
    ]


def test_variables_that_cannot_be_read_are_none(started: Path) -> None:
    (started / "run" / "variables.json").write_text('{"LD_PRELOAD": "/tmp/x.so", "POD_JOBS_WEB__THREADS": "7"}')
    assert home.noted_variables(started) == {"POD_JOBS_WEB__THREADS": "7"}
    (started / "run" / "variables.json").write_text("[1")
    assert home.noted_variables(started) == {}
    os.remove(started / "run" / "variables.json")
    assert home.noted_variables(started) == {}


def test_progress_takes_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    for is_terminal in (True, False):
        monkeypatch.setattr("sys.stderr.isatty", lambda answer=is_terminal: answer)
        show_progress("encode 5%")
        show_progress("")
        assert capfd.readouterr() == ("", "\r\x1b[Kencode 5%\r\x1b[K" if is_terminal else "")


def test_the_help_says_what_is_taken_when_an_option_is_left_out() -> None:
    options = [(name, option) for name, command in commands(root) for option in command.params]
    has_default = [(name, one) for name, one in options if isinstance(one.default, str | int | float) and one.default]
    assert len(has_default) > 8
    silent = [
        f"{name} {one.opts[0]}" for name, one in has_default if isinstance(one, click.Option) and not one.show_default
    ]
    assert silent == []


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    for command in group.commands.values():
        yield (full := f"{name} {command.name}".strip()), command
        if isinstance(command, click.Group):
            yield from commands(command, full)
