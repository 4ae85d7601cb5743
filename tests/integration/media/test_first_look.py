"""The first look at an upload: what it refuses, and what it tells of a good one before anything is encoded."""

import io
from pathlib import Path

import pytest
from PIL import Image

from pod_jobs.errors import BadSource
from pod_jobs.media.outputs.first_look import WIDTH_PX, first_look
from pod_jobs.media.process.tools import Tools
from tests.clips import H264, Clips, ffmpeg, pattern
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

BAD = {
    "no_moov.mp4": "source-unreadable",
    "no_streams.mp4": "source-no-streams",
    "magicyuv.mkv": "source-unsupported-codec",
    "huge.mkv": "source-too-many-pixels",
    "late_lie_40h.mp4": "source-too-long",
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_encoded_is_refused_as_the_encoding_would(name: str, clips: Clips, tools: Tools) -> None:
    with pytest.raises(BadSource) as refused:
        first_look(clips.path(name), tools, LIMITS, lambda: None)
    assert refused.value.code == BAD[name]


@pytest.mark.parametrize("name, has_picture", [("plain.mp4", True), ("hdr.mp4", True), ("opus.ogg", False)])
def test_a_good_one_is_told_at_once(name: str, has_picture: bool, clips: Clips, tools: Tools) -> None:
    found = first_look(clips.path(name), tools, LIMITS, lambda: None)
    assert found.duration_s == pytest.approx(1.5, abs=0.7) and found.facts["bytes"] == clips.path(name).stat().st_size
    assert found.is_video is has_picture
    if not has_picture:
        assert found.picture is None
        return
    with Image.open(io.BytesIO(found.picture or b"")) as picture:
        assert picture.format == "JPEG" and 0 < picture.width <= WIDTH_PX
        assert max(picture.convert("L").tobytes()) > 100, "it shows nothing"


def test_the_picture_is_the_first_that_shows_something(tmp_path: Path, tools: Tools) -> None:
    black = "drawbox=color=black:t=fill:enable='lt(t,2)'"
    made = tmp_path / "begins in black.mp4"
    ffmpeg(*pattern("160x90", seconds=10), "-vf", black, *H264, "-g", "25", str(made))
    found = first_look(made, tools, LIMITS, lambda: None)
    with Image.open(io.BytesIO(found.picture or b"")) as picture:
        assert max(picture.convert("L").tobytes()) > 100, "black"
    ffmpeg("-i", str(made), "-t", "2", *H264, str(tmp_path / "black.mp4"))
    assert first_look(tmp_path / "black.mp4", tools, LIMITS, lambda: None).picture, "a black one is better than none"
