"""Cuts in one pass: picture, sound and captions are those of the kept parts."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import EncodePlan, Progress, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, copy_top=True, limits=LIMITS)


def flash_s(path: Path) -> tuple[float, float]:
    """When the picture becomes white, and black again."""
    with av.open(str(path)) as container:
        shown = [(one.time, one.to_image().convert("L").getpixel((9, 9)) > 128) for one in container.decode(video=0)]
    begin_s = next(time for time, is_white in shown if is_white)
    return begin_s, next(time for time, is_white in shown if time > begin_s and not is_white)


def tones(path: Path) -> list[float]:
    """From when to when there is sound."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return [frame.time for frame in frames if any(byte for byte in bytes(frame.planes[0])[:2000:7]) and loud(frame)]


def loud(frame: av.AudioFrame) -> bool:
    return max(map(abs, memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples])) > 0.03


@pytest.mark.parametrize(
    ("keep", "duration_s", "begins"),
    [
        (((0.5, 2.0),), 1.5, [0.5]),
        (((0.0, 0.5), (0.8, 1.5)), 1.2, [0.7]),
        (((0.8, 1.5), (1.5, 1.6), (0.0, 0.4)), 1.2, [0.6]),
        (((0.9, 1.5), (2.0, 3.0)), 1.6, [0.1]),
    ],
)
def test_picture_and_sound_are_cut_together(
    clips: Clips,
    tools: Tools,
    tmp_path: Path,
    keep: tuple[tuple[float, float], ...],
    duration_s: float,
    begins: list[float],
) -> None:
    """The flash is from 1.0 to 1.2 s of the source."""
    result = encode(clips.path("flash.mp4"), tmp_path, replace(PLAN, keep=keep), tools, lambda progress: None)
    assert result.warnings == ()
    assert result.duration_s == pytest.approx(duration_s, abs=0.12)
    (white_s, black_s), heard = flash_s(tmp_path / "90p.mp4"), tones(tmp_path / "90p.mp4")
    assert white_s == pytest.approx(begins[0], abs=0.06)
    assert black_s - white_s == pytest.approx(0.2, abs=0.05)
    assert heard[0] == pytest.approx(begins[0], abs=0.06)
    assert len(read_tracks(tmp_path / "90p.mp4")) == 2
    assert "-c:v copy" not in (tmp_path / "encoding.log").read_text()


@pytest.mark.parametrize("keep", [(), ((0.5, 2.0),)])
def test_only_a_whole_result_tells_the_length_of_its_source(
    clips: Clips, tools: Tools, tmp_path: Path, keep: tuple[tuple[float, float], ...]
) -> None:
    seen: list[Progress] = []
    encode(clips.path("flash.mp4"), tmp_path, replace(PLAN, keep=keep), tools, seen.append)
    assert seen[0].source_s is None
    assert seen[-1].source_s == (None if keep else pytest.approx(3.0, abs=0.1))


def test_captions_and_chapters_move_along(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    plan = replace(PLAN, keep=((0.0, 0.4), (1.1, 2.0)))
    encode(clips.path("talk.mkv"), tmp_path, plan, tools, lambda progress: None)
    captions = (tmp_path / "captions_fr.vtt").read_text()
    assert "Hello" not in captions
    assert "00:00:00.5" in captions  # 1.2 s of the source
    chapters = (tmp_path / "chapters.vtt").read_text()
    assert "00:00:00.000 --> 00:00:00.400\nPart" in chapters
    assert "00:00:00.400 --> 00:00:01.3" in chapters


def test_nothing_left(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(BadSource) as caught:
        encode(clips.path("flash.mp4"), tmp_path, replace(PLAN, keep=((50, 60),)), tools, lambda progress: None)
    assert caught.value.code == "source-cut-empty"


@pytest.mark.parametrize(("keep", "at"), [(((0.0, 3.0), (18.0, 24.0)), ["0:05"]), (((0.0, 3.0), (30.0, 33.0)), [])])
def test_damage_is_told_where_it_comes_to_lie(
    clips: Clips, tools: Tools, tmp_path: Path, keep: tuple[tuple[float, float], ...], at: list[str]
) -> None:
    """The damage is at 19.96 s of the source."""
    made = encode(clips.path("spoilt.mkv"), tmp_path, replace(PLAN, keep=keep), tools, lambda progress: None)
    assert [(warning.code, warning.facts["at"]) for warning in made.warnings] == [("warning-faults", one) for one in at]
