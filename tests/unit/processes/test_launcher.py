"""What `./run up` starts and prints, and what only its log file has."""

import io
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from honcho.printer import Message

from pod_jobs.processes import launcher
from pod_jobs.processes.launcher import InstanceManager, LoggingPrinter
from pod_jobs.processes.supervisor import FIRST_WAIT_S
from pod_jobs.settings import load

OVERCOMMIT = b"1:M # WARNING Memory overcommit must be enabled! Set vm.overcommit_memory = 1 in /etc/sysctl.conf.\n"


def printed(folder: Path, *pieces: bytes) -> tuple[str, str]:
    """What was printed on the terminal, and what is in the file."""
    terminal = io.StringIO()
    printer = LoggingPrinter(terminal, folder / "log")
    for piece in pieces:
        printer.write(Message("line", piece, datetime.now(UTC), "server", None))
    printer.file.close()
    return terminal.getvalue(), (folder / "log").read_text()


def test_a_line_for_memory_experts_is_not_the_loudest_on_the_terminal(tmp_path: Path) -> None:
    terminal, file = printed(tmp_path, OVERCOMMIT, b"something else\n")
    assert "overcommit" not in terminal and "overcommit" in file
    assert "something else" in terminal


def test_control_characters_of_an_address_reach_neither(tmp_path: Path) -> None:
    for text in printed(tmp_path, "GET /\x1b]0;mine\x07 \u009b2J\n".encode()):
        assert text.replace("\n", "").isprintable() and "mine" in text


class Interrupted(io.StringIO):
    """A terminal that is interrupted by a signal at its first line, whose handler prints too."""

    printer: LoggingPrinter
    is_first = True
    depth = deepest = 0

    def write(self, text: str) -> int:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if self.is_first:
            self.is_first = False
            self.printer.write(Message("line", b"of the handler\n", datetime.now(UTC), "server", None))
        written = super().write(text)
        self.depth -= 1
        return written


def test_what_a_signal_handler_prints_meanwhile_comes_after_and_is_not_lost(tmp_path: Path) -> None:
    terminal = Interrupted()
    terminal.printer = printer = LoggingPrinter(terminal, tmp_path / "log")
    for text in (b"the first\n", b"a later one\n"):
        printer.write(Message("line", text, datetime.now(UTC), "server", None))
    printer.file.close()
    for shown in (terminal.getvalue(), (tmp_path / "log").read_text()):
        assert [shown.index(words) for words in ("the first", "of the handler", "a later one")] == sorted(
            shown.index(words) for words in ("the first", "of the handler", "a later one")
        )
    assert terminal.deepest == 1, "the handler's line waits until the one before is out"


@pytest.mark.parametrize(("kind", "bridges"), [("runner", 0), ("celery", 1)])
def test_the_bridge_starts_only_for_a_site_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, bridges: int
) -> None:
    shared = {"shared_folder": "/pod/media", "callback_url": "https://pod.univ.fr/rest/"}
    site = {"name": "univ", "kind": kind, **(shared if kind == "celery" else {})}
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps([site]))
    started = lines_of_launch(tmp_path, monkeypatch, launcher.ALL)
    assert started.count("celery-bridge") == bridges and len(started) > 4


def test_a_host_of_workers_starts_their_lines_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = lines_of_launch(tmp_path, monkeypatch, {"encoding": "2", "xapi": None})
    assert sorted(started) == ["encoding", "xapi"]


def lines_of_launch(home: Path, monkeypatch: pytest.MonkeyPatch, workers: Mapping[str, str | None]) -> list[str]:
    """The names of the lines that a launch would start."""
    (home / "logs").mkdir()
    started: list[str] = []

    def loop(manager: InstanceManager) -> None:
        started.extend(name.removesuffix(".1") for name in manager._processes)
        manager._printer.file.close()

    monkeypatch.setattr(InstanceManager, "loop", loop)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr(logging, "raiseExceptions", True)  # is set back afterwards
    launcher.launch(load(home), workers=workers)
    return started


def test_only_a_line_that_ended_starts_again_and_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said, begun = [100.0], list[str](), list[str]()

    class Process:
        def __init__(self, name: str = "", **_: object) -> None:
            self.name = name

        def join(self) -> None:
            pass

        def start(self) -> None:
            begun.append(self.name)

    monkeypatch.setattr(launcher, "monotonic", lambda: now[0])
    monkeypatch.setattr("multiprocessing.Process", Process)
    monkeypatch.setattr(InstanceManager, "_system_print", lambda _, text: said.append(text))
    manager = InstanceManager(LoggingPrinter.__new__(LoggingPrinter))
    manager._processes = {name: {"pid": 1, "process": Process(), "obj": Process()} for name in ("web", "janitor")}
    for line in manager._processes.values():
        line["obj"].run = print
    for wait_s in (FIRST_WAIT_S, 2 * FIRST_WAIT_S):
        begun.clear()
        said.clear()
        manager._processes["web"] |= {"returncode": 1, "pid": 1}
        manager._start_again()
        now[0] += wait_s - 0.01
        manager._start_again()
        assert len(said) == 1 and said[0].startswith("web ended") and begun == []
        now[0] += 0.01
        manager._start_again()
        assert begun == ["web"] and "returncode" not in manager._processes["web"]
