"""Where a long picture is cut."""

from fractions import Fraction

import pytest

from pod_jobs.media.planning.chunk_grid import grid_rate, plan_chunks

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("workers", [1, 2, 3, 16])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(25, 2)])
@pytest.mark.parametrize("duration_s", [3.0, 20.0, 600.0, 3599.5, 4 * 3600.0])
def test_every_frame_is_in_one_chunk(duration_s: float, rate: Fraction, workers: int) -> None:
    chunks = plan_chunks(duration_s, rate, 4, 60, workers)
    assert [one.number for one in chunks] == list(range(len(chunks)))
    assert chunks[0].first_frame == 0
    assert chunks[-1].frames is None
    for one, following in zip(chunks, chunks[1:], strict=False):
        assert one.first_frame + (one.frames or 0) == following.first_frame
        assert one.duration_s is not None and 0 < one.duration_s <= 60 + 1 / rate
    for one in chunks:
        assert 0 <= one.start_s - 4 * one.first_segment < 1 / rate  # the first frame at or after the segment's start


def test_the_first_chunks_are_short_and_the_last_ones_end_together() -> None:
    lengths = [round(one.duration_s or 0) for one in plan_chunks(3600, Fraction(25), 4, 60, 16)]
    assert lengths[:6] == [4, 8, 16, 32, 60, 60]
    assert max(lengths[-17:]) == 12


@pytest.mark.parametrize(
    ("rate", "exact"),
    [(29.97002997, NTSC), (25.0, Fraction(25)), (23.976023976, Fraction(24000, 1001)), (12.5, Fraction(25, 2))],
)
def test_a_rate_is_what_it_was_before_it_became_a_float(rate: float, exact: Fraction) -> None:
    assert grid_rate(rate) == exact
