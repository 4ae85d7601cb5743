"""What this process and all its descendants use of the host, as Linux says: a job with its ffmpeg, in whatever sandbox."""

import os
import time
from contextlib import suppress
from typing import NamedTuple

from pod_jobs.system.process_tree import children_of, stat_fields

LOOK_S = 2.0  # a look at an ffmpeg with 40 threads takes 0.7 ms
UTIME, STIME, CUTIME, CSTIME, RSS = 11, 12, 13, 14, 21  # proc(5): places behind the name of the process
TICKS, PAGE_BYTES = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


class Load(NamedTuple):
    """`processors`: how many were at work since the last look; None = not known yet. `memory`: resident bytes, of which
    processes may share some."""

    processors: float | None
    memory: int


class FamilyLoad:
    """Looks at most each LOOK_S."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before: tuple[float, float] | None = None  # when, and the processor time until then
        self._last = Load(None, 0)

    def read(self) -> Load:
        """The last load, or a new one if that is old."""
        at = time.monotonic()
        if self._before is not None and at - self._before[0] < LOOK_S:
            return self._last
        cpu_s, memory = _used_by(self._pid)
        processors = None
        if self._before is not None:
            processors = round(max(0.0, cpu_s - self._before[1]) / (at - self._before[0]), 2)
        self._before, self._last = (at, cpu_s), Load(processors, memory)
        return self._last


def _used_by(pid: int) -> tuple[float, int]:
    """Seconds of processor time, those of ended children included, and resident bytes of a process and its descendants."""
    ticks = pages = 0
    family = [pid]
    for process_id in family:  # grows in the loop
        with suppress(OSError, ValueError, IndexError):  # it has ended, or the kernel does not say
            fields = stat_fields(process_id)
            ticks += sum(int(fields[place]) for place in (UTIME, STIME, CUTIME, CSTIME))
            pages += int(fields[RSS])
            family += children_of(process_id)
    return ticks / TICKS, pages * PAGE_BYTES
