import pytest

from pod_jobs.media.outputs.images import (
    Storyboard,
    best_first,
    build_pictures,
    build_vtt,
    contrast,
    plan_storyboard,
    thumbnail_source,
)
from tests.unit.media.samples import TOOLS, planned

LADDER = (planned(0, 640, 360), planned(1, 1280, 720), planned(2, 1920, 1080))


@pytest.mark.parametrize(
    ("duration_s", "interval_s", "tiles", "sheets"),
    [
        (10, 2, 5, 1),
        (42.4, 2, 22, 1),
        (200, 2, 100, 1),
        (201, 4, 51, 1),
        (600, 6, 100, 1),
        (1000, 10, 100, 1),
        (1001, 10, 101, 2),
        (4000, 10, 400, 4),
        (7200, 18, 400, 4),
        (36_000, 90, 400, 4),
    ],
)
def test_storyboards(duration_s: float, interval_s: int, tiles: int, sheets: int) -> None:
    board = plan_storyboard(duration_s, LADDER[0], keyframe_s=2)
    assert board and (board.interval_s, board.tiles, len(board.sheets)) == (interval_s, tiles, sheets)


def test_none_for_short_videos() -> None:
    assert plan_storyboard(9.9, LADDER[0], keyframe_s=2) is None


@pytest.mark.parametrize(("size", "tile"), [((640, 360), (160, 90)), ((360, 640), (90, 160)), ((480, 360), (120, 90))])
def test_tiles_keep_the_aspect(size: tuple[int, int], tile: tuple[int, int]) -> None:
    board = plan_storyboard(60, planned(0, *size), keyframe_s=2)
    assert board and (board.width_px, board.height_px) == tile


def test_cues_walk_the_grid_and_the_sheets() -> None:
    board = Storyboard(duration_s=1015.5, interval_s=10, tiles=102, width_px=160, height_px=90)
    cues = build_vtt(board).split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[12] == "00:01:50.000 --> 00:02:00.000\nstoryboard.jpg#xywh=160,90,160,90"
    assert cues[102].strip() == "00:16:50.000 --> 00:16:55.500\nstoryboard_2.jpg#xywh=160,0,160,90"
    assert len(cues) == 103


def test_an_hour_in_the_cue() -> None:
    board = Storyboard(duration_s=7200, interval_s=18, tiles=400, width_px=160, height_px=90)
    assert "01:00:00.000 --> 01:00:18.000" in build_vtt(board)


def test_one_command_for_all_pictures() -> None:
    board = plan_storyboard(42.4, LADDER[0], keyframe_s=2)
    argv = build_pictures(TOOLS, LADDER, 42.4, ["a.jpg", "b.jpg", "c.jpg"], board)
    assert [argv[n + 1] for n, word in enumerate(argv) if word == "-i"] == ["file:720p.m4s"] * 3 + ["file:360p.m4s"]
    assert [argv[n + 1] for n, word in enumerate(argv) if word == "-ss"] == ["10.600", "21.200", "31.800"]
    assert argv.count("nokey") == 1  # the storyboard reads all; a thumbnail stops at the key frame that it seeks
    assert any("trim=end_frame=22,scale=160:90" in word and "tile=10x3" in word for word in argv)


def test_thumbnails_come_from_720_lines_at_most() -> None:
    assert thumbnail_source(LADDER).name == "720p"
    assert thumbnail_source(LADDER[2:]).name == "1080p"


@pytest.mark.parametrize(
    ("grey", "least", "most"),
    [(b"", 0, 0), (bytes(64), 0, 0), (b"\xff" * 64, 0, 0), (b"\x10\x11" * 32, 0.1, 1), (b"\x00\xff" * 32, 100, 128)],
)
def test_contrast_is_nothing_for_a_blank_picture(grey: bytes, least: float, most: float) -> None:
    assert least <= contrast(grey) <= most


@pytest.mark.parametrize(
    ("contrasts", "order"),
    [([40, 50, 60], [0, 1, 2]), ([0, 50, 60], [1, 0, 2]), ([0, 1, 60], [2, 0, 1]), ([0, 2, 1], [1, 0, 2])],
)
def test_the_first_picture_that_shows_something_comes_first(contrasts: list[float], order: list[int]) -> None:
    assert best_first(contrasts) == order
