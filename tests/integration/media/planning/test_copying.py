"""A web-safe source becomes its own top rendition."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.hls import checks
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
TOP = Rendition("180p", 180, crf=30, preset="ultrafast", maxrate_kbps=9000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW, TOP), mp3_kbps=64, copy_top=True, limits=LIMITS)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def white_s(path: Path) -> float:
    """When the flash appears, in seconds from the first picture."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return next(f.time for f in frames if f.to_image().convert("L").getpixel((9, 9)) > 128) - frames[0].time


@pytest.mark.parametrize("renditions", [(LOW, TOP), (TOP,)], ids=["with a smaller one", "alone"])
def test_the_pictures_are_those_of_the_source(
    clips: Clips, tools: Tools, tmp_path: Path, renditions: tuple[Rendition, ...]
) -> None:
    source = clips.path("web.mp4")
    result = encode(source, tmp_path, replace(PLAN, renditions=renditions), tools, lambda progress: None)
    assert result.warnings == ()
    assert packets(tmp_path / "180p.mp4") == packets(source)
    (track,) = read_tracks(tmp_path / "180p.m4s")
    assert track.samples == 75
    playlist = parse_playlist((tmp_path / "180p.m3u8").read_text())
    assert playlist.duration_s == pytest.approx(3, abs=0.05)
    for rung in renditions:
        assert white_s(tmp_path / f"{rung.name}.m4s") == pytest.approx(1.0, abs=0.05)
        assert white_s(tmp_path / f"{rung.name}.mp4") == pytest.approx(1.0, abs=0.05)
    assert f"{renditions[-1].name}.m3u8" in (tmp_path / "master.m3u8").read_text()


def test_a_copy_that_turns_out_wrong_is_encoded_after_all(
    clips: Clips, tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "COPY_FRAMES", -1)  # no copy is good enough
    result = encode(clips.path("moving.mp4"), tmp_path, PLAN, tools, lambda progress: None)
    assert "cannot be copied after all" in (tmp_path / "encoding.log").read_text()
    assert packets(tmp_path / "180p.mp4") != packets(clips.path("moving.mp4"))
    assert {one.name for one in result.outputs} == {path.name for path in tmp_path.iterdir()}
