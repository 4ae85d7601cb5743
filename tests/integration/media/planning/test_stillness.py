"""A picture that stands still: few frames, and at each instant what the source shows."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.integration.media.conftest import EncodeOnce
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=20, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
TOP = Rendition("180p", 180, crf=20, preset="veryfast", maxrate_kbps=9000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW, TOP), mp3_kbps=64, limits=LIMITS)
MOVING = (*range(40), *range(141, 170), 298, 299)  # frames of slides.mp4


def shown(path: Path) -> list[tuple[float, bytes]]:
    """(seconds from the start, small picture) of each frame."""
    with av.open(str(path)) as container:
        frames = [(f.time, bytes(f.reformat(64, 36, "gray").planes[0])) for f in container.decode(video=0)]
    return [(time - frames[0][0], picture) for time, picture in frames]


def difference(one: bytes, other: bytes) -> float:
    """Mean over the pixels, of 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def test_each_change_is_shown_at_its_time(clips: Clips, encoded: EncodeOnce) -> None:
    source = shown(clips.path("slides.mp4"))
    _, folder = encoded("slides.mp4")
    for rung in (LOW, TOP):
        frames = shown(folder / f"{rung.name}.mp4")
        assert len(MOVING) <= len(frames) < len(source) / 2
        times = {round(time * 25) for time, _ in frames}
        assert set(MOVING) <= times
        for time, picture in source:
            seen = max((one for one in frames if one[0] < time + 0.02), key=lambda one: one[0])[1]
            assert difference(seen, picture) < 4, f"{rung.name} at {time:.2f} s"


def test_a_change_of_two_pixels_in_a_corner_is_one(encoded: EncodeOnce) -> None:
    _, folder = encoded("specks.mp4")
    times = {round(time * 25) for time, _ in shown(folder / "180p.mp4")}
    assert {25, 35, 75, 85, 125, 135, 175, 185} <= times
    assert len(times) < 80


def test_key_frames_segments_and_duration_are_those_of_any_video(encoded: EncodeOnce) -> None:
    result, folder = encoded("slides.mp4")
    assert result.duration_s == pytest.approx(12, abs=0.3)
    for rung in (LOW, TOP):
        with av.open(str(folder / f"{rung.name}.m4s")) as container:
            keys = [f.time for f in container.decode(video=0) if f.key_frame]
        assert [round(key - keys[0], 2) for key in keys] == [0, 2, 4, 6, 8, 10]
        segments = parse_playlist((folder / f"{rung.name}.m3u8").read_text()).segments
        assert [segment.duration_s for segment in segments] == pytest.approx([4, 4, 4], abs=0.3)
    assert "FRAME-RATE=25.000" in (folder / "master.m3u8").read_text()


def test_key_frames_keep_their_places_where_nothing_ever_moves(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    """Decoding times run ahead of frames that go both ways: too few of them, and they push the key frame away."""
    plan = replace(PLAN, renditions=(LOW, replace(TOP, preset="medium")), with_extras=False)
    encode(clips.path("bars.mp4"), tmp_path, plan, tools, lambda _: None)
    for rung in (LOW, TOP):
        with av.open(str(tmp_path / f"{rung.name}.mp4")) as container:
            keys = [f.time for f in container.decode(video=0) if f.key_frame]
        assert keys == pytest.approx([*range(0, 20, 2)])


def test_a_copied_picture_keeps_its_frames(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    result = encode(
        clips.path("slides.mp4"), tmp_path, replace(PLAN, copy_top=True, segment_s=8), tools, lambda _: None
    )
    assert result.warnings == ()
    low, top = (read_tracks(tmp_path / f"{rung.name}.m4s")[0].samples for rung in (LOW, TOP))
    assert (low < 150, top) == (True, 300)


def test_a_picture_that_ends_before_its_sound_is_held_to_its_end(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    """A copy could not be held: it is encoded."""
    plan = replace(PLAN, copy_top=True, segment_s=8)
    encode(clips.path("outlasted.mp4"), tmp_path, plan, tools, lambda _: None)
    low, top, sound = (read_tracks(tmp_path / f"{name}.m4s")[0] for name in ("90p", "180p", "audio"))
    assert low.samples == top.samples < 80
    assert [low.duration_s, top.duration_s, sound.duration_s] == pytest.approx([8, 8, 8], abs=0.05)
    last = shown(clips.path("outlasted.mp4"))[-1][1]
    assert all(difference(picture, last) < 4 for time, picture in shown(tmp_path / "180p.mp4") if time > 5.6)
