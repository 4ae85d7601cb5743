import pytest

from pod_jobs.media.planning.cut import Range
from pod_jobs.media.planning.places import NEAR_S, can_seek, plan_readings
from tests.unit.media.samples import video


@pytest.mark.parametrize(
    ("is_seekable", "begin_s", "first_s", "seek_s"),
    [
        (True, NEAR_S, 0.0, NEAR_S),
        (True, NEAR_S - 1, 0.0, 0.0),
        (True, NEAR_S + 4, 5.0, 0.0),
        (True, NEAR_S + 5, 5.0, NEAR_S + 5),
        (False, 100.0, 0.0, 0.0),
    ],
)
def test_a_key_frame_is_looked_for_where_an_index_leads_to_it(
    is_seekable: bool, begin_s: float, first_s: float, seek_s: float
) -> None:
    (reading,) = plan_readings([Range(begin_s, begin_s + 5)], is_seekable, first_s=first_s)
    (span,) = reading.spans
    assert (reading.seek_s, span.begin_s, span.end_s) == (seek_s, begin_s - seek_s, begin_s + 5 - seek_s)


@pytest.mark.parametrize(("gap_s", "readings"), [(NEAR_S, 1), (NEAR_S + 1, 2)])
def test_ranges_far_apart_are_read_apart(gap_s: float, readings: int) -> None:
    assert len(plan_readings([Range(0, 5), Range(5 + gap_s, 20 + gap_s)], is_seekable=True)) == readings


@pytest.mark.parametrize(
    ("demuxer", "leads", "leads_there"),
    [
        ("mov", True, True),
        ("mov", False, True),
        ("matroska", True, True),
        ("matroska", False, False),
        ("mpegts", True, False),
    ],
)
def test_matroska_is_searched_by_its_first_picture(demuxer: str, leads: bool, leads_there: bool) -> None:
    assert can_seek(demuxer, video(leads=leads)) == leads_there
    assert can_seek(demuxer, None) == (demuxer != "mpegts")


def test_pixels_that_change_their_shape_are_counted_from_the_start() -> None:
    assert not can_seek("mov", video(shapes=((2.0, 1.333),)))
