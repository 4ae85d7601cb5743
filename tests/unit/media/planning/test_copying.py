"""Which sources may stand for their top rendition as they are."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.command.colours import resized
from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.copying import may_copy
from pod_jobs.media.planning.limits import Source
from pod_jobs.media.planning.streams import Picture
from tests.unit.media.samples import LIMITS, TOOLS, planned, video

TOP = planned(2, 1920, 1080)


def media(**facts: Any) -> MediaInfo:
    track = video(**{"level": 40, "longest_gap_s": 5.0, "kbps": 3000.0, **facts})
    return MediaInfo("mov,mp4", 1000, 60.0, 60.0, track, (), None, ())


def test_a_web_safe_source_is_copied() -> None:
    assert may_copy(media(), TOP, None, 4)


@pytest.mark.parametrize(
    "facts",
    [
        {"codec": "hevc"},
        {"profile": "High 10"},
        {"profile": "High 4:2:2"},
        {"pix_fmt": "yuv420p10le"},
        {"pix_fmt": "yuvj420p", "full_range": True},
        {"interlaced": True},
        {"hdr": "hlg"},
        {"primaries": 9},
        {"matrix": 9},
        {"matrix": 8},
        {"transfer": 8},
        {"sar": (4, 3)},
        {"shapes": ((2.0, 1.333),)},
        {"rotation_deg": 90},
        {"rotation_deg": 180},
        {"mirrored": True},
        {"level": 0},
        {"level": 51},
        {"longest_gap_s": 0.0},
        {"longest_gap_s": 8.5},
        {"kbps": 0.0},
        {"kbps": 4600.0},
        {"start_s": 0.5},
        {"hides_frames": True},
        {"width_px": 2560, "height_px": 1440},
        {"width_px": 1919},
    ],
)
def test_all_else_is_encoded(facts: dict[str, Any]) -> None:
    assert not may_copy(media(**facts), TOP, None, 4)


def test_also_what_the_container_or_the_plan_forbids() -> None:
    assert not may_copy(media(), TOP, Fraction(25), 4)
    assert not may_copy(replace(media(), container="matroska,webm"), TOP, None, 4)
    assert not may_copy(replace(media(), claimed_s=100.0), TOP, None, 4)
    assert not may_copy(replace(media(), video=None), TOP, None, 4)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"matrix": 2, "primaries": 2, "transfer": 2}, "matrix_coefficients=1"),
        ({"matrix": 2, "primaries": 2, "transfer": 2, "width_px": 640, "height_px": 360}, "matrix_coefficients=6"),
        (
            {"matrix": 5, "primaries": 5, "transfer": 6},
            "colour_primaries=1:transfer_characteristics=1:matrix_coefficients=5",
        ),
        ({"says_range": False}, "video_full_range_flag=0"),
    ],
)
def test_a_copy_says_its_colours(facts: dict[str, Any], words: str) -> None:
    """As players understand them at the source's size: they would guess otherwise at another one."""
    picture = Picture(video(**{"transfer": 1, **facts}), (planned(0, 640, 360), TOP), None, 2, copies_top=True)
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), picture, [], 4)
    stamp = argv[argv.index("-bsf:v:1") + 1] if "-bsf:v:1" in argv else ""
    assert words in stamp
    assert bool(stamp) == bool(words)


def test_the_copy_in_the_pass() -> None:
    picture = Picture(video(transfer=1), (planned(0, 640, 360), TOP), None, 2, copies_top=True)
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), picture, [], 4)
    graph = argv[argv.index("-filter_complex") + 1]
    assert graph.startswith("[0:0]scale=")
    assert graph.endswith(f",split=1[s0];[s0]{resized(640, 360)},format=yuv420p,setsar=1[v0]")
    at = argv.index("[v0]")
    assert argv[at + 1 : at + 3] == ["-map", "0:0"]
    assert argv[argv.index("-c:v:1") + 1] == "copy"
    assert "-crf:v:1" not in argv
    assert "v:0,name:360p v:1,name:1080p" in argv
    alone = build_encode(TOOLS, LIMITS, Source("/s", "mov"), replace(picture, renditions=(TOP,)), [], 4)
    assert not {"libx264", "-filter_complex"} & set(alone)
    decode_only = ["-map", "0:0", "-fps_mode", "passthrough", "-f", "null", "-"]
    assert alone[-len(decode_only) :] == decode_only  # damage shows only where something is decoded
