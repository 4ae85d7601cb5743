"""Whose time stamps are kept, and which rate others get."""

from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.planning.frame_rate import constant_rate, fine_rate
from tests.unit.media.samples import video


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (video(fps=25, base_fps=25), None),
        (video(fps=27.417, base_fps=27.4167), None),
        (video(fps=27.5, base_fps=30), None),  # a phone that drops frames keeps its time
        (video(fps=14.98, base_fps=14.985), None),
        (video(fps=29.99, base_fps=60), Fraction(30)),
        (video(fps=25.01, base_fps=90_000), Fraction(25)),  # r_frame_rate lies
        (video(fps=12.2, base_fps=1000), Fraction(15)),
        (video(fps=240, base_fps=240), Fraction(60)),
        (video(fps=604, base_fps=600), Fraction(60)),
        (video(fps=29.97, base_fps=59.94, interlaced=True), Fraction(30000, 1001)),
        (video(fps=25, base_fps=25, start_s=1.5), Fraction(25)),  # filled up from 0
        (video(fps=6.7, base_fps=2, peak_fps=30.1), Fraction(30)),  # half of the time it idles
        (video(fps=6.7, base_fps=1000, peak_fps=31), Fraction(30)),  # a little faster for a second
        (video(fps=25, base_fps=25, peak_fps=50.3), Fraction(50)),
        (video(fps=25, base_fps=25, peak_fps=400), Fraction(60)),  # a burst after a jam
        (video(fps=29.97, base_fps=29.97, peak_fps=60, interlaced=True), Fraction(30000, 1001)),  # fields
        (video(fps=20, base_fps=30, pause_s=4.0), Fraction(30)),  # a frame that lasts long would misplace a segment
        (video(fps=29.97, base_fps=29.97, pause_s=None), Fraction(30000, 1001)),  # nobody looked
        (video(fps=25, base_fps=25, ends_early_s=4.0), Fraction(25)),
        (video(fps=25, base_fps=25, ends_early_s=None), Fraction(25)),
        (video(fps=25, base_fps=25, ends_early_s=0.05), None),
        (video(fps=5, base_fps=5, pause_s=0.2), None),
        (video(fps=1, base_fps=1, pause_s=1.0), Fraction(15)),  # slides: cut and segmented finer than a frame lasts
    ],
)
def test_frame_rates(source: Any, expected: Fraction | None) -> None:
    assert constant_rate(source, 60) == expected


def test_what_stands_still_may_end_early() -> None:
    assert constant_rate(video(fps=25, base_fps=25, ends_early_s=40.0), 60, stands_still=True) is None
    assert constant_rate(video(fps=25, base_fps=25, pause_s=7.0), 60, stands_still=True) == Fraction(25)


def test_kept_parts_of_a_slow_picture_begin_and_end_finely() -> None:
    slow = video(fps=10, base_fps=10)
    assert fine_rate(None, slow) == 20
    assert fine_rate(Fraction(5), slow) == 15
    assert fine_rate(Fraction(24000, 1001), slow) == Fraction(24000, 1001)
    assert fine_rate(None, video(fps=25, base_fps=25)) is None
