"""How busy this host is, as Linux says."""

import os
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class HostLoad:
    """`load`: how many processes wanted a processor, on the average of the last minute. Memory is in bytes; 0 = not known."""

    processors: int
    load: float
    memory: int
    memory_free: int


def read_load() -> HostLoad:
    """Takes 0.1 ms and never waits for a disk."""
    kilobytes = {}
    try:
        for line in MEMORY.read_text().splitlines():
            name, _, value = line.partition(":")
            kilobytes[name] = int(value.split()[0])
    except (OSError, ValueError, IndexError):
        kilobytes = {}
    memory, free = (kilobytes.get(name, 0) * 1024 for name in ("MemTotal", "MemAvailable"))
    return HostLoad(os.cpu_count() or 1, round(os.getloadavg()[0], 2), memory, free)
