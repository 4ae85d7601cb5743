from pathlib import Path

import pytest

from pod_jobs.system import memory

KIB = 1024


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.skipif(memory._TRIM is None, reason="this C library keeps nothing")
def test_what_was_freed_goes_back_to_the_system() -> None:
    blocks = [bytearray(60 * KIB) for _ in range(1_000)]  # below the size from which each is a mapping of its own
    full = resident_mb()
    last = bytearray(60 * KIB)  # keeps the end of the heap in use
    del blocks
    memory.give_back_free()
    assert full - resident_mb() > 40
    assert len(last) == 60 * KIB


def test_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_TRIM", None)
    memory.give_back_free()
