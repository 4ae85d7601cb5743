"""Who started this process, and dying with it (Linux).

Imports nothing of ours, so that any layer may use it.
"""

import ctypes
import os

PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)  # now: between fork and exec the loader's lock may be another thread's


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Let the kernel send us `signal_number` when `parent_pid`, which just forked us, ends. Survives exec, not fork.

    The signal comes when the forking *thread* ends, so fork from the main one. Errors: OSError.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it ended before the call, and no signal will come
        os.kill(os.getpid(), signal_number)


def parent_of(pid: int) -> int:
    """The parent's process id; 0 when `pid` is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])  # proc(5): after the name come state, ppid
    except OSError:
        return 0


def parent_and_grandparent() -> tuple[int, int]:
    """Of this process. A change of the pair means that one of the two is gone."""
    parent = os.getppid()
    return parent, parent_of(parent)
