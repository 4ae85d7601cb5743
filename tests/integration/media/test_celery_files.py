"""An encoding under the names of a Pod 4.1, with info_video.json read as Pod reads it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest

from pod_jobs.celery.results import End, ResultFile, describe, wanted_files
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.pod_files import CeleryFiles
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
HIGH = Rendition("180p", 180, crf=30, preset="ultrafast", maxrate_kbps=600, audio_kbps=96, mp4=False)
FILES = CeleryFiles("", {"90p": "160x90", "180p": "320x180"})
PLAN = EncodePlan((LOW, HIGH), mp3_kbps=192, limits=LIMITS, for_pod=FILES)


def made(
    clips: Clips, name: str, folder: Path, tools: Tools, plan: EncodePlan = PLAN
) -> tuple[set[str], dict[str, Any]]:
    """The names of the files that go to Pod, and what info_video.json says of them."""
    encoded = encode(clips.path(name), folder, plan, tools, lambda progress: None)
    files = tuple(ResultFile(one.name, one.kind, one.rendition, one.language) for one in encoded.outputs)
    given = {"video_id": 7, "video_path": str(folder / "x.mp4"), "cut_start": 0, "cut_end": 0}
    now = datetime.now(UTC)
    end = End("encoding", given, now, now, "", files, encoded.duration_s, encoded.is_video, encoded.facts)
    info = json.loads(describe(end))
    for key in [key for key in info if re.fullmatch("list_.*_files", key) and "subtitle" not in key]:
        assert all((folder / Path(path).name).stat().st_size for path in info[key].values()), key
    return {one.name for one in wanted_files(end)}, info


def test_the_names_of_a_recording(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D18, D19: one pass, and a level that fits each rendition, where Pod 4.1 wrote 3.0 for all."""
    names, info = made(clips, "plain.mp4", tmp_path, tools)
    stills = {name for name in names if re.fullmatch(r"thumbnail_000[1-4]\.png", name)}
    assert "thumbnail_0001.png" in stills
    streams = {f"{height}p.{ending}" for height in (90, 180) for ending in ("m3u8", "ts")}
    assert names - stills == {*streams, "90p.mp4", "livestream.m3u8", "audio_192k.mp3"}
    assert list(info["list_hls_files"]) == ["180", "90"] and list(info["list_mp4_files"]) == ["90"]
    assert info["list_m4a_files"] == {} and info["list_audio_track"]["1"]["channels"] == 1
    master = (tmp_path / "livestream.m3u8").read_text()
    assert [line for line in master.split("\n") if line.endswith(".m3u8")] == ["90p.m3u8", "180p.m3u8"]
    levels = [int(found, 16) for found in re.findall(r"avc1\.[0-9a-f]{4}([0-9a-f]{2})", master)]
    assert levels == sorted(levels) and max(levels) < 30


@pytest.mark.parametrize("name", ["phone.wav", "cover.mp3"])
def test_sound_alone(clips: Clips, tmp_path: Path, tools: Tools, name: str) -> None:
    """D25: Pod 4.1 takes thumbnail 1 alone, and so never saw a cover. It takes a recording with an M4A for sound alone."""
    names, info = made(clips, name, tmp_path, tools)
    assert names == {"audio_192k.mp3", "audio_192k.m4a", "thumbnail_0001.png"}
    assert list(info["list_thumbnail_files"]) == ["1"]
    assert (info["list_hls_files"], info["list_mp4_files"], list(info["list_m4a_files"])) == ({}, {}, ["192k"])


def test_a_small_recording_has_a_master_and_is_not_scaled_up(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D20: Pod 4.1 wrote an empty one."""
    made(clips, "tiny.mp4", tmp_path, tools)
    assert "90p.m3u8" in (tmp_path / "livestream.m3u8").read_text()
    with av.open(str(tmp_path / "90p.mp4")) as container:
        assert container.streams.video[0].codec_context.height == 48


def test_renditions_count_lines_on_the_short_side(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D21: Pod 4.1 made 202x360 of a portrait of 360x640."""
    made(clips, "portrait.mp4", tmp_path, tools)
    with av.open(str(tmp_path / "90p.mp4")) as container:
        picture = container.streams.video[0].codec_context
        assert min(picture.width, picture.height) == 90 and picture.height > picture.width


def test_renditions_without_any_mp4(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D27: Pod 4.1 ran an empty command, and its overview crashed."""
    plan = replace(PLAN, renditions=(replace(LOW, mp4=False),))
    names, info = made(clips, "storyboard.mp4", tmp_path, tools, plan)
    assert info["list_mp4_files"] == {} and {"overview.png", "overview.vtt", "90p.ts"} <= names


def test_two_subtitles_of_one_language_are_both_kept(clips: Clips, tmp_path: Path, tools: Tools) -> None:
    """D26."""
    names, info = made(clips, "talk.mkv", tmp_path, tools)
    assert {"subtitle_fr.vtt", "subtitle_fr_2.vtt"} <= names
    assert [language for language, _ in info["list_subtitle_files"].values()].count("fr") == 2
