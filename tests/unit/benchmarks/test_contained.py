"""Nothing that a contained command started outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import _contained
from pod_jobs.system import process_tree

# a daemon in a session and a process group of its own, without its parent, and with nothing of the environment
DAEMON = "setsid env -i sh -c 'echo $$ > {file}.part; mv {file}.part {file}; exec sleep 600' & "


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _gone(pid: int) -> bool:
    return process_tree.parent_of(pid) == 0 or process_tree.stat_fields(pid)[0] == "Z"


def _parent_of_one(script: str) -> subprocess.Popen:
    """A process that waits for a contained script."""
    run = f"subprocess.run(_contained.command(['sh', '-c', {script!r}]))"
    return subprocess.Popen([sys.executable, "-c", f"import subprocess; from benchmarks import _contained; {run}"])


@pytest.mark.parametrize("ended_by", ["itself", "SIGTERM", "SIGKILL of its parent"])
def test_a_daemon_ends_with_the_command(ended_by: str, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = DAEMON.format(file=file) + (
        f"until [ -e {file} ]; do :; done; exit 3" if ended_by == "itself" else "exec sleep 600"
    )
    if ended_by == "SIGKILL of its parent":
        running = _parent_of_one(script)
    else:
        running = subprocess.Popen(_contained.command(["sh", "-c", script]))
    _until(file.exists)
    daemon = int(file.read_text())
    if ended_by == "SIGTERM":
        running.terminate()
    elif ended_by != "itself":
        os.kill(running.pid, signal.SIGKILL)
    code = running.wait(20)
    _until(lambda: _gone(daemon))
    assert code == {"itself": 3, "SIGTERM": 128 + signal.SIGTERM}.get(ended_by, -signal.SIGKILL)
