"""How what the child saw is judged; the seeing itself is in tests/integration."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import BadSource, OutOfResources
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.facts.times import clock
from pod_jobs.media.probing import probe
from pod_jobs.media.probing.probe import LEAST_SHARE, judge
from pod_jobs.media.process import guard
from tests.unit.media.samples import LIMITS


def track(kind: str = "video", **facts: Any) -> dict[str, Any]:
    frame = {
        "width_px": 640,
        "height_px": 360,
        "pix_fmt": "yuv420p",
        "interlaced": False,
        "rotation_deg": 0,
        "transfer": 1,
        "primaries": 1,
        "matrix": 1,
        "full_range": False,
        "says_range": True,
        "is_rgb": False,
        "has_alpha": False,
        "bits": 8,
    }
    if kind == "audio":
        frame = {"channels": 2, "sample_rate_hz": 48_000, "has_places": True}
    plain = {
        "index": 0,
        "kind": kind,
        "codec": "h264" if kind == "video" else "aac",
        "profile": "High",
        "codec_tag": "avc1",
        "language": "und",
        "default": True,
        "attached": False,
        "packets": 50,
        "frames": 50,
        "lasts_s": 2.0,
        "alpha_mode": False,
        "changes_colours": False,
        "index_fps": 25.0,
        "first_s": 0.0,
        "measured_fps": 25.0,
        "average_fps": 25.0,
        "base_fps": 25.0,
        "peak_fps": 25.0,
        "pause_s": 0.04,
        "ends_s": 2.0,
        "sar": [1, 1],
        "width_px": 640,
        "height_px": 360,
        "fault": "",
        "frame": frame,
    }
    return {**plain, **facts}


def judged(
    *tracks: dict[str, Any], claimed_s: float | None = 2.0, end_s: float = 2.0, start_s: float = 0.0, **facts: Any
) -> MediaInfo:
    numbered = [{**one, "index": n} for n, one in enumerate(tracks)]
    found = {
        "container": "mov",
        "claimed_s": claimed_s,
        "start_s": start_s,
        "end_s": end_s,
        "streams": numbered,
        **facts,
    }
    return judge(found, 1000, replace(LIMITS, max_duration_s=3600))


def refused(*tracks: dict[str, Any], **facts: Any) -> BadSource:
    with pytest.raises(BadSource) as caught:
        judged(*tracks, **facts)
    return caught.value


def test_what_a_picture_holds_comes_before_its_area() -> None:
    film = track(default=False)
    still, short = track(width_px=4000, frames=1), track(width_px=4000, lasts_s=0.5)
    slides = track(width_px=1000, frames=0, packets=2, default=False)
    for others, index in (([still], 0), ([short], 0), ([still, short, slides], 3)):
        media = judged(film, *others)
        assert media.video
        assert media.video.index == index


@pytest.mark.parametrize(
    ("programs", "sounds", "count"),
    [
        ([[0, 1], [2, 3]], [3, 4], 2),
        ([[0, 1, 4], [2, 3, 4]], [3, 4], 2),  # one sound is of both
        ([[0, 1, 4], [2, 3], [9]], [3], 2),  # one of data alone
        ([[2, 3]], [1, 3, 4], 1),
        ([], [1, 3, 4], 1),
    ],
)
def test_a_program_is_a_unit(programs: list[list[int]], sounds: list[int], count: int) -> None:
    tracks = [track(), track("audio"), track(width_px=1280), track("audio"), track("audio")]
    media = judged(*tracks, programs=programs)
    assert [sound.index for sound in media.audio] == sounds
    assert media.programs == count


def test_the_default_picture_wins_then_the_largest() -> None:
    small, large, other = track(width_px=10), track(width_px=2000, default=False), track(width_px=20)
    media = judged(small, large, other)
    assert media.video and media.video.index == 2


def test_an_empty_or_broken_second_track_is_left_out() -> None:
    empty = track(frame=None, packets=0, width_px=4000, height_px=3000)
    broken = track("audio", frame=None, fault="Invalid data", codec="wmav2")
    media = judged(empty, track(), broken)
    assert media.video and media.video.index == 1
    assert media.undecodable == (("audio", "wmav2"),)


@pytest.mark.parametrize(
    ("tracks", "lost"),
    [
        ([track(frame=None, fault="unsupported"), track(frames=1)], ("video",)),
        ([track(), track(frame=None, fault="unsupported")], ()),
        ([track(frame=None, fault="unsupported"), track("audio")], ("video",)),
        ([track("audio", frame=None, fault="unsupported"), track("audio")], ("audio",)),
        ([track("audio", frame=None, fault="unsupported", default=False), track("audio")], ()),
        ([track("audio", frame=None, packets=0), track("audio")], ()),
    ],
)
def test_it_is_known_when_another_track_is_taken_than_people_know(
    tracks: list[dict[str, Any]], lost: tuple[str, ...]
) -> None:
    assert judged(*tracks).lost == lost


@pytest.mark.parametrize(
    ("others", "container", "count"),
    [
        ([track(default=False)], "matroska,webm", 2),
        ([track(), track()], "mov", 3),
        ([track(default=False)], "mov", 1),  # disabled: depths of a telephone's camera
        ([track(frames=1), track(lasts_s=0.5)], "matroska,webm", 1),
    ],
)
def test_pictures_that_are_not_taken_are_counted(others: list[dict[str, Any]], container: str, count: int) -> None:
    assert judged(track(), *others, container=container).pictures == count


@pytest.mark.parametrize(
    ("codecs", "has_more"), [(["subrip"] * 16, False), (["subrip"] * 17, True), (["subrip", "hdmv_pgs_subtitle"], True)]
)
def test_subtitles_that_are_left_out_are_known(codecs: list[str], has_more: bool) -> None:
    media = judged(track(), *(track(kind="subtitle", codec=codec, frame=None) for codec in codecs))
    assert media.has_more_subtitles == has_more


def test_a_cover_is_no_picture() -> None:
    media = judged(track("audio"), track(codec="mjpeg", attached=True))
    assert media.video is None
    assert media.cover_index == 1


def test_the_start_of_the_file_is_taken_off() -> None:
    media = judged(track(first_s=3600.5), start_s=3600.0, end_s=3610.0, claimed_s=10.0)
    assert media.duration_s == 10.0
    assert media.video and media.video.start_s == 0.5


@pytest.mark.parametrize(
    ("tracks", "facts", "code"),
    [
        ([], {}, "source-no-streams"),
        ([track(kind="subtitle")], {}, "source-no-streams"),
        ([track(attached=True)], {}, "source-no-streams"),
        ([track(frame=None, fault="Invalid data found")], {}, "source-damaged"),
        ([track(frame=None, codec="", fault="unsupported")], {}, "source-unsupported-codec"),
        ([track(codec_tag="encv")], {}, "source-protected"),
        ([track(width_px=7000, height_px=6000)], {}, "source-too-many-pixels"),
        ([track(width_px=16_000, height_px=20)], {}, "source-too-many-pixels"),
        ([track(), *[track("audio")] * 64], {}, "source-too-many-streams"),
        ([track()], {"end_s": 3601.0, "claimed_s": None}, "source-too-long"),
        ([track()], {"end_s": 3.0, "claimed_s": 144_000.0}, "source-incomplete"),
    ],
)
def test_refusals(tracks: list[dict[str, Any]], facts: dict[str, Any], code: str) -> None:
    error = refused(*tracks, **facts)
    assert error.code == code
    assert "?" not in error.sentence.replace("(?)", "")


@pytest.mark.parametrize(
    ("tracks", "facts"),
    [
        ([track(), *[track("audio")] * (LIMITS.max_streams - 1)], {}),
        ([track(width_px=6000, height_px=LIMITS.max_pixels // 6000)], {}),
        ([track(width_px=LIMITS.max_side_px, height_px=20)], {}),
        ([track()], {"end_s": 3600.0, "claimed_s": None}),
        ([track()], {"end_s": 100 * LEAST_SHARE, "claimed_s": 100.0}),
    ],
)
def test_what_just_meets_a_limit_is_taken(tracks: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    assert judged(*tracks, **facts).video


def test_a_picture_too_large_is_told_in_figures_alone() -> None:
    """Words in the facts of an error would stay English in every language."""
    assert refused(track(width_px=7000, height_px=6000)).facts == {"megapixels": "36", "side": "10000"}
    unknown = refused(track(frame=None, codec="", fault="unsupported"))
    assert unknown.facts == {"codec": "?"}


def test_a_lie_is_told_in_words() -> None:
    error = refused(track(), end_s=3.0, claimed_s=144_000.0)
    assert error.sentence == (
        "The file is incomplete: it should contain 40:00:00 and contains 0:03. Please upload it again."
    )


@pytest.mark.parametrize(("claimed_s", "end_s", "short"), [(100, 99, False), (100, 60, True), (None, 60, False)])
def test_a_recording_cut_short(claimed_s: float | None, end_s: float, short: bool) -> None:
    assert judged(track(), claimed_s=claimed_s, end_s=end_s).is_cut_short == short


@pytest.mark.parametrize(("transfer", "hdr"), [(16, "pq"), (18, "hlg"), (1, ""), (2, "")])
def test_hdr_is_in_the_frame(transfer: int, hdr: str) -> None:
    one = track()
    one["frame"]["transfer"] = transfer
    media = judged(one)
    assert media.video and media.video.hdr == hdr


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (83.4, "1:23"), (10.998, "0:11"), (7265, "2:01:05"), (144_000, "40:00:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("index", "measured", "average", "interlaced", "fps"),
    [
        (30.0, 25.0, 24.0, False, 30.0),
        (None, 25.0, 24.0, False, 25.0),
        (None, None, 24.0, False, 24.0),
        (None, None, None, False, 25.0),
        (50.0, 50.0, 25.0, True, 25.0),
        (50.0, 25.0, None, True, 50.0),
    ],
)
def test_the_rate_is_that_of_the_best_source(
    index: float | None, measured: float | None, average: float | None, interlaced: bool, fps: float
) -> None:
    picture = track(index_fps=index, measured_fps=measured, average_fps=average)
    picture["frame"]["interlaced"] = interlaced
    video = judged(picture).video
    assert video is not None and video.fps == fps


@pytest.mark.parametrize(
    ("returncode", "error"), [(-9, OutOfResources), (137, OutOfResources), (-11, BadSource), (1, BadSource)]
)
def test_a_child_that_is_killed_says_nothing_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returncode: int, error: type[Exception]
) -> None:
    """It is killed where memory is short; a crash may be the file's fault."""
    ended = SimpleNamespace(returncode=returncode, stderr="")
    monkeypatch.setattr(probe, "capture", lambda *_: (ended, ""))
    tools: Any = SimpleNamespace(demuxers=(), decoders=(), sandbox=guard.Sandbox("none"))
    with pytest.raises(error):
        probe._look(tmp_path / "a.mp4", tools, LIMITS, lambda: None)


@pytest.mark.parametrize(
    ("first_s", "start_s", "late_s"), [(1.5, 0.5, 1.0), (0.25, 0.5, 0.0), (None, 0.0, 0.0), (None, -1.0, 1.0)]
)
def test_a_track_begins_as_late_as_its_first_packet_and_never_before_the_file(
    first_s: float | None, start_s: float, late_s: float
) -> None:
    media = judged(track(first_s=first_s), track("audio", first_s=first_s), start_s=start_s, claimed_s=None)
    assert media.video and (media.video.start_s, media.audio[0].start_s) == (late_s, late_s)
