"""The memory of this process."""

import ctypes

# only glibc has it; other C libraries give free memory back by themselves
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back_free() -> None:
    """Give the system the memory that was freed. glibc keeps it otherwise, in parts that large arrays may not fit into again, so
    that a process grows beyond what it ever needed at once. Takes some 20 ms."""
    if _TRIM is not None:
        _TRIM(0)
