import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_jobs.media.planning.ladder import (
    LONGEST_ASPECT,
    SMALLEST_PX,
    Rendition,
    build_ladder,
    segment_s,
)
from tests.unit.media.samples import LADDER, video


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (video(1920, 1080), [("360p", 640, 360), ("720p", 1280, 720), ("1080p", 1920, 1080)]),
        (video(3840, 2160), [("360p", 640, 360), ("720p", 1280, 720), ("1080p", 1920, 1080)]),
        (video(1280, 720), [("360p", 640, 360), ("720p", 1280, 720)]),
        (video(1080, 1920), [("360p", 360, 640), ("720p", 720, 1280), ("1080p", 1080, 1920)]),  # portrait
        (video(1920, 1080, rotation_deg=-90), [("360p", 360, 640), ("720p", 720, 1280), ("1080p", 1080, 1920)]),
        (video(1920, 1080, rotation_deg=180), [("360p", 640, 360), ("720p", 1280, 720), ("1080p", 1920, 1080)]),
        (video(720, 576, sar=(16, 15)), [("360p", 480, 360)]),  # PAL 4:3
        (video(1440, 1080, sar=(4, 3)), [("360p", 640, 360), ("720p", 1280, 720), ("1080p", 1920, 1080)]),  # HDV
        (video(1916, 1072), [("360p", 644, 360), ("720p", 1286, 720), ("1080p", 1916, 1072)]),  # nearly 1080 lines
        (video(320, 240), [("360p", 320, 240)]),  # never upscaled, never nothing
        (video(2, 2), [("360p", 16, 16)]),
        (video(641, 481), [("360p", 480, 360)]),
        (video(16_000, 200), [("360p", 800, 16)]),
    ],
)
def test_renditions(source, expected) -> None:
    assert [(one.name, one.width_px, one.height_px) for one in build_ladder(source.display_size, LADDER)] == expected


@given(st.integers(1, 8000), st.integers(1, 8000), st.sampled_from([0, 90, 180, -90]))
def test_whatever_the_source(width: int, height: int, rotation: int) -> None:
    """Even sides, never larger than the source nor than the rung, the order of the rungs, at least one."""
    source = video(width, height, rotation_deg=rotation)
    ladder = build_ladder(source.display_size, LADDER)
    shorts = [min(one.width_px, one.height_px) for one in ladder]
    assert ladder
    assert shorts == sorted(shorts)
    for one in ladder:
        assert one.width_px % 2 == one.height_px % 2 == 0
        assert min(one.width_px, one.height_px) <= max(one.rung.height_px, SMALLEST_PX)
        assert max(one.width_px, one.height_px) <= LONGEST_ASPECT * one.rung.height_px
        for side, limit in zip((one.width_px, one.height_px), source.display_size, strict=True):
            assert side <= max(limit + 1, SMALLEST_PX)


@pytest.mark.parametrize("name", ["", "audio", "../x", "a b", "720p,x", "é"])
def test_a_name_that_cannot_be_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a rendition"):
        Rendition(name, 360, crf=18, preset="medium", maxrate_kbps=1000, audio_kbps=96, mp4=True)


@pytest.mark.parametrize(
    ("source", "expected_s"),
    [
        (None, 4),
        (video(1920, 1080), 4),
        (video(1080, 1920, fps=60.0), 4),
        (video(3840, 2160), 2),
        (video(1920, 1080, hdr="hlg"), 2),
    ],
)
def test_what_encodes_slowly_gets_short_segments(source, expected_s: int) -> None:
    assert segment_s(source, usual_s=4, keyframe_s=2) == expected_s
