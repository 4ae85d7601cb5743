"""An encode under way: what can be watched, and what ends it early."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource, Cancelled, DiskFull, FfmpegFailed
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.progress import Progress
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=LIMITS)


def test_one_can_watch_while_it_encodes(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    """Before the end there are a master and playlists whose segments are on disk. Progress only grows."""
    seen: list[Progress] = []
    looks: list[bool] = []

    def tick(progress: Progress) -> None:
        seen.append(progress)
        if progress.first_playable and progress.step == "encode" and not looks:
            playlist = parse_playlist((tmp_path / "90p.m3u8").read_text())
            master = (tmp_path / "master.m3u8").read_text()
            assert "FRAME-RATE=25.000" in master and "90p.m3u8" in master
            looks.append(playlist.end <= (tmp_path / "90p.m4s").stat().st_size)

    slow = Rendition("90p", 90, crf=30, preset="veryslow", maxrate_kbps=300, audio_kbps=64, mp4=False)
    result = encode(clips.path("long.mp4"), tmp_path, EncodePlan((slow,), limits=LIMITS), tools, tick)
    assert looks == [True]
    assert result.first_playable_s < result.wall_s
    assert {p.is_video for p in seen if p.step == "encode"} == {True}
    assert all(abs(p.duration_s - result.duration_s) < 0.1 for p in seen if p.step == "encode" and p.duration_s)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    assert {"probe", "encode", "pictures"} <= {progress.step for progress in seen}


def test_a_cancel_ends_it_quickly(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    at: list[float] = []

    def tick(progress: Progress) -> None:
        if progress.step == "encode" and progress.fraction > 0.02:
            at.append(time.monotonic())
            raise Cancelled("enough")

    slow = Rendition("360p", 360, crf=10, preset="placebo", maxrate_kbps=9000, audio_kbps=64, mp4=False)
    with pytest.raises(Cancelled):
        encode(clips.path("long.mp4"), tmp_path, EncodePlan((slow,), limits=LIMITS), tools, tick)
    assert time.monotonic() - at[0] < 5
    assert "ended by us: enough" in (tmp_path / "encoding.log").read_text()


def test_a_stall_ends_it(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    plan = EncodePlan((LOW,), limits=replace(LIMITS, stall_s=0))
    with pytest.raises(FfmpegFailed) as caught:
        encode(clips.path("plain.mp4"), tmp_path, plan, tools, lambda progress: None)
    assert caught.value.code == "encode-stalled"


def test_a_bad_source_leaves_a_log_and_no_output(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(BadSource):
        encode(clips.path("noise.mkv"), tmp_path, PLAN, tools, lambda progress: None)
    assert [path.name for path in tmp_path.iterdir()] == ["encoding.log"]


@pytest.mark.service
def test_a_full_disk_is_called_so(tools: Tools, clips: Clips, small_disk: Path) -> None:
    fat = Rendition("360p", 360, crf=1, preset="ultrafast", maxrate_kbps=90_000, audio_kbps=64, mp4=True)
    with pytest.raises(DiskFull):
        encode(clips.path("long.mp4"), small_disk, EncodePlan((fat,), limits=LIMITS), tools, lambda progress: None)
