"""What phones, cameras, recorders and browsers make, and most encoders get wrong: generated clips, encoded whole."""

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.integration.media.conftest import EncodeOnce
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=25, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=LIMITS)


def frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def corners(path: Path) -> str:
    """The colours of a picture's corners, by line: "rb/bb" has red above left."""
    picture = next(frames(path)).to_image()
    places = [
        [picture.getpixel((int(x * picture.width), int(y * picture.height))) for x in (0.1, 0.9)] for y in (0.1, 0.9)
    ]
    return "/".join("".join("r" if r > b else "b" for r, _, b in line) for line in places)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("mirrored.mp4", "br/bb"),
        ("upside_down.mp4", "bb/br"),
        ("tilted.mp4", "rb/bb"),
        ("hlg.mkv", "rb/bb"),
        ("sdr_10bit.mkv", "rb/bb"),
        ("411.mkv", "rb/bb"),
        ("422.mov", "rb/bb"),
        ("lossless.avi", "rb/bb"),
        ("mjpeg.avi", "rb/bb"),
        ("two_pictures.mkv", "rb/bb"),  # the larger one
    ],
)
def test_pictures_are_as_seen(encoded: EncodeOnce, name: str, seen: str) -> None:
    result, folder = encoded(name)
    assert [remark.code for remark in result.warnings] == (
        ["warning-more-pictures"] if name == "two_pictures.mkv" else []
    )
    assert result.facts["video"]["hdr"] == ("hlg" if name == "hlg.mkv" else "")
    assert corners(folder / "90p.mp4") == seen
    assert next(frames(folder / "90p.mp4")).format.name == "yuv420p"


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("resized.ts", 4),
        ("turning_rgb.ts", 4),
        ("restarted.ts", 4),
        ("an_hour_late.ts", 2),
        ("an_hour_late.mkv", 2),
        ("silent_six.mp4", 2),
        ("lying_rate.mkv", 2),
        ("old.avi", 2),
        ("old.wmv", 2),
        ("old.flv", 2),
        ("camera.mxf", 2),
        ("opus.ogg", 2),
    ],
)
def test_times_are_as_seen(encoded: EncodeOnce, name: str, seconds: float) -> None:
    result, folder = encoded(name)
    assert result.warnings == ()
    assert result.duration_s == pytest.approx(seconds, abs=0.15)
    if result.is_video:
        (track,) = read_tracks(folder / "90p.m4s")
        assert track.samples == pytest.approx(seconds * (24 if name == "lying_rate.mkv" else 25), abs=3)


def test_hdr_becomes_sdr_of_the_same_colour_in_short_segments(encoded: EncodeOnce) -> None:
    """The green of sRGB, at 100 cd/m2: in BT.2020 it has a third as much red; left there, it would be olive."""
    result, folder = encoded("green_pq.mkv")
    assert result.facts["video"]["hdr"] == "pq"
    red, green, blue = next(frames(folder / "90p.mp4")).to_image().getpixel((80, 45))
    assert (green > 120, red < 40, blue < 40) == (True, True, True), (red, green, blue)
    segments = parse_playlist((folder / "90p.m3u8").read_text()).segments
    assert [round(segment.duration_s, 2) for segment in segments] == [2, 2, 1]


def test_silent_six_channels_become_two(encoded: EncodeOnce) -> None:
    with av.open(str(encoded("silent_six.mp4")[1] / "90p.mp4")) as mp4:
        assert [stream.channels for stream in mp4.streams.audio] == [2]


def test_damage_is_placed_and_what_was_saved_is_said(encoded: EncodeOnce) -> None:
    result, _ = encoded("spoilt.mkv")
    (warning,) = result.warnings
    assert warning.code in ("warning-faults", "warning-damaged")
    minutes, seconds = map(int, warning.facts["at"].split(":"))
    assert minutes == 0
    assert 1 <= seconds <= 40
    assert warning.facts["present"] == "0:40"


def test_a_pause_of_the_time_stamps_costs_no_memory(tools: Tools, tmp_path: Path) -> None:
    """A recorder that writes no frame while nothing moves: filled up in a filter, ten minutes of pause are gigabytes."""
    source, folder = tmp_path / "pause.mp4", tmp_path / "out"
    folder.mkdir()
    filters = "setpts='(PTS+if(gt(T,2),600/TB,0))+random(1)*0.06/TB'"
    picture = ["-f", "lavfi", "-i", "testsrc=s=640x360:r=15:d=4", "-vf", filters, "-enc_time_base", "1:90000"]
    command = [
        tools.ffmpeg,
        "-v",
        "error",
        *picture,
        "-fps_mode",
        "passthrough",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ]
    subprocess.run([*command, "-video_track_timescale", "90000", str(source)], check=True, timeout=60)
    made = encode(source, folder, PLAN, tools, lambda progress: None)
    assert 600 < made.duration_s < 610
    own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000  # a child counts with what it was forked from
    assert made.peak_mb < 300 + own_mb
