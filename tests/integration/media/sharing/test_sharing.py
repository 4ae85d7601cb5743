"""A long picture, encoded in chunks by several processes: the same frames as in one pass."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import pytest

from pod_jobs.errors import Cancelled
from pod_jobs.media.encode import Encoded, EncodePlan, Progress, encode
from pod_jobs.media.hls.playlists import parse_playlist
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from tests.clips import AAC, H264, SKIPPING, ffmpeg, pattern, standing, tone
from tests.servers import wait_until
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=23, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
TOP = Rendition("180p", 180, crf=23, preset="ultrafast", maxrate_kbps=9000, audio_kbps=64, mp4=False)
PLAN = EncodePlan((LOW, TOP), mp3_kbps=64, segment_s=2, share_from_s=10, chunk_s=4, limits=LIMITS)
SECONDS = 18


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Long enough to be shared, each with another frame rate; "gaps" stands still for seconds, over the start of chunks."""
    folder = tmp_path_factory.mktemp("long")
    names = ("even.mp4", "ntsc.mp4", "dropped.mp4", "gaps.mkv", "web.mp4", "slides.mp4")
    made = {name: folder / name for name in names}
    sound = tone(SECONDS)
    bframes = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "130", "-bf", "3")
    drop = "select='mod(n,7)*mod(n,11)'"
    still = "select='lt(t,3)+between(t,9.3,11)+gt(t,15.7)',settb=1/1000"
    ffmpeg(*pattern(seconds=SECONDS), *sound, *bframes, *AAC, "-shortest", str(made["even.mp4"]))
    ffmpeg(*pattern(rate="30000/1001", seconds=SECONDS), *sound, *bframes, *AAC, str(made["ntsc.mp4"]))
    ffmpeg(*pattern(seconds=SECONDS), "-vf", drop, "-fps_mode", "vfr", *bframes, str(made["dropped.mp4"]))
    vfr = ("-vf", still, "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    ffmpeg(*pattern(seconds=SECONDS), *sound, *vfr, *bframes, *AAC, str(made["gaps.mkv"]))
    ffmpeg(*pattern(seconds=SECONDS), *sound, *H264, "-g", "50", *AAC, str(made["web.mp4"]))
    slides = (*standing((30, 190), (220, 444)), "-t", str(SECONDS), *SKIPPING)
    ffmpeg(*pattern(rate="30000/1001", seconds=SECONDS), *sound, *slides, *AAC, str(made["slides.mp4"]))
    return made


@dataclass
class Helpers:
    """A team of forked processes. `damages`: each makes one chunk, whose bytes are not those it announces. `freezes`:
    the one that was started beforehand (a frozen fork would keep what it inherits open) stops dead at its first chunk."""

    shared: Path
    tools: Tools
    source: Path = Path()
    count: int = 2
    damages: bool = False
    freezes: bool = False
    pids: list[int] = field(default_factory=list)

    def reading(self, source: Path) -> Path:
        """`source`, which they will read too."""
        self.source = source
        return source

    def idle(self) -> int:
        return self.count

    def call(self, count: int) -> None:
        for _ in range(0 if self.freezes else count):
            self.start()
        self.count = 0

    def start(self) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                self.work()
            finally:
                os._exit(0)
        self.pids.append(pid)

    def work(self) -> None:
        wait_until((self.shared / chunks.LAYOUT).exists)
        if self.damages:
            chunks.checksum = lambda path: 1  # only in this process
        chunks.help_out(self.shared, self.source, self.tools, self.tick, lambda: not self.damages)

    def tick(self, frames: int) -> None:
        if self.freezes:
            os.kill(os.getpid(), signal.SIGSTOP)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    made.mkdir()
    return made


@pytest.fixture
def helpers(folder: Path, tools: Tools) -> Iterator[Helpers]:
    team = Helpers(folder.with_name("shared.chunks"), tools)
    yield team
    for pid in team.pids:
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)


def quiet(progress: Progress) -> None:
    pass


def times(path: Path) -> list[float]:
    """Seconds at which each frame of a rendition is shown, in order."""
    with av.open(str(path)) as container:
        stream = container.streams[0]
        shown = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        assert stream.time_base is not None
        return [round(float(pts * stream.time_base), 4) for pts in shown]


def likeness(tools: Tools, one: Path, other: Path) -> float:
    """The worst frame's PSNR in dB, of those at the same place in both."""
    graph = "[0:v]settb=1/90000[a];[1:v]settb=1/90000[b];[a][b]psnr=stats_file=-"
    argv = [
        tools.ffmpeg,
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(one),
        "-i",
        str(other),
        "-lavfi",
        graph,
        "-f",
        "null",
        "-",
    ]
    rows = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert rows
    return min(float(row.split("psnr_y:")[1].split()[0].replace("inf", "99")) for row in rows)


def log_of(folder: Path) -> str:
    return (folder / "encoding.log").read_text()


def was_shared(folder: Path, encoded: Encoded) -> bool:
    left = {path.name for path in folder.iterdir()} - {one.name for one in encoded.outputs}
    return "whole after all" not in log_of(folder) and "chunk 3 by" in log_of(folder) and not left


@pytest.mark.parametrize("name", ["ntsc.mp4", "dropped.mp4", "gaps.mkv", "slides.mp4"])
def test_the_result_is_that_of_one_pass(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers, tmp_path: Path, name: str
) -> None:
    whole, steady = tmp_path / "whole", name in ("ntsc.mp4", "slides.mp4")
    whole.mkdir()
    shared = encode(helpers.reading(sources[name]), folder, PLAN, tools, quiet, helpers)
    alone = encode(sources[name], whole, PLAN, tools, quiet)
    assert was_shared(folder, shared), log_of(folder)
    for rung in (LOW, TOP):
        files = folder / f"{rung.name}.m4s", whole / f"{rung.name}.m4s"
        one_by_one = zip(times(files[0]), times(files[1]), strict=steady)
        late_s = 0.0 if steady else 0.081  # without a steady rate, ffmpeg is a frame off now and then, here or there
        assert [(a, b) for a, b in one_by_one if abs(a - b) > late_s] == []
        assert abs(len(times(files[0])) - len(times(files[1]))) <= (0 if steady else 1)
        assert likeness(tools, *files) > (28 if steady else 18)  # a second too late is 15
        ours, theirs = (parse_playlist(path.with_suffix(".m3u8").read_text()) for path in files)
        assert (ours.init_bytes, len(ours.segments), ours.ended) == (theirs.init_bytes, len(theirs.segments), True)
        with open(files[0], "rb") as one, open(files[1], "rb") as other:
            assert one.read(ours.init_bytes) == other.read(theirs.init_bytes)
    assert {one.name for one in shared.outputs} == {one.name for one in alone.outputs}
    assert shared.duration_s == pytest.approx(alone.duration_s, abs=0.001 if steady else 0.081)
    assert shared.warnings == alone.warnings == ()
    if name != "dropped.mp4":
        assert (folder / "audio.m4s").read_bytes() == (whole / "audio.m4s").read_bytes()
        assert (folder / "audio.mp3").read_bytes() == (whole / "audio.mp3").read_bytes()


@pytest.mark.parametrize(("container", "codec", "preset"), [("mp4", "av1", "12"), ("webm", "vp9", "8")])
def test_downloads_in_other_codecs_are_shared_too(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers, container: str, codec: str, preset: str
) -> None:
    plan = replace(PLAN, renditions=(replace(LOW, crf=45, preset=preset),), container=container, codec=codec)
    shared = encode(
        helpers.reading(sources["ntsc.mp4"]),
        folder,
        replace(plan, mp3_kbps=0, with_extras=False),
        tools,
        quiet,
        helpers,
    )
    assert was_shared(folder, shared), log_of(folder)
    assert {one.name for one in shared.outputs} == {f"90p.{container}", "encoding.log"}
    with av.open(str(folder / f"90p.{container}")) as made, av.open(str(sources["ntsc.mp4"])) as source:
        assert made.streams.video[0].codec_context.codec.canonical_name == codec
        assert sum(1 for _ in made.decode(video=0)) == sum(1 for _ in source.decode(video=0))


def test_a_copied_top_rendition_is_not_cut(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers
) -> None:
    encoded = encode(helpers.reading(sources["web.mp4"]), folder, replace(PLAN, copy_top=True), tools, quiet, helpers)
    assert was_shared(folder, encoded), log_of(folder)
    assert [command.count("libx264") for command in encoded.commands[:2]] == [1, 0]
    assert len(times(folder / "180p.m4s")) == len(times(folder / "90p.m4s")) == SECONDS * 25


def test_a_chunk_that_is_damaged_on_disk_is_made_again(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers
) -> None:
    helpers.count, helpers.damages = 1, True
    encoded = encode(helpers.reading(sources["even.mp4"]), folder, PLAN, tools, quiet, helpers)
    assert "90p.m4s, 180p.m4s is not what was written" in log_of(folder)
    assert was_shared(folder, encoded)
    assert len(times(folder / "90p.m4s")) == SECONDS * 25


def test_the_chunk_of_a_frozen_helper_is_taken_over(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "HELPERS_END_S", 0.5)  # it will not let go of its lock
    helpers.count, helpers.freezes = 1, True
    helpers.reading(sources["even.mp4"])
    helpers.start()
    deadline = time.monotonic() + 60

    def tick(progress: Progress) -> None:
        assert time.monotonic() < deadline, log_of(folder)

    encoded = encode(
        sources["even.mp4"], folder, replace(PLAN, limits=replace(LIMITS, stall_s=4)), tools, tick, helpers
    )
    assert os.WIFSTOPPED(os.waitpid(helpers.pids[0], os.WUNTRACED | os.WNOHANG)[1])
    assert was_shared(folder, encoded), log_of(folder)
    makers = re.findall(r"chunk \d+ by (\S+):", log_of(folder))
    assert len(makers) > 3 and {*makers} == {chunks.this_worker()}
    assert len(times(folder / "90p.m4s")) == SECONDS * 25


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_source_that_is_damaged_is_encoded_whole(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers, tmp_path: Path, kind: str
) -> None:
    damaged = tmp_path / "damaged.mp4"
    raw = bytearray(sources["even.mp4"].read_bytes())
    with av.open(sources["even.mp4"]) as container:
        packets = [packet for packet in container.demux(**{kind: 0}) if packet.size]
    for packet in packets[len(packets) // 3 : len(packets) * 2 // 3 : 10]:
        assert packet.pos is not None
        raw[packet.pos : packet.pos + packet.size] = bytes(byte ^ 0x55 for byte in bytes(packet))
    damaged.write_bytes(raw)
    encoded = encode(helpers.reading(damaged), folder, PLAN, tools, quiet, helpers)
    assert "whole after all" in log_of(folder)
    assert [remark.code for remark in encoded.warnings] == ["warning-faults"]
    assert {one.name for one in encoded.outputs} == {path.name for path in folder.iterdir()}


def test_nobody_helps_with_a_short_source_or_a_cut_one(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers
) -> None:
    encode(helpers.reading(sources["even.mp4"]), folder, replace(PLAN, keep=((1.0, 4.0),)), tools, quiet, helpers)
    assert helpers.pids == []


def test_a_cancel_ends_it_and_the_progress_never_goes_back(
    sources: dict[str, Path], folder: Path, tools: Tools, helpers: Helpers
) -> None:
    seen: list[Progress] = []

    def tick(progress: Progress) -> None:
        seen.append(progress)
        if progress.fraction > 0.5 and progress.first_playable:  # three at it can be half done before a chunk is joined
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        encode(helpers.reading(sources["even.mp4"]), folder, PLAN, tools, tick, helpers)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions) and fractions[-1] < 0.95
    shutil.rmtree(helpers.shared, ignore_errors=True)  # the caller's part; then the helpers end of themselves
