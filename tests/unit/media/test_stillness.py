"""Of which pictures frames may be left out."""

from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.chunk_grid import Chunk
from pod_jobs.media.codecs import LIBSVTAV1, LIBX264
from pod_jobs.media.media_info import MediaInfo
from pod_jobs.media.stillness import stands_still, without_repeats
from pod_jobs.media.streams import Picture
from tests.unit.media.samples import planned, video


def media(has_cea608: bool = False, **facts: Any) -> MediaInfo:
    return MediaInfo("mov,mp4", 1000, 60.0, 60.0, video(**facts), (), None, (), has_cea608=has_cea608)


def test_a_picture_that_mostly_stands_still_is_one() -> None:
    assert stands_still(media(still_share=0.5), None, LIBX264)


@pytest.mark.parametrize(
    "facts",
    [
        {"still_share": 0.49},
        {"pix_fmt": "yuv420p10le"},
        {"pix_fmt": "rgb24"},
        {"hdr": "pq"},
        {"width": 1919},
        {"height": 1079},
        {"has_cea608": True},
    ],
)
def test_others_are_not(facts: dict[str, Any]) -> None:
    assert not stands_still(media(**{"still_share": 0.9, **facts}), None, LIBX264)


def test_every_frame_stays_where_they_are_counted() -> None:
    assert not stands_still(media(still_share=0.9), Fraction(25), LIBX264)
    assert not stands_still(media(still_share=0.9), None, LIBSVTAV1)


def test_a_chunk_keeps_the_frames_that_the_whole_keeps() -> None:
    chunk = Chunk(number=3, rate=Fraction(25), first_frame=200, frames=100, first_segment=2)
    picture = Picture(video(), (planned(0, 640, 360),), None, 2, still_until_s=30.0, chunk=chunk)
    shade = without_repeats(picture)[1]
    assert "mod(n+0,2)" in shade
    assert "lt(mod(t+8.000000,2),0.084000)" in shade
    assert "gte(t,21.836000)" in shade


def test_nothing_is_left_out_of_what_moves() -> None:
    assert without_repeats(Picture(video(), (planned(0, 640, 360),), None, 2)) == []
