import pytest

from pod_jobs.media.planning.cut import Range
from pod_jobs.media.planning.places import NEAR_S, plan_readings


@pytest.mark.parametrize(
    ("demuxer", "begin_s", "first_s", "seek_s"),
    [
        ("mov", NEAR_S, 0.0, NEAR_S),
        ("mov", NEAR_S - 1, 0.0, 0.0),
        ("mov", NEAR_S + 4, 5.0, 0.0),
        ("mov", NEAR_S + 5, 5.0, NEAR_S + 5),
        ("mpegts", 100.0, 0.0, 0.0),
    ],
)
def test_a_key_frame_is_looked_for_where_an_index_leads_to_it(
    demuxer: str, begin_s: float, first_s: float, seek_s: float
) -> None:
    (reading,) = plan_readings([Range(begin_s, begin_s + 5)], demuxer, first_s=first_s)
    (span,) = reading.spans
    assert (reading.seek_s, span.begin_s, span.end_s) == (seek_s, begin_s - seek_s, begin_s + 5 - seek_s)


@pytest.mark.parametrize(("gap_s", "readings"), [(NEAR_S, 1), (NEAR_S + 1, 2)])
def test_ranges_far_apart_are_read_apart(gap_s: float, readings: int) -> None:
    assert len(plan_readings([Range(0, 5), Range(5 + gap_s, 20 + gap_s)], "mov")) == readings
