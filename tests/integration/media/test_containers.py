"""Other containers and codecs than the web's, on every ffmpeg build; read back with PyAV."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build


def rungs(crf: int, preset: str) -> tuple[Rendition, ...]:
    sizes = (("90p", 90, 300), ("180p", 180, 600))
    return tuple(Rendition(name, px, crf, preset, kbps, audio_kbps=64, mp4=False) for name, px, kbps in sizes)


RUNGS = {"h264": rungs(30, "ultrafast"), "av1": rungs(45, "12"), "vp9": rungs(45, "8")}

Encode = Callable[..., tuple[Encoded, Path]]


@pytest.fixture
def make(tools: Tools, clips: Clips, tmp_path: Path) -> Encode:
    def make(clip: str, container: str, codec: str = "h264", **more: Any) -> tuple[Encoded, Path]:
        plan = EncodePlan(
            RUNGS.get(codec, ()), container=container, codec=codec, mp3_kbps=0, with_extras=False, limits=LIMITS
        )
        folder = tmp_path / f"{container}-{codec}"
        folder.mkdir()
        return encode(clips.path(clip), folder, replace(plan, **more), tools, lambda progress: None), folder

    return make


@pytest.mark.parametrize(
    ("container", "codec", "sound"),
    [("mp4", "h264", "aac"), ("mp4", "av1", "aac"), ("webm", "vp9", "opus"), ("webm", "av1", "opus")],
)
def test_downloads_alone_in_another_container(make: Encode, container: str, codec: str, sound: str) -> None:
    result, folder = make("plain.mp4", container, codec)
    assert {path.name for path in folder.iterdir()} == {f"90p.{container}", f"180p.{container}", "encoding.log"}
    assert {one.kind for one in result.outputs} == {container, "log"}
    assert {(one.rendition, one.width_px) for one in result.outputs if one.rendition} == {("90p", 160), ("180p", 320)}
    with av.open(str(folder / f"180p.{container}")) as file:
        decoded = {type(frame).__name__: frame for frame in file.decode()}
        assert (file.streams.video[0].codec_context.codec.canonical_name, decoded["VideoFrame"].width) == (codec, 320)
        assert file.streams.audio[0].codec_context.codec.canonical_name == sound
        assert file.duration / 1e6 == pytest.approx(2, abs=0.1)
        assert decoded["VideoFrame"].time == pytest.approx(1.96, abs=0.02)


def test_pictures_are_made_before_the_stream_goes(make: Encode) -> None:
    """Their subtitles keep them back: the downloads are ready earlier."""
    result, folder = make("talk.mkv", "mp4", with_extras=True)
    assert not result.warnings
    assert {path.suffix for path in folder.iterdir()} == {".mp4", ".jpg", ".vtt", ".log"}
    assert (folder / "thumbnail_3.jpg").exists()


@pytest.mark.parametrize(("codec", "codecs"), [("av1", r"av01\.0\.\d\dM\.08"), ("vp9", r"vp09\.00\.\d\d\.08")])
def test_a_stream_in_another_codec_is_announced_as_such(make: Encode, codec: str, codecs: str) -> None:
    result, folder = make("storyboard.mp4", "hls", codec)
    master = (folder / "master.m3u8").read_text()
    assert len(re.findall(rf'CODECS="{codecs}"', master)) == 2
    assert not [one for one in result.outputs if one.kind in ("mp4", "mp3", "thumbnail", "storyboard")]
    for name in ("90p", "180p"):
        playlist = (folder / f"{name}.m3u8").read_text()
        assert [float(s) for s in re.findall(r"#EXTINF:([\d.]+)", playlist)] == pytest.approx(
            [4, 4, 4, 4, 4, 1], abs=0.01
        )


@pytest.mark.parametrize(("container", "codec"), [("m4a", "aac"), ("mp3", "mp3float")])
def test_sound_alone_of_a_video(make: Encode, container: str, codec: str) -> None:
    result, folder = make("plain.mp4", container, "", audio_kbps=64, mp3_kbps=64 if container == "mp3" else 0)
    assert {path.name for path in folder.iterdir()} == {f"audio.{container}", "encoding.log"}
    assert not result.is_video
    with av.open(str(folder / f"audio.{container}")) as file:
        assert [stream.codec_context.name for stream in file.streams] == [codec]
        assert file.duration / 1e6 == pytest.approx(2, abs=0.1)


def test_a_recording_without_picture_in_a_container_for_pictures(make: Encode) -> None:
    result, folder = make("phone.wav", "webm", "vp9")
    assert {path.name for path in folder.iterdir()} == {"audio.webm", "encoding.log"}
    assert [one.mime for one in result.outputs if one.kind == "webm"] == ["audio/webm"]


def test_no_sound_to_take(make: Encode) -> None:
    with pytest.raises(BadSource) as caught:
        make("tiny.mp4", "m4a", "", audio_kbps=64)
    assert caught.value.code == "source-no-sound"
