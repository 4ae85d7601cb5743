"""Tracks beside the first: subtitles, chapters, further sounds, loudness; and a picture for sound."""

import re
import struct
from array import array
from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.captions.parsing import read_captions
from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import H264, Clips, ffmpeg, pattern, real_media
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=LIMITS)


def encoded(source: Path, folder: Path, tools: Tools, plan: EncodePlan = PLAN) -> Encoded:
    folder.mkdir(exist_ok=True)
    return encode(source, folder, plan, tools, lambda progress: None)


@pytest.mark.parametrize("name", ["talk.mkv", "talk.mp4"])
def test_subtitles_chapters_and_sounds(clips: Clips, tools: Tools, tmp_path: Path, name: str) -> None:
    result = encoded(clips.path(name), tmp_path, tools)
    assert result.warnings == ()
    captions = {one.name: one.language for one in result.outputs if one.kind == "captions"}
    assert captions == {"captions_fr.vtt": "fr", "captions_fr_2.vtt": "fr", "captions_und.vtt": ""}
    for number, word in ((0, "one"), (1, "two"), (2, "three")):
        text = (tmp_path / sorted(captions)[number]).read_text()
        assert re.search(r"00:00:00\.5\d\d --> 00:00:01\.0\d\d\n<i>Hello</i> &amp; welcome\n", text)
        assert "<script" not in text
        assert word in text
    assert {one.name: one.language for one in result.outputs if one.kind == "subtitles"} == {
        name.replace("captions", "subtitles"): language for name, language in captions.items()
    }
    chapters = (tmp_path / "chapters.vtt").read_text()
    assert "00:00:00.000 --> 00:00:01.000\nPart &lt;0&gt;\n" in chapters
    assert [one.kind for one in result.outputs if one.name == "chapters.vtt"] == ["chapters"]
    master = (tmp_path / "master.m3u8").read_text()
    assert 'NAME="Français",LANGUAGE="fr",DEFAULT=YES,AUTOSELECT=YES' in master
    assert 'NAME="English",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES' in master
    for sound, hertz in (("audio", 440), ("audio_2", 2000)):
        assert main_hertz(tmp_path / f"{sound}.m4s") == pytest.approx(hertz, rel=0.05)
    assert len(read_tracks(tmp_path / "90p.mp4")) == 2


def main_hertz(path: Path) -> float:
    """Of a pure tone, by counting where it crosses zero."""
    samples = [x for frame in heard(path)[10:50] for x in frame]
    crossings = sum(1 for a, b in zip(samples, samples[1:], strict=False) if a < 0 <= b)
    return crossings * 48_000 / len(samples)


def test_subtitles_to_edit_have_the_times_of_the_recording(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    encoded(clips.path("talk.mkv"), tmp_path, tools, replace(PLAN, keep=((0.75, 2.0),)))
    timing = re.compile("--> (.*)")
    shown = timing.findall((tmp_path / "captions_fr.vtt").read_text())
    uncut = timing.findall((tmp_path / "subtitles_fr.vtt").read_text())
    assert shown[0].startswith("00:00:00.2") and uncut[0].startswith("00:00:01.0")
    cues = read_captions((tmp_path / "subtitles_fr.vtt").read_bytes())
    assert cues.remarks == () and "Hello" in cues.cues[0].text


def test_a_folder_that_nobody_edits_holds_no_word_that_was_cut_out(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    encoded(clips.path("talk.mkv"), tmp_path, tools, replace(PLAN, keep=((1.2, 2.0),), with_uncut=False))
    assert not [*tmp_path.glob("subtitles_*")]
    assert not [path for path in tmp_path.glob("*.vtt") if "Hello" in path.read_text()]


def test_captions_inside_the_picture(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    result = encoded(clips.path("picture_captions.mp4"), tmp_path, tools)
    assert result.warnings == ()
    assert [one.name for one in result.outputs if one.kind == "captions"] == ["captions_und.vtt"]
    text = (tmp_path / "captions_und.vtt").read_text()
    assert text.count("-->") == 1
    assert "HI" in text


@pytest.mark.skipif(real_media() is None, reason="no folder of real recordings")
def test_bitmap_subtitles_fail_nothing(tools: Tools, tmp_path: Path) -> None:
    folder = real_media()
    assert folder
    result = encoded(folder / "subs_pgs_bitmap.mkv", tmp_path, tools)
    assert [remark.code for remark in result.warnings] == ["warning-subtitles"]
    assert not [one for one in result.outputs if one.kind == "captions"]


@pytest.mark.parametrize("name", ["quiet.wav", "loud.wav"])
def test_the_level_is_brought_to_the_target(clips: Clips, tools: Tools, tmp_path: Path, name: str) -> None:
    """A mono sine of 997 Hz at full scale has -3 LUFS (EBU Tech 3341): at -20 LUFS its peak is 17 dB lower."""
    encoded(clips.path(name), tmp_path, tools, replace(PLAN, level_lufs=-20.0))
    assert peak(tmp_path / "audio.m4s") == pytest.approx(0.141, rel=0.15)


@pytest.mark.parametrize(
    ("channels", "loud", "keep"),
    [(3, 2, ()), (6, 3, ()), (6, 3, ((0.2, 1.9),)), (8, 3, ()), (9, 8, ()), (32, 31, ((0.2, 1.9),))],
)
def test_every_channel_of_a_mixing_desk_is_heard(
    tools: Tools, tmp_path: Path, channels: int, loud: int, keep: tuple[tuple[float, float], ...]
) -> None:
    """Such a WAV says nothing of where its channels are; only one is not silent. Of three, six and eight, ffmpeg would take the
    third or fourth for low-frequency effects, which a mix leaves out."""
    samples = array("h", [0] * loud + [8000] + [0] * (channels - loud - 1)) * 96_000
    head = struct.pack("<HHIIHH", 1, channels, 48_000, 96_000 * channels, 2 * channels, 16)
    body = b"WAVEfmt \x10\0\0\0" + head + struct.pack("<4sI", b"data", 2 * len(samples)) + samples.tobytes()
    (tmp_path / "desk.wav").write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    encoded(tmp_path / "desk.wav", tmp_path / "out", tools, replace(PLAN, keep=keep))
    assert peak(tmp_path / "out" / "audio.m4s") == pytest.approx(8000 / 32_768, rel=0.3)


def test_silence_and_no_target_change_nothing(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    encoded(clips.path("silent.wav"), tmp_path / "silent", tools, replace(PLAN, level_lufs=-20.0))
    assert "volume=" not in (tmp_path / "silent" / "encoding.log").read_text()
    assert len(encoded(clips.path("quiet.wav"), tmp_path / "quiet", tools).commands) == 3


def peak(path: Path) -> float:
    return max(abs(x) for frame in heard(path)[50:-20] for x in frame)


def heard(path: Path) -> "list[array[float]]":
    """The samples of the first channel, by frames."""
    with av.open(str(path)) as container:
        return [array("f", bytes(frame.planes[0]))[: frame.samples] for frame in container.decode(audio=0)]


def test_sound_alone_has_its_wave_for_a_picture(clips: Clips, tools: Tools, tmp_path: Path) -> None:
    result = encoded(clips.path("quiet.wav"), tmp_path, tools)
    assert [one.name for one in result.outputs if one.kind == "thumbnail"] == ["thumbnail_1.jpg"]
    (picture,) = av.open(str(tmp_path / "thumbnail_1.jpg")).decode(video=0)
    assert (picture.width, picture.height) == (1280, 360)
    assert len(set(picture.to_image().convert("L").tobytes())) > 10


def test_the_poster_is_not_black_when_another_picture_shows_something(tmp_path: Path, tools: Tools) -> None:
    source, folder = tmp_path / "source.mp4", tmp_path / "out"
    graph = "[1:v]setpts=PTS-STARTPTS[b];[0:v][b]concat=n=2"
    black = ("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=7")
    ffmpeg(*black, *pattern(seconds=5), "-filter_complex", graph, *H264, str(source))
    result = encoded(source, folder, tools)
    assert not result.warnings
    assert [one.name for one in result.outputs if one.kind == "thumbnail"] == [f"thumbnail_{n}.jpg" for n in (1, 2, 3)]
    spread = []
    for n in (1, 2, 3):
        (picture,) = av.open(str(folder / f"thumbnail_{n}.jpg")).decode(video=0)
        grey = bytes(picture.reformat(format="gray").planes[0])
        spread.append(max(grey) - min(grey))
    assert spread[0] > 100 and spread[1] < 20 and spread[2] < 20
