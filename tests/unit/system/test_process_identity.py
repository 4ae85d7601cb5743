"""Whether a process has ended: never yes in case of doubt, because its job would be begun a second time."""

import os
import subprocess

import pytest

from pod_jobs.system import process_identity
from pod_jobs.system.process_identity import has_ended, place_id, start_ticks


def test_a_process_that_lives_and_one_that_has_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        began = start_ticks(child.pid)
        assert began is not None and not has_ended(place_id(), child.pid, began)
        assert has_ended(place_id(), child.pid, began + 1), "another process has its number now"
        child.kill()
        child.wait()
        assert start_ticks(child.pid) is None and has_ended(place_id(), child.pid, began)
        assert not has_ended("elsewhere", child.pid, began) and not has_ended("", child.pid, began)


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert start_ticks(child.pid) is None


def test_what_is_hidden_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(pid: int) -> int:
        raise PermissionError(pid)

    monkeypatch.setattr(process_identity, "start_ticks", hidden)
    assert not has_ended(place_id(), os.getpid(), 1)
