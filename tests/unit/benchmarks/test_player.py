"""How ./run bench player judges the order of what was reported."""

import pytest

from benchmarks.player import is_order_of
from pod_jobs.xapi.segments import Segment

SEEN = [0.0, 1.0, 2.9, 8.0, 9.9, 2.0, 4.0]  # 0 to 3 s, 8 to 10 s, then again from 2 to 4 s


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([(0, 3), (8, 10), (2, 4)], True),
        ([(0, 3.0), (8, 10), (2, 4), (5, 5.5)], True),  # so short that nobody looked
        ([(0, 3), (2, 4), (8, 10)], False),  # another order
        ([(0, 4), (8, 10)], False),  # what was watched again is not listed again
        ([(0, 3), (8, 10), (2, 4), (2, 7)], False),  # listed though it was not watched again
    ],
)
def test_segments_have_the_order_of_the_positions_that_were_seen(segments: list[Segment], expected: bool) -> None:
    assert is_order_of(segments, SEEN) is expected
