"""Run a command, and end whatever it started: also what left its process group, its session or its parent behind.

`command` makes the arguments. The exit code is that of the command. SIGTERM, or the end of the process that started this one,
ends all of it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from pod_jobs.system import process_tree

PATIENCE_S = 10.0  # for processes that were killed to be gone


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", __name__, str(os.getpid()), *arguments]


def _run(parent_pid: int, arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process_tree.adopt_orphans()
    try:
        process_tree.die_with_parent(parent_pid, signal.SIGTERM)
        return subprocess.Popen(arguments).wait()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process_tree.end_adopted(patience_s=PATIENCE_S)


if __name__ == "__main__":
    sys.exit(_run(int(sys.argv[1]), sys.argv[2:]))
