"""Kept ranges, and where cues come to lie."""

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.planning.cut import Range, Timeline, place, plan_ranges


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ([], ()),
        ([(0, 60)], ()),
        ([(-5, 90)], ()),
        ([(0, 30), (30, 60)], ()),
        ([(10, 20)], (Range(10, 20),)),
        ([(40, 50), (10, 20)], (Range(10, 20), Range(40, 50))),
        ([(10, 30), (20, 40)], (Range(10, 40),)),
        ([(10, 40), (20, 30)], (Range(10, 40),)),
        ([(10, 20), (30, 30.1), (70, 80)], (Range(10, 20),)),
    ],
)
def test_ranges(wanted: list[tuple[float, float]], kept: tuple[Range, ...]) -> None:
    assert plan_ranges(wanted, 60) == kept


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ([(70, 80)], "source-cut-empty"),
        ([(20, 10)], "source-cut-empty"),
        ([(n, n + 0.5) for n in range(55)], "source-cut-pieces"),
    ],
)
def test_nothing_left_or_too_much(wanted: list[tuple[float, float]], code: str) -> None:
    with pytest.raises(BadSource) as caught:
        plan_ranges(wanted, 60)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("cue", "pieces"),
    [
        ((12, 14), [(2, 4)]),
        ((5, 12), [(0, 2)]),
        ((42, 45), [(12, 15)]),
        ((18, 42), [(8, 12)]),  # over the cut: in one piece again
        ((25, 35), []),
        ((55, 70), []),
    ],
)
def test_places(cue: tuple[float, float], pieces: list[tuple[float, float]]) -> None:
    assert place((Range(10, 20), Range(40, 50)), *cue) == pieces


def test_without_a_cut_all_stays() -> None:
    assert place((), 3, 4) == [(3, 4)]


def test_what_goes_before_moves_everything() -> None:
    assert Timeline((Range(10, 20), Range(40, 50)), 5.0).place(15, 42) == [(10, 17)]
    assert Timeline(offset_s=2.0).place(3, 4) == [(5, 6)]
