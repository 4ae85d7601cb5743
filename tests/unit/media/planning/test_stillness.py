"""Of which pictures frames may be left out."""

from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.command.graph import video_graph
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.codecs import LIBSVTAV1, LIBX264, Encoder
from pod_jobs.media.planning.pace import paced
from pod_jobs.media.planning.stillness import without_repeats
from pod_jobs.media.planning.streams import Picture
from tests.unit.media.samples import planned, video


def still(encoder: Encoder = LIBX264, **facts: Any) -> Picture:
    """A minute of sound under a picture, with `facts` of it or of the file changed."""
    captions, is_cut = facts.pop("has_cea608", False), facts.pop("is_cut", False)
    track = video(**{"still_share": 0.9, **facts})
    media = MediaInfo("mov,mp4", 1000, 60.0, 60.0, track, (), None, (), has_cea608=captions)
    return paced(Picture(track, (planned(0, 640, 360),), None, 2, encoder=encoder), media, 60, is_cut=is_cut)


def test_a_picture_that_mostly_stands_still_is_one_to_its_end() -> None:
    assert still(still_share=0.5, ends_early_s=0.08).still_until_s == 59.92


def test_one_that_ends_before_its_sound_goes_on_to_the_end() -> None:
    picture = still(ends_early_s=10.0)
    assert (picture.rate, picture.still_until_s) == (None, 60.0)
    assert "tpad=stop_mode=clone:stop_duration=10.000000," in video_graph(picture)


def test_after_a_cut_it_is_the_encoder_that_holds_it() -> None:
    picture = still(ends_early_s=10.0, is_cut=True)
    assert (picture.rate, picture.still_until_s, picture.lasts_s) == (Fraction(25), None, 60.0)


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
        {"pause_s": 7.0},
        {"encoder": LIBSVTAV1},
    ],
)
def test_others_are_not(facts: dict[str, Any]) -> None:
    assert still(**facts).still_until_s is None


@pytest.mark.parametrize(("early_s", "most_s"), [(0.0, 2.0), (30.0, 32.0), (None, None)])
def test_a_damaged_picture_is_not_held_to_where_its_packets_end(early_s: float | None, most_s: float | None) -> None:
    picture = still(still_share=0.0, pause_s=7.0, ends_early_s=early_s)
    assert (picture.lasts_s, picture.most_held_s) == (60.0, most_s)


def test_a_chunk_keeps_the_frames_that_the_whole_keeps() -> None:
    chunk = Chunk(number=3, rate=Fraction(25), first_frame=200, frames=100, first_segment=2)
    picture = Picture(video(), (planned(0, 640, 360),), None, 2, still_until_s=30.0, chunk=chunk)
    shade = without_repeats(picture)[1]
    assert "mod(n+0,2)" in shade
    assert "lt(mod(t+8.000000,2),0.084000)" in shade
    assert "gte(t,21.836000)" in shade


def test_nothing_is_left_out_of_what_moves() -> None:
    assert without_repeats(Picture(video(), (planned(0, 640, 360),), None, 2)) == []
