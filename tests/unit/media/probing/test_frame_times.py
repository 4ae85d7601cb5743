from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.probing.frame_times import REORDERED_S, collect

FAR = float("inf")


def collected(
    shown_s: list[float | None], deadline: float = FAR, most: int | None = None
) -> tuple[bool, list[list[float]]]:
    """Whether the end was reached, and the runs; None: a packet that only says when it is decoded, at 7."""
    packets = [
        SimpleNamespace(pts=at_s, dts=7 if at_s is None else at_s, time_base=1, size=1, stream_index=0)
        for at_s in shown_s
    ]
    container: Any = SimpleNamespace(streams=["picture"], demux=lambda streams: packets)
    runs: dict[int, list[list[float]]] = {0: [[]]}
    return collect(container, runs, deadline, most), runs[0]


def test_all_packets_are_read_while_there_is_time() -> None:
    assert collected([1.0, 2.0, None]) == (True, [[1.0, 2.0, 7.0]])
    assert collected([1.0, 2.0, 3.0], deadline=0.0) == (False, [[1.0]])
    assert collected([1.0, 2.0, 3.0], most=1) == (False, [[1.0, 2.0]])
    assert collected([1.0, 2.0, 3.0], most=3) == (True, [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(("back_s", "runs"), [(REORDERED_S, 1), (REORDERED_S + 0.5, 2)])
def test_a_clock_that_goes_back_begins_a_new_run(back_s: float, runs: int) -> None:
    assert len(collected([8.0, 9.0, 9.0 - back_s])[1]) == runs
