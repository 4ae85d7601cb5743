"""Where pictures go on a canvas, and which inputs a scene reads."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.cut import Range
from pod_jobs.media.planning.dressing import Studio
from pod_jobs.media.planning.layouts import layout_named
from pod_jobs.media.planning.places import Span, Voice
from pod_jobs.media.planning.scene import Box, Cast, Feed, fitted, plan_scene
from tests.unit.media.samples import SOUND_TRACK, video


def feed(name: str, width: int, height: int, duration_s: float = 60, **facts: Any) -> Feed:
    sounds = (SOUND_TRACK,) if facts.pop("sound", True) else ()
    return Feed(Path(name), MediaInfo("mov,mp4", 1, duration_s, None, video(width, height, **facts), sounds, None, ()))


@pytest.mark.parametrize(
    ("picture", "box"),
    [
        ((1920, 1080), Box(0, 0, 640, 360)),
        ((400, 400), Box(140, 0, 360, 360)),
        ((3840, 800), Box(0, 112, 640, 134)),
        ((10, 9000), Box(320, 0, 2, 360)),
    ],
)
def test_a_picture_fits_with_bars(picture: tuple[int, int], box: Box) -> None:
    assert fitted(picture, Box(0, 0, 640, 360)) == box


def test_the_canvas_of_two_recordings_has_the_lines_of_the_smaller_one() -> None:
    phone = feed("phone", 1080, 1920)
    assert Cast(feed("slides", 1920, 1080), phone).size == (1920 + 608, 1080)
    assert Cast(feed("slides", 1920, 1080), phone, "pip-top-right").size == (1920, 1080)
    turned = feed("turned", 1920, 1080, rotation_deg=90)
    assert Cast(turned).size == (1080, 1920)


def test_an_inset_is_a_quarter_as_high_and_at_most_a_third_as_wide() -> None:
    def inset(main: Feed, second: Feed, size: tuple[int, int]) -> Box:
        scene = plan_scene(Cast(main, second, "pip-bottom-right"), (), size, Fraction(25), [])
        return scene.recorded[1].box

    assert inset(feed("a", 1920, 1080), feed("b", 640, 480), (1280, 720)) == Box(
        1280 - 240 - 14, 720 - 180 - 14, 240, 180
    )
    assert inset(feed("a", 1080, 1920), feed("b", 1920, 1080), (720, 1280)).width_px == 240


def test_a_recording_that_has_ended_is_not_read_for_a_later_range() -> None:
    cast = Cast(feed("main", 640, 360, 60), feed("second", 640, 360, 30), opening=feed("o", 9, 9, 5, sound=False))
    ranges = (Range(10, 20), Range(40, 50))
    scene = plan_scene(cast, ranges, (640, 360), Fraction(25), [(SOUND_TRACK, -3.0)])
    assert [(one.path, one.seek_s) for one in scene.inputs] == [
        *[("o", 0.0), ("main", 10.0), ("main", 40.0), ("main", 10.0), ("second", 10.0)]  # the third main is heard
    ]
    main, second = scene.recorded
    assert [clip.reading and clip.reading.spans for clip in main.clips] == [(Span(0, 10, 5),), (Span(0, 10, 15),)]
    assert [clip.reading and clip.reading.spans for clip in second.clips] == [(Span(0, 10, 5),)]
    assert (main.hidden, second.hidden) == ((), ((15.0, 25.0),))
    assert scene.voices == ((Voice(3, SOUND_TRACK, -10.0, (Span(0, 10, 5), Span(30, 40, 15)), -3.0),),)


def test_sound_is_that_of_the_first_file_that_has_any() -> None:
    silent = feed("main", 640, 360, sound=False)
    assert Cast(silent, feed("second", 640, 360)).speaker.path == Path("second")
    assert Cast(silent, ending=feed("ending", 640, 360)).speaker.path == Path("ending")
    assert Cast(silent).speaker is silent


def test_the_rate_is_that_of_the_smoother_recording() -> None:
    slides, camera = feed("slides", 640, 360, fps=5.0), feed("camera", 640, 360, fps=29.97)
    assert Cast(slides, camera).rate(60) == Fraction(30000, 1001)


def test_names_of_layouts() -> None:
    assert [layout_named(word) for word in ("mid", "piph", "pipb", "pip-top-left", "x", "")] == [
        "side", "pip-top-right", "pip-bottom-right", "pip-top-left", None, None,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="none of"):
        Studio(Path("x"), "mid")
