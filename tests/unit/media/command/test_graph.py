"""When a picture is made progressive, goes on, ends, is cut out and thinned."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.command import graph, placing
from pod_jobs.media.facts.media_info import AudioTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.frame_rate import ENDS_EARLY_S


def track(**more: Any) -> Any:
    usual = {"codec": "h264", "is_rgb": False, "has_alpha": False, "width_px": 640, "height_px": 360}
    return SimpleNamespace(**{**usual, "ends_early_s": None, **more})


@pytest.mark.parametrize(
    ("more", "is_done"),
    [
        ({}, True),
        *(({name: True}, False) for name in ("is_rgb", "has_alpha")),
        *(({side: graph.DEINTERLACED_PX}, True) for side in ("width_px", "height_px")),
        *(({side: graph.DEINTERLACED_PX - 1}, False) for side in ("width_px", "height_px")),
        *(({"codec": codec}, False) for codec in graph.PROGRESSIVE_CODECS),
    ],
)
def test_what_may_be_interlaced_is_made_progressive(more: dict[str, Any], is_done: bool) -> None:
    assert bool(graph.deinterlaced(track(**more))) is is_done


@pytest.mark.parametrize(
    ("still_until_s", "ends_early_s", "goes_on"),
    [(0.0, ENDS_EARLY_S, True), (9.0, ENDS_EARLY_S - 0.001, False), (9.0, None, False), (None, 60.0, False)],
)
def test_a_picture_that_stands_still_goes_on(still_until_s: float | None, ends_early_s: float, goes_on: bool) -> None:
    picture: Any = SimpleNamespace(still_until_s=still_until_s, track=track(ends_early_s=ends_early_s))
    assert [line.startswith("tpad=") for line in graph._lasting(picture)] == [True] * goes_on


@pytest.mark.parametrize("lacks", ["", "rate", "lasts_s"])
def test_a_picture_at_a_constant_rate_lasts_as_long_as_it_has_to(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "held", lambda end_s, rate, most: [f"{end_s:g} at {rate}"])
    fields = {"rate": Fraction(25), "lasts_s": 60.0, "chunk": None, "most_held_s": 5}
    picture: Any = SimpleNamespace(**{**fields, lacks or "x": None})
    assert graph._ending(picture) == ([] if lacks else ["60 at 25"])
    if not lacks:
        for duration_s, ends in ((None, "40 at 25"), (8.0, "8 at 25")):
            picture.chunk = SimpleNamespace(start_s=20.0, duration_s=duration_s)
            assert graph._ending(picture) == [ends]


def chunk(number: int, duration_s: float | None) -> Any:
    return SimpleNamespace(number=number, duration_s=duration_s, half_frame_s=0.02)


@pytest.mark.parametrize(
    ("number", "duration_s", "rate", "filters"),
    [
        (0, None, None, []),
        (0, 8.0, None, ["trim=end=7.980000"]),
        (1, None, None, ["trim=start=-0.020000"]),
        (2, 8.0, None, ["trim=start=-0.020000:end=7.980000"]),
        (0, 8.0, Fraction(25), []),
        (1, 8.0, Fraction(25), [f"setpts='PTS-if(lt(T,-0.020000),{graph.FAR_S}/TB,0)'"]),
    ],
)
def test_a_chunk_is_cut_out(number: int, duration_s: float | None, rate: Fraction | None, filters: list[str]) -> None:
    part: Chunk = chunk(number, duration_s)
    assert graph._part(part, rate) == filters


def test_only_a_source_that_is_faster_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    for fps, is_thinned in ((25.0, False), (25 * graph.CROWDED, False), (25 * graph.CROWDED + 0.01, True)):
        monkeypatch.setattr(graph, "busiest_fps", lambda _, fps=fps: fps)
        assert bool(graph.thinned(track(), Fraction(25))) is is_thinned


@pytest.mark.parametrize(("channels", "has_places", "is_summed"), [(8, True, False), (9, True, True), (4, False, True)])
def test_only_channels_that_stand_for_no_places_are_added_up(channels: int, has_places: bool, is_summed: bool) -> None:
    track = AudioTrack(1, "flac", channels, 48_000, "", True, has_places=has_places)
    assert ("pan=stereo" in graph.added_up(track)) is is_summed
