"""Memory that the processes of one line share, in which its workers tell their supervisor what they do.

Instants are seconds of the monotonic clock, which all processes of a host share; 0 = none.
"""

import mmap
import struct
from time import monotonic

MOST_CHILDREN = 256
ENTRY = struct.Struct("=d")


class CrewBoard:
    """`number`, from 0 on, is that of this process. It is set in each new child."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, ENTRY.size * (1 + MOST_CHILDREN))
        self.number = 0

    def ask_for_another(self) -> None:
        """Say that a job waits which no worker takes."""
        self._write(0, monotonic())

    @property
    def asked_at(self) -> float:
        """When a worker last asked for another one."""
        return self._read(0)

    def say_idle(self) -> None:
        """Say that this worker waits for a job. The first instant counts."""
        if not self.idle_since(self.number):
            self._write(1 + self.number, monotonic())

    def say_busy(self, number: int | None = None) -> None:
        """Say that this worker, or the one with `number`, has a job."""
        self._write(1 + (self.number if number is None else number), 0.0)

    def idle_since(self, number: int) -> float:
        """Since when the worker with `number` has waited for a job."""
        return self._read(1 + number)

    def _write(self, entry: int, value: float) -> None:
        ENTRY.pack_into(self._memory, entry * ENTRY.size, value)

    def _read(self, entry: int) -> float:
        value: float = ENTRY.unpack_from(self._memory, entry * ENTRY.size)[0]
        return value
