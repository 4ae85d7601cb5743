"""Processor time and memory of processes. A busy machine changes processor time only a little."""

import os
from pathlib import Path

from benchmarks._instance import children_of

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The ids of all descendants of a process."""
    children = children_of(pid)
    return [*children, *(grand for child in children for grand in family(child))]


def cpu_s(pid: int) -> float:
    """Processor time of a process and all of its descendants, including those that have ended."""
    return sum(_cpu_s(each) for each in (pid, *family(pid)))


def resident_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024 if "VmRSS:" in text else 0.0


def _cpu_s(pid: int) -> float:
    """proc(5): utime, stime, and cutime, cstime of children that were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) * TICK_S
