"""Whole encodes of generated clips, on every ffmpeg build of the machine; results read back with PyAV."""

import json
import shutil
import subprocess
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import av
import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import real_media
from tests.integration.media.conftest import EncodeOnce
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
HIGH = Rendition("180p", 180, crf=30, preset="ultrafast", maxrate_kbps=600, audio_kbps=96, mp4=True)
TOP = Rendition("360p", 360, crf=35, preset="ultrafast", maxrate_kbps=900, audio_kbps=96, mp4=False)
PLAN = EncodePlan((TOP, LOW, HIGH), mp3_kbps=64, limits=LIMITS)

# Real recordings that the benchmarks encode instead.
MINUTES_OF_WORK = (
    "long_1080p_6min_lowbitrate.mp4",
    "pod_1080p_vfr_talk.mp4",
    "pod_noduration_vp8_opus.webm",
    "talk_720p_42s.mp4",
)


def sizes(result: Encoded) -> dict[str, tuple[int, int]]:
    return {
        one.rendition: (one.width_px, one.height_px)
        for one in result.outputs
        if one.kind == "playlist" and one.rendition
    }


def frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def rgb(frame: av.VideoFrame, x: float, y: float) -> tuple[int, int, int]:
    """The colour at a place given as shares of width and height."""
    picture = frame.to_image()
    return picture.getpixel((int(x * picture.width), int(y * picture.height)))


def is_red(colour: tuple[int, int, int]) -> bool:
    return colour[0] > 180 and colour[2] < 80


def is_blue(colour: tuple[int, int, int]) -> bool:
    return colour[2] > 180 and colour[0] < 80


def test_a_plain_video_gives_all_outputs(encoded: EncodeOnce) -> None:
    result, folder = encoded("plain.mp4")
    assert sizes(result) == {"90p": (160, 90), "180p": (320, 180), "360p": (640, 360)}
    kinds = sorted(one.kind for one in result.outputs)
    assert kinds.count("mp4") == 2
    assert kinds.count("thumbnail") == 3
    assert {"hls", "mp3", "log", "segments"} <= set(kinds)
    assert {one.name for one in result.outputs} == {path.name for path in folder.iterdir()}
    assert all(one.bytes == (folder / one.name).stat().st_size for one in result.outputs)
    assert result.duration_s == pytest.approx(2, abs=0.1)
    assert result.warnings == ()
    assert result.cpu_s > 0
    assert result.peak_mb > 10
    assert json.loads(json.dumps(asdict(result)))["facts"]["video"]["codec"] == "h264"


def test_the_log_has_every_command(encoded: EncodeOnce) -> None:
    result, folder = encoded("plain.mp4")
    log = (folder / "encoding.log").read_text()
    assert len(result.commands) == 3
    assert all(command in log for command in result.commands)
    assert log.count("exit code 0") == 3


def test_downloads_hold_the_frames_of_the_stream(encoded: EncodeOnce) -> None:
    _, folder = encoded("plain.mp4")
    (hls,) = read_tracks(folder / "180p.m4s")
    video, sound = read_tracks(folder / "180p.mp4")
    assert (video.kind, video.samples, video.codecs) == ("vide", hls.samples, hls.codecs)
    assert sound.kind == "soun"
    data = (folder / "180p.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_key_frames_are_on_one_grid(encoded: EncodeOnce) -> None:
    _, folder = encoded("storyboard.mp4")
    for name in ("90p", "180p"):
        playlist = parse_playlist((folder / f"{name}.m3u8").read_text())
        assert [round(segment.duration_s, 3) for segment in playlist.segments] == [4, 4, 4, 4, 4, 1]
        keys = [frame.time for frame in frames(folder / f"{name}.mp4") if frame.key_frame]
        assert keys == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20])


def test_playlists_last_as_long_as_their_segments(encoded: EncodeOnce) -> None:
    """ffmpeg reckons the last segment by the nominal rate, and announces 0.4 s of these 3.7."""
    result, folder = encoded("slowing.mkv")
    assert result.duration_s == pytest.approx(7.7)
    for name in ("90p", "180p"):
        playlist = parse_playlist((folder / f"{name}.m3u8").read_text())
        assert [segment.duration_s for segment in playlist.segments] == pytest.approx([4, 3.7])
        assert playlist.ended


def test_the_master_announces_what_was_measured(encoded: EncodeOnce) -> None:
    _, folder = encoded("storyboard.mp4")
    master = (folder / "master.m3u8").read_text()
    playlist = parse_playlist((folder / "180p.m3u8").read_text())
    assert f"BANDWIDTH={playlist.peak_bps},AVERAGE-BANDWIDTH={playlist.average_bps},RESOLUTION=320x180" in master
    assert 'FRAME-RATE=5.000,CODECS="avc1.' in master
    assert "AUDIO=" not in master


def test_a_storyboard_and_its_text(encoded: EncodeOnce) -> None:
    result, folder = encoded("storyboard.mp4")
    assert [one.name for one in result.outputs if one.kind in ("storyboard", "sheet")] == [
        "storyboard.jpg",
        "storyboard.vtt",
    ]
    text = (folder / "storyboard.vtt").read_text()
    assert text.count("-->") == 11
    assert text.endswith("00:00:20.000 --> 00:00:21.000\nstoryboard.jpg#xywh=0,90,160,90\n")
    (sheet,) = frames(folder / "storyboard.jpg")
    assert (sheet.width, sheet.height) == (1600, 180)


def test_the_last_tile_of_a_storyboard_is_of_its_time(encoded: EncodeOnce) -> None:
    """Of the 11 tiles, one each 2 s, the last one is of 0.6 s."""
    sheet = next(frames(encoded("red_at_the_end.mp4")[1] / "storyboard.jpg"))
    assert (sheet.width, sheet.height) == (1600, 180)
    assert is_blue(rgb(sheet, 0.95, 0.25))
    assert is_red(rgb(sheet, 0.05, 0.75))


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("portrait.mp4", ("180p", (180, 320))),
        ("anamorphic.mp4", ("180p", (320, 180))),
        ("odd_444_10bit.mkv", ("180p", (320, 180))),
        ("tiny.mp4", ("90p", (64, 48))),
        ("banner.mp4", ("90p", (160, 16))),
        ("hdr.mp4", ("180p", (320, 180))),
        ("interlaced.ts", ("180p", (320, 180))),
        ("fast.mp4", ("180p", (320, 180))),
        ("irregular.mkv", ("180p", (320, 180))),
        ("slowing.mkv", ("180p", (320, 180))),
        ("no_duration.webm", ("180p", (320, 180))),
        ("late_sound.mkv", ("180p", (320, 180))),
        ("late_picture.mkv", ("180p", (320, 180))),
        ("two_sounds.mkv", ("180p", (320, 180))),
        ("full_range_mjpeg.mov", ("180p", (320, 180))),
        ("rgb.mkv", ("180p", (320, 180))),
    ],
)
def test_awkward_pictures(encoded: EncodeOnce, name: str, top: tuple[str, tuple[int, int]]) -> None:
    result, folder = encoded(name)
    assert list(sizes(result).items())[0 if top[0] == "180p" else -1] == top
    assert result.warnings == ()
    assert sum(one.kind == "thumbnail" for one in result.outputs) == 3
    first = next(frames(folder / f"{top[0]}.mp4"))
    assert first.format.name == "yuv420p"


@pytest.mark.parametrize("name", ["corner.mp4", "full_range_mjpeg.mov", "rgb.mkv"])
def test_colours_survive(encoded: EncodeOnce, name: str) -> None:
    first = next(frames(encoded(name)[1] / "180p.mp4"))
    assert is_red(rgb(first, 0.1, 0.1)), rgb(first, 0.1, 0.1)
    assert is_blue(rgb(first, 0.9, 0.1)), rgb(first, 0.9, 0.1)


@pytest.mark.parametrize(
    ("picture", "matrix"), [("180p.mp4", "bt709"), ("thumbnail_1.jpg", "bt601"), ("storyboard.jpg", "bt601")]
)
def test_pictures_have_the_colours_of_the_video(encoded: EncodeOnce, tools: Tools, picture: str, matrix: str) -> None:
    """Read as browsers do: a JPEG is BT.601, most recordings are BT.709."""
    path = encoded("green_709.mp4")[1] / picture
    graph = ("-vf", f"scale=16:16:in_color_matrix={matrix},format=rgb24", "-frames:v", "1", "-f", "rawvideo", "-")
    argv = (tools.ffmpeg, "-v", "error", "-i", str(path), *graph)
    pixels = subprocess.run(argv, capture_output=True, check=True, timeout=30).stdout
    assert list(pixels[:3]) == pytest.approx([0x3F, 0xD0, 0x98], abs=8)


def test_a_turned_phone_is_upright(encoded: EncodeOnce) -> None:
    """A quarter turn to the left brings the upper left corner to the lower left, in the MP4 and the thumbnail."""
    _, folder = encoded("portrait.mp4")
    for path in (folder / "180p.mp4", folder / "thumbnail_1.jpg"):
        first = next(frames(path))
        assert (first.width, first.height) == (180, 320)
        assert is_red(rgb(first, 0.1, 0.9)), path.name
        assert is_blue(rgb(first, 0.1, 0.1)), path.name


def test_frame_rates(encoded: EncodeOnce) -> None:
    """Fields become frames, 120 per second become 60, an irregular recording keeps its time."""
    for name, expected in (("interlaced.ts", 50), ("fast.mp4", 60), ("late_picture.mkv", 75)):
        (track,) = read_tracks(encoded(name)[1] / "180p.m4s")
        assert track.samples == pytest.approx(expected, abs=2), name
    result, _ = encoded("irregular.mkv")
    assert result.duration_s == pytest.approx(8, abs=0.3)


def test_sound_and_picture_agree(encoded: EncodeOnce) -> None:
    """White and loud from 1.0 s on: in the download, and in the segments, which every player starts at 0."""
    _, folder = encoded("flash.mp4")
    with av.open(str(folder / "180p.mp4")) as mp4:
        assert abs(flash_s(mp4) - beep_s(mp4)) < 0.05
    with av.open(str(folder / "180p.m4s")) as picture, av.open(str(folder / "audio.m4s")) as sound:
        assert flash_s(picture, from_first=True) == pytest.approx(1.0, abs=0.05)
        assert beep_s(sound, from_first=True) == pytest.approx(1.0, abs=0.05)


def flash_s(container: av.container.InputContainer, from_first: bool = False) -> float:
    first = None
    for frame in container.decode(video=0):
        first = frame.time if first is None else first
        if rgb(frame, 0.5, 0.5)[0] > 128:
            return frame.time - (first if from_first else 0.0)
    raise AssertionError("no flash")


def beep_s(container: av.container.InputContainer, from_first: bool = False) -> float:
    first = None
    for frame in container.decode(audio=0):
        first = frame.time if first is None else first
        for n, value in enumerate(array("f", bytes(frame.planes[0]))):
            if abs(value) > 0.05:
                return frame.time - (first if from_first else 0.0) + n / frame.sample_rate
    raise AssertionError("no beep")


@pytest.mark.parametrize(
    ("name", "seconds"), [("late_sound.mkv", 3.0), ("late_picture.mkv", 3.0), ("phone.wav", 2.0), ("blip.wav", 0.2)]
)
def test_sound_begins_at_zero_and_is_whole(encoded: EncodeOnce, name: str, seconds: float) -> None:
    _, folder = encoded(name)
    (track,) = read_tracks(folder / "audio.m4s")
    assert track.duration_s == pytest.approx(seconds, abs=0.12)


@pytest.mark.parametrize("name", ["cover.mp3", "phone.wav", "blip.wav"])
def test_sound_alone(encoded: EncodeOnce, name: str) -> None:
    result, folder = encoded(name)
    assert not result.is_video
    kinds = {one.kind for one in result.outputs}
    assert {"hls", "playlist", "segments", "mp3", "m4a", "log"} <= kinds
    assert "thumbnail" in kinds  # the cover, or the wave
    assert "mp4a.40.2" in (folder / "master.m3u8").read_text()


def test_six_channels_become_two(encoded: EncodeOnce) -> None:
    with av.open(str(encoded("two_sounds.mkv")[1] / "180p.mp4")) as mp4:
        assert [stream.channels for stream in mp4.streams.audio] == [2]


def test_half_a_file_gives_half_a_video_and_says_so(encoded: EncodeOnce) -> None:
    result, _ = encoded("incomplete.mkv")
    assert [warning.code for warning in result.warnings] == ["warning-incomplete"]
    assert result.warnings[0].facts["claimed"] == "0:40"
    assert 15 < result.duration_s < 25


@pytest.mark.skipif(real_media() is None, reason="no folder of real recordings")
def test_real_recordings(tools: Tools, tmp_path: Path) -> None:
    """Every file of the folder ends ready, with the remarks that fit it, or with the sentence that does."""
    refused = {
        "nostreams.mp4": "source-no-streams",
        "corrupt_invalid_vp9.webm": "source-damaged",
        "truncated_claims_1132s.mkv": "source-incomplete",
    }
    remarks = {"subs_pgs_bitmap.mkv": ["warning-subtitles"]}
    folder = real_media()
    assert folder
    for source in sorted(folder.iterdir()):
        if source.name in ("MANIFEST.tsv", *MINUTES_OF_WORK):
            continue
        out = tmp_path / source.name
        out.mkdir()
        try:
            result = encode(source, out, EncodePlan((LOW,), limits=LIMITS), tools, lambda progress: None)
            assert [warning.code for warning in result.warnings] == remarks.get(source.name, []), source.name
            assert source.name not in refused
        except BadSource as error:
            assert refused.get(source.name) == error.code, source.name
        shutil.rmtree(out)
