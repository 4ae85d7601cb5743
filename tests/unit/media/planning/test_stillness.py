"""Of which pictures frames may be left out."""

from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.codecs import LIBSVTAV1, LIBX264, Encoder
from pod_jobs.media.planning.cut import Range, Timeline
from pod_jobs.media.planning.stillness import until_s, without_repeats
from pod_jobs.media.planning.streams import Picture
from tests.unit.media.samples import planned, video

WHOLE = Timeline()


def until(
    timeline: Timeline = WHOLE, rate: Fraction | None = None, encoder: Encoder = LIBX264, **facts: Any
) -> float | None:
    """Of a minute of sound under a picture whose last frame comes after 50 s, with `facts` of it or of the file changed."""
    captions = facts.pop("has_cea608", False)
    track = video(**{"still_share": 0.9, "last_s": 50.0, **facts})
    media = MediaInfo("mov,mp4", 1000, 60.0, 60.0, track, (), None, (), has_cea608=captions)
    return until_s(media, timeline, rate, encoder)


def test_a_picture_that_mostly_stands_still_is_one_to_its_end() -> None:
    assert until(still_share=0.5) == 50


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
        {"rate": Fraction(25)},
        {"encoder": LIBSVTAV1},
    ],
)
def test_others_are_not(facts: dict[str, Any]) -> None:
    assert until(**facts) is None


@pytest.mark.parametrize(("ranges", "end_s"), [([(10, 20), (45, 60)], 15), ([(10, 20), (30, 40)], 20), ([(52, 60)], 0)])
def test_the_end_of_what_is_kept(ranges: list[tuple[float, float]], end_s: float) -> None:
    assert until(Timeline(tuple(Range(*one) for one in ranges))) == end_s


def test_a_chunk_keeps_the_frames_that_the_whole_keeps() -> None:
    chunk = Chunk(number=3, rate=Fraction(25), first_frame=200, frames=100, first_segment=2)
    picture = Picture(video(), (planned(0, 640, 360),), None, 2, still_until_s=30.0, chunk=chunk)
    shade = without_repeats(picture)[1]
    assert "mod(n+0,2)" in shade
    assert "lt(mod(t+8.000000,2),0.084000)" in shade
    assert "gte(t,21.836000)" in shade


def test_nothing_is_left_out_of_what_moves() -> None:
    assert without_repeats(Picture(video(), (planned(0, 640, 360),), None, 2)) == []
