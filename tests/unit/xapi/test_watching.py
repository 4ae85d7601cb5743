"""Viewers, days and the heat map of a video, from the segments that were watched."""

import time
from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from pod_jobs.xapi.segments import Segment, union
from pod_jobs.xapi.watching import Attempt, Day, Viewer, days, slices, viewers

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def attempt(viewer: str, *segments: Segment, day: date = MONDAY, completed: bool = False) -> Attempt:
    return Attempt(viewer, day, segments, completed)


def test_each_slice_tells_watched_again_and_skipped() -> None:
    """Zoé watches 0 to 20, jumps to 30, and watches 5 to 15 again; Noé watches the first 10 s; Max nothing."""
    attempts = [attempt("zoé", (0, 20), (30, 40), (5, 15)), attempt("noé", (0, 10)), attempt("max")]
    found = slices(attempts, 50, 10)
    assert [one.watched for one in found] == [2, 2, 1, 1, 0, 0, 1, 1, 0, 0]
    assert [one.again for one in found] == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [one.skipped for one in found] == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0], "what comes after the end is not skipped"
    assert (found[1].begin_s, found[1].end_s) == (5, 10)


def test_a_touch_is_not_watching() -> None:
    assert [one.watched for one in slices([attempt("a", (0, 5.2))], 10, 2)] == [1, 0]
    assert [one.watched for one in slices([attempt("a", (0, 0.06))], 1, 10)] == [1, *[0] * 9], "half of a short slice"


def test_segments_that_end_after_the_video_do_no_harm() -> None:
    assert [one.watched for one in slices([attempt("a", (0, 10.02), (90, 99))], 10, 2)] == [1, 1]


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)).map(lambda pair: (min(pair) / 10, max(pair) / 10))),
    st.integers(1, 12),
)
def test_slices_are_those_of_a_count_by_hand(segments: list[Segment], count: int) -> None:
    step = 10 / count
    enough = min(0.5, step / 2)

    def held(begin: float, end: float, index: int) -> float:
        return max(0.0, min(end, (index + 1) * step) - max(begin, index * step))

    for one in slices([attempt("a", *segments)], 10, count):
        index = round(one.begin_s / step)
        alone = [held(*segment, index) for segment in segments]
        together = sum(held(*segment, index) for segment in union(segments))
        assume(all(abs(seconds - enough) > 1e-6 for seconds in (*alone, together)))
        assert one.watched == (together >= enough)
        assert one.again == (one.watched and sum(seconds >= enough for seconds in alone) > 1)


def test_many_segments_take_no_time() -> None:
    started = time.process_time()
    slices([attempt("a", *[(0.0, 3599.0)] * 50_000)], 3600, 200)
    assert time.process_time() - started < 1.5, "each is looked at once, however long it is"


def test_a_viewer_is_counted_once_with_all_attempts() -> None:
    attempts = [
        attempt("zoé", (0, 20)),
        attempt("zoé", (10, 40), day=TUESDAY, completed=True),
        attempt("noé", (0, 60)),
    ]
    assert viewers(attempts, 50) == [Viewer("noé", 1, 1.0, False, MONDAY), Viewer("zoé", 2, 0.8, True, TUESDAY)]
    assert days(attempts) == [Day(TUESDAY, 1, 1, 1, 30), Day(MONDAY, 2, 2, 0, 80)]
    assert (viewers([], 50), days([])) == ([], [])


def test_half_a_second_is_enough() -> None:
    assert [one.again for one in slices([attempt("a", (0, 0.5), (0, 0.5))], 10, 2)] == [1, 0]
    assert [one.again for one in slices([attempt("a", (0, 0.49), (0, 0.5))], 10, 2)] == [0, 0]
    assert [one.again for one in slices([attempt("a", (4.5, 5.5), (4.5, 5.5))], 10, 2)] == [1, 1]
