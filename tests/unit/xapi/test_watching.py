"""Viewers, days and the heat map of a video, from the segments that were watched."""

from datetime import date

from pod_jobs.xapi.segments import Segment
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


def test_a_viewer_is_counted_once_with_all_attempts() -> None:
    attempts = [
        attempt("zoé", (0, 20)),
        attempt("zoé", (10, 40), day=TUESDAY, completed=True),
        attempt("noé", (0, 60)),
    ]
    assert viewers(attempts, 50) == [Viewer("noé", 1, 1.0, False, MONDAY), Viewer("zoé", 2, 0.8, True, TUESDAY)]
    assert days(attempts) == [Day(TUESDAY, 1, 1, 1, 30), Day(MONDAY, 2, 2, 0, 80)]
    assert (viewers([], 50), days([])) == ([], [])
