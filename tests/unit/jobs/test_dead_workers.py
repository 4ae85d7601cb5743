"""Whom a host takes for a dead worker of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pod_jobs.jobs.dead_workers import is_dead_here, worker_name
from pod_jobs.system import process_identity
from tests.servers import need


@pytest.fixture
def other_process() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


def name_of(pid: int, started: int | None = None) -> str:
    return (
        f"encoding.host.example.org.{pid}.{process_identity.place_id()}.{started or process_identity.start_ticks(pid)}"
    )


def test_the_name_of_a_worker_says_which_process_it_is() -> None:
    queue, *host, pid, place, started = worker_name("encoding").split(".")
    assert (queue, pid, place) == ("encoding", str(os.getpid()), process_identity.place_id())
    assert host and started == str(process_identity.start_ticks(os.getpid()))


def test_a_living_worker_is_not_dead(other_process: int) -> None:
    assert not is_dead_here(worker_name("encoding"))
    assert not is_dead_here(name_of(other_process))


def test_a_worker_that_has_ended_is_dead_before_and_after_its_parent_noticed() -> None:
    process = subprocess.Popen(["sleep", "60"])
    name = name_of(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead_here(name)
    process.wait()
    assert is_dead_here(name)


def test_a_number_that_was_given_out_again_is_not_the_worker(other_process: int) -> None:
    started = process_identity.start_ticks(other_process)
    assert started is not None
    assert is_dead_here(name_of(other_process, started - 1))


def test_a_host_of_the_same_name_is_another_place() -> None:
    queue, host, pid, _, started = worker_name("encoding").split(".")
    gone = 2**22 + 1  # over the kernel's highest number
    assert is_dead_here(f"{queue}.{host}.{gone}.{process_identity.place_id()}.{started}")
    assert not is_dead_here(f"{queue}.{host}.{gone}.0123456789ab.{started}")
    assert not is_dead_here(f"{queue}.{host}.{gone}.unknown.{started}")
    assert not is_dead_here(f"{queue}.{host}.{gone}"), "the name of an earlier version"


def test_a_container_is_another_place() -> None:
    """Containers share the kernel and often the host name, but not the table of processes."""
    ask = "from pod_jobs.system import process_identity; print(process_identity.place_id())"
    command = ["unshare", "--fork", "--pid", "--mount-proc", sys.executable, "-c", ask]
    inside = subprocess.run(command, capture_output=True, text=True, check=False)
    need(inside.returncode == 0, f"the right to make namespaces ({inside.stderr.strip()})")
    assert inside.stdout.strip() not in ("", process_identity.place_id())
