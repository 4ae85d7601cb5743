"""Parents and children of this process: dying with a parent, adopting orphans and ending them (Linux).

Imports nothing of ours, so that any layer may use it.
"""

import ctypes
import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
# looked up now, because between fork and exec another thread may hold the loader's lock
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Let the kernel send `signal_number` to this process when `parent_pid`, which just forked it, ends. This survives exec,
    but not fork.

    The signal comes when the *thread* that forked ends, so that thread must outlive its child. Errors: OSError.
    """
    if _prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it ended before the call, and no signal will come
        os.kill(os.getpid(), signal_number)


def adopt_orphans() -> None:
    """From now on, descendants whose parent has ended become children of this process instead of process 1, so that
    `end_adopted` can end them. Children do not inherit that. Errors: OSError.

    A process can be too young to die with its parent: if bubblewrap is killed at a bad moment, its inner process waits for
    ever.
    """
    if _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def end_adopted(own: Collection[int] = (), patience_s: float = 0.0) -> int:
    """Kill and reap all children of this process except `own`, and those it adopts when they end, for up to `patience_s`.

    Returns how many have ended. On a kernel without lists of children (CONFIG_PROC_CHILDREN), none is found.
    """
    deadline = time.monotonic() + patience_s
    ended = 0
    while adopted := [pid for pid in children_of(os.getpid()) if pid not in own]:
        for pid in adopted:
            os.kill(pid, signal.SIGKILL)  # at worst a zombie, because only we reap
        reaped = sum(os.waitpid(pid, os.WNOHANG)[0] == pid for pid in adopted)
        ended += reaped
        if not reaped:
            if time.monotonic() >= deadline:
                break
            time.sleep(0.005)
    return ended


def children_of(pid: int) -> list[int]:
    """The ids of a process's children; none on a kernel without lists of children. Errors: OSError when `pid` is gone."""
    children = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            children += [int(child) for child in (thread / "children").read_text(encoding="ascii").split()]
    return children


def stat_fields(pid: int) -> list[str]:
    """What proc(5) lists of a process in /proc/PID/stat behind its name: state, ppid … Errors: OSError when `pid` is gone."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    """The parent's process id; 0 when `pid` is gone."""
    try:
        return int(stat_fields(pid)[1])
    except OSError:
        return 0


def parent_and_grandparent() -> tuple[int, int]:
    """The ids of this process's parent and grandparent. If the pair changes, one of them has ended."""
    parent = os.getppid()
    return parent, parent_of(parent)
