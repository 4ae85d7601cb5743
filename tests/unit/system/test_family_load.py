"""What a job and its children use of the host."""

import os
import subprocess
import sys
import time

import pytest

from pod_jobs.system import family_load
from pod_jobs.system.family_load import FamilyLoad

# a grandchild that takes a processor and 60 MB, until its input is closed
BUSY = """
import os, sys, threading
block = bytearray(b"x" * 60_000_000)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True: pass
"""
PARENT = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {BUSY!r}]))"


def test_descendants_count_and_a_look_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    load = FamilyLoad(os.getpid())
    alone = load.read()
    assert alone.processors is None and alone.memory > 1_000_000
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as busy:
        assert load.read() is alone, "asked again at once"
        monkeypatch.setattr(family_load, "LOOK_S", 0.2)
        deadline = time.monotonic() + 30
        while True:
            seen = load.read()
            if (seen.processors or 0) > 0.1 and seen.memory > alone.memory + 60_000_000:
                break
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        assert busy.stdin
        busy.stdin.close()
    assert FamilyLoad(busy.pid).read() == (None, 0), "it has ended"
