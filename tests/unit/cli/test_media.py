"""Which files a command takes."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pod_jobs.cli.root import root


@pytest.mark.parametrize("command", [["submit"], ["probe"], ["encode"]])
def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    rest = [str(tmp_path / "out")] if command == ["encode"] else []
    result = CliRunner().invoke(root, [*command, str(pipe), *rest])
    assert result.exit_code == 2
    assert "pipe.mp4 is not a regular file" in result.output
