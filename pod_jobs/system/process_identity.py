"""Identifies a process among all others, also those of other hosts and other times (Linux).

Machines and containers may share a host name, and process ids are given out again. A *place* is a kernel since its boot
together with one table of processes. In a place, a process id and a start time belong to one process only.

Imports nothing of ours, so that any layer may use it.
"""

import hashlib
import os
import re

BOOT_ID = "/proc/sys/kernel/random/boot_id"  # random(4): it changes at each boot
PID_NAMESPACE = "/proc/self/ns/pid"  # pid_namespaces(7): the same inode means the same table of processes
STATE, START_TICKS = 0, 19  # proc(5): fields of /proc/PID/stat after the name
ELSEWHERE = "unknown"  # no process has this place, so that one of it never counts as dead
NAME = re.compile(r"([0-9]{1,18})\.([^.]*)\.([0-9]{1,18})")
ENDED = "ZX"  # states of a process that has ended, and may not be reaped yet


def place_id() -> str:
    """This place as 12 hex digits; "" if /proc cannot tell. Then no process may be taken for dead."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # this is the /proc of another table of processes
            return ""
        with open(BOOT_ID, encoding="ascii") as boot:
            place = f"{boot.read().strip()} {os.stat(PID_NAMESPACE).st_ino}"
    except OSError:
        return ""
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it has ended. Errors: OSError when it is hidden."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        raise  # it exists and is hidden (mount option hidepid)
    return None if fields[STATE] in ENDED else int(fields[START_TICKS])


def has_ended(place: str, pid: int, started_ticks: int) -> bool:
    """Was this a process of this place, and has it ended? False in case of doubt."""
    if not place or place != place_id():
        return False
    try:
        return start_ticks(pid) != started_ticks
    except OSError:
        return False


def own_name() -> str:
    """The name of this process: process id, place and start time. No other process ever has the same."""
    return f"{os.getpid()}.{place_id() or ELSEWHERE}.{start_ticks(os.getpid())}"


def is_dead_here(name: str) -> bool:
    """Had a process of this place the `own_name` `name`, and has it ended? False in case of doubt, and for any other text."""
    match = NAME.fullmatch(name)
    return match is not None and has_ended(match[2], int(match[1]), int(match[3]))
