"""What `./run up` prints, and what only its log file has."""

import io
from datetime import UTC, datetime
from pathlib import Path

from honcho.printer import Message

from pod_jobs.processes.launcher import LoggingPrinter

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
