"""Telling one process from every other, also of other hosts and other times (Linux).

A host name may be shared by machines and containers, and a process id is given out again. "The same kernel, since the same
boot, the same table of processes" is a place; in it, a process id together with its start time belongs to one process only.

Imports nothing of ours, so that any layer may use it.
"""

import hashlib
import os

BOOT_ID = "/proc/sys/kernel/random/boot_id"  # random(4): another one after each boot
PID_NAMESPACE = "/proc/self/ns/pid"  # pid_namespaces(7): same inode = same table of processes
STATE, START_TICKS = 0, 19  # proc(5): fields of /proc/PID/stat after the name
ENDED = "ZX"  # states: ended, and at most waiting to be noticed by its parent


def here() -> str:
    """This place, 12 hex digits; "" where /proc cannot tell, and then no other process must be judged."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # the /proc of another table of processes
            return ""
        with open(BOOT_ID, encoding="ascii") as boot:
            place = f"{boot.read().strip()} {os.stat(PID_NAMESPACE).st_ino}"
    except OSError:
        return ""
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def start_ticks(pid: int) -> int | None:
    """When this process started, in clock ticks since boot; None when it has ended. Errors: OSError: cannot be seen."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        raise  # it is there, and hidden (the mount option hidepid)
    return None if fields[STATE] in ENDED else int(fields[START_TICKS])


def has_ended(place: str, pid: int, started_ticks: int) -> bool:
    """Was that a process of this place, and is it gone? False in doubt."""
    if not place or place != here():
        return False
    try:
        return start_ticks(pid) != started_ticks
    except OSError:
        return False
