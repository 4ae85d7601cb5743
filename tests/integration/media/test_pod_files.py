"""An encoding in the form that an Esup-Pod imports: read as Pod reads it, and compared with the pass."""

import json
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.pod_files import PodFiles
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
HIGH = Rendition("180p", 180, crf=30, preset="ultrafast", maxrate_kbps=600, audio_kbps=96, mp4=False)
FILES = PodFiles("film", {"90p": "160x90", "180p": "320x180"})
PLAN = EncodePlan((LOW, HIGH), mp3_kbps=192, copy_top=True, limits=LIMITS, for_pod=FILES)


def made(clips: Clips, name: str, folder: Path, tools: Tools) -> tuple[Encoded, dict[str, Any]]:
    encoded = encode(clips.path(name), folder, PLAN, tools, lambda progress: None)
    info = json.loads((folder / "info_video.json").read_text())
    for listed in (*info.get("encode_video", ()), *info.get("encode_audio", ()), *info.get("encode_thumbnail", ())):
        assert (folder / listed["filename"]).stat().st_size, listed  # Pod skips a missing file in silence
    assert {one.name for one in encoded.outputs} == {path.name for path in folder.iterdir()}
    return encoded, info


def test_a_recording_as_pod_imports_it(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    _, info = made(clips, "plain.mp4", tmp_path, tools)
    assert (info["has_stream_video"], info["has_stream_audio"], info["has_stream_thumbnail"]) == (True, True, True)
    assert info["encode_video"] == [
        {"encoding_format": "video/mp2t", "rendition": "160x90", "filename": "90p_film.m3u8"},
        {"encoding_format": "video/mp4", "rendition": "160x90", "filename": "90p_film.mp4"},
        {"encoding_format": "video/mp2t", "rendition": "320x180", "filename": "180p_film.m3u8"},
    ]
    assert info["encode_audio"] == [{"encoding_format": "audio/mp3", "filename": "audio_192k_film.mp3"}]
    assert info["encode_thumbnail"][0]["filename"] == "film_0.png"
    with Image.open(tmp_path / "film_0.png") as picture:
        assert picture.format == "PNG" and picture.width <= 1280
    names = {path.name for path in tmp_path.iterdir()}
    assert {"encoding.log", "master.m3u8"} <= names
    assert not {name for name in names if name.endswith((".m4s", ".jpg", ".part"))}
    assert {name for name in names if name.endswith(".mp4")} == {"90p_film.mp4"}  # V5 makes a rendition of every MP4


def test_subtitles_of_the_source_are_kept(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D26: in Pod 4.1 the second of one language replaced the first; Pod 4.2 has none."""
    made(clips, "talk.mkv", tmp_path, tools)
    names = sorted(path.name for path in tmp_path.glob("subtitle*"))
    assert names == ["subtitle_fr.vtt", "subtitle_fr_2.vtt", "subtitle_und.vtt"]


def test_the_transport_stream_is_one_file_with_all_sounds_and_the_frames_of_the_mp4(
    clips: Clips, tmp_path: Path, tools: Tools
) -> None:
    made(clips, "talk.mkv", tmp_path, tools)
    text = (tmp_path / "90p_film.m3u8").read_text()
    playlist = parse_playlist(text)
    assert "#EXT-X-BYTERANGE" in text and playlist.ended and "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert playlist.end == (tmp_path / "90p_film.ts").stat().st_size
    with av.open(str(tmp_path / "90p_film.ts")) as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (1, 2)
        assert container.streams.video[0].codec_context.name == "h264"
        shown = [bytes(frame.to_ndarray().data) for frame in container.decode(video=0)]
    with av.open(str(tmp_path / "90p_film.mp4")) as container:
        assert [bytes(frame.to_ndarray().data) for frame in container.decode(video=0)] == shown
    with av.open(str(tmp_path / "90p_film.ts")) as container:  # each range begins with a key frame
        for segment in playlist.segments:
            assert (tmp_path / "90p_film.ts").read_bytes()[segment.offset] == 0x47


def test_sound_and_picture_begin_together_in_the_transport_stream(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    made(clips, "flash.mp4", tmp_path, tools)
    with av.open(str(tmp_path / "90p_film.ts")) as container:
        starts = [float(stream.start_time * stream.time_base) for stream in container.streams]
    assert max(starts) - min(starts) < 0.1


def test_the_master_leads_to_the_transport_streams(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    made(clips, "plain.mp4", tmp_path, tools)
    master = (tmp_path / "master.m3u8").read_text()
    assert [line for line in master.split("\n") if line.endswith(".m3u8")] == ["90p_film.m3u8", "180p_film.m3u8"]
    assert "RESOLUTION=160x90" in master and 'AUDIO="' not in master and "mp4a.40.2" in master


def test_the_overview_is_one_picture(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    made(clips, "storyboard.mp4", tmp_path, tools)
    vtt = (tmp_path / "overview.vtt").read_text()
    assert vtt.startswith("WEBVTT") and "overview.png#xywh=0,0,160,90" in vtt and "storyboard" not in vtt
    with Image.open(tmp_path / "overview.png") as picture:
        assert picture.format == "PNG" and picture.width >= 160


def test_a_silent_recording_announces_no_sound(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """Pod takes a sound that is announced and missing, or the reverse, for a fault."""
    _, info = made(clips, "storyboard.mp4", tmp_path, tools)
    assert info["has_stream_audio"] is False and "encode_audio" not in info and info["duration"] in (20, 21)


def test_sound_alone(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    _, info = made(clips, "phone.wav", tmp_path, tools)
    assert (info["has_stream_video"], info["has_stream_audio"]) == (False, True) and "encode_video" not in info
    assert {one["filename"] for one in info["encode_audio"]} == {"audio_192k_film.mp3", "audio_192k_film.m4a"}


def test_a_source_below_the_lowest_rendition_has_a_playlist_too(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D20: Pod 4.1 wrote an empty master for it, and scaled it up."""
    _, info = made(clips, "tiny.mp4", tmp_path, tools)
    assert [one["rendition"] for one in info["encode_video"]] == ["160x90", "160x90"]
    assert "90p_film.m3u8" in (tmp_path / "master.m3u8").read_text()
    with av.open(str(tmp_path / "90p_film.ts")) as container:
        assert container.streams.video[0].codec_context.height == 48
