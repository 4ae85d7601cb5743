"""What sharing a long video between workers costs and brings.

stub        every worker encodes at a fixed speed (it waits, and cuts its chunk out of a finished encode); claims, checks and
            joining are the real ones. Wall time of 1 to 16 workers against the ideal: duration / speed / workers
overhead    the same real video, whole and in chunks by two workers: processor seconds
Helpers are forked here, not enqueued: how long a job waits for an idle worker is a figure of bench dispatch.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.ladder import BOUNDS, LIMITS, REPOSITORY, ladder_of_settings, say, there_and_back
from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.hls.playlists import build_playlist, parse_playlist
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.ladder import PlannedRendition, Rendition
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.process.run import run
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.media.sharing import chunks, sharing
from pod_jobs.media.work import Work

SUMMARY = "a long video in chunks: wall time of 1 to 16 workers of fixed speed; what sharing costs two real ones"
TALK = "talk_720p_42s.mp4"
STUB_RUNG = Rendition("36p", 36, crf=40, preset="ultrafast", maxrate_kbps=100, audio_kbps=64, mp4=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speed", type=float, default=30.0, help="stub: seconds of video per second and worker (30)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8, 16], help="stub: how many (1 2 4 8 16)")
    parser.add_argument("--minutes", type=float, default=60.0, help="stub: length of the video (60)")
    parser.add_argument(
        "--talks", type=int, default=6, help="overhead: how many times 42 s the real video lasts (6); 0 = leave out"
    )
    parser.add_argument("--repeat", type=int, default=3, help="overhead: runs of each way; the cheapest counts (3)")
    parser.add_argument(
        "--chunk-s", type=int, default=EncodePlan((), limits=LIMITS).chunk_s, help="seconds per chunk, at most"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    tools = find_tools("", "auto")
    figures: dict[str, Any] = {"chunk_s": options.chunk_s, "overhead_two_workers": None}
    with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as name:
        folder = Path(name)
        stub = make_stub(folder, tools, options)
        rows = [{"workers": n, **stub(n)} for n in options.workers]
        ratios = {row["workers"]: row["ratio"] for row in rows}
        figures |= {"ideal_ratio_16": ratios.get(16), "rows": rows}
        if options.talks:
            figures |= overhead(folder, tools, options)
    return figures


@dataclass
class Forked:
    """A team of `count` processes of this one, for an encode of `source` in `folder`."""

    source: Path
    folder: Path
    tools: Tools
    count: int
    pids: list[int] = field(default_factory=list)

    @property
    def shared(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.chunks")

    def idle(self) -> int:
        return self.count - len(self.pids)

    def call(self, count: int) -> None:
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                try:
                    chunks.help_out(self.shared, self.source, self.tools, lambda frames: None, lambda: True)
                finally:
                    os._exit(0)
            self.pids.append(pid)

    def end(self) -> None:
        for pid in self.pids:
            os.waitpid(pid, 0)


def make_stub(folder: Path, tools: Tools, options: argparse.Namespace) -> Callable[[int], dict[str, Any]]:
    source, whole, duration_s = folder / "stub.mp4", folder / "whole", options.minutes * 60
    say(f"a video of {options.minutes:.0f} min, very small")
    lavfi = ["-f", "lavfi", "-i", f"testsrc2=s=64x36:r=5:d={duration_s}", "-c:v", "libx264", "-preset", "ultrafast"]
    run([tools.ffmpeg, "-nostdin", "-v", "error", *lavfi, str(source)], folder, BOUNDS, lambda _: None, lambda: None)
    whole.mkdir()
    plan = EncodePlan((STUB_RUNG,), share_from_s=1, chunk_s=options.chunk_s, with_extras=False, limits=LIMITS)
    encode(source, whole, plan, tools, lambda _: None)
    media = probe(source, tools, LIMITS)
    assert media.video
    picture = Picture(media.video, (PlannedRendition(STUB_RUNG, 64, 36),), None, plan.keyframe_s)

    def one(workers: int) -> dict[str, Any]:
        target = folder / f"shared-{workers}"
        target.mkdir()
        work, team = Work(source, target, plan, tools, lambda _: None), Forked(source, target, tools, workers - 1)
        with fixed_speed(whole, options.speed):
            began = time.monotonic()
            if workers == 1:
                team.idle = lambda: 1  # type: ignore[method-assign]  # who is called, and does not come
                team.call = lambda count: None  # type: ignore[method-assign]
            sharing.encode_shared(work, media, picture, (), team)
            wall_s = time.monotonic() - began
        team.end()
        ideal_s = duration_s / options.speed / workers
        say(f"{workers} workers: {wall_s:.2f} s, ideal {ideal_s:.2f} s")
        return {"wall_s": round(wall_s, 2), "ideal_s": round(ideal_s, 2), "ratio": round(wall_s / ideal_s, 3)}

    return one


@contextmanager
def fixed_speed(whole: Path, speed: float) -> Iterator[None]:
    """In this block, also in forked processes, a chunk takes duration / `speed` seconds and is cut out of `whole`."""
    playlist = parse_playlist((whole / f"{STUB_RUNG.name}.m3u8").read_text())
    real = chunks._run

    def cut_out(
        folder: Path, source: Path, layout: chunks.Layout, chunk: Chunk, tools: Tools, tick: Callable[[int], None]
    ) -> chunks.FinishedChunk:
        duration_s = chunk.duration_s or layout.duration_s - chunk.start_s
        ready_at = time.monotonic() + duration_s / speed
        last = [one.first_segment for one in layout.chunks if one.number == chunk.number + 1] or [None]
        segments = playlist.segments[chunk.first_segment : last[0]]
        path, skipped = folder / f"{STUB_RUNG.name}.m4s", segments[0].offset - playlist.init_bytes
        with open(whole / path.name, "rb") as file:
            init = file.read(playlist.init_bytes)
            file.seek(segments[0].offset)
            path.write_bytes(init + file.read(sum(one.bytes for one in segments)))
        moved = tuple(replace(one, offset=one.offset - skipped) for one in segments)
        text = build_playlist(STUB_RUNG.name, replace(playlist, segments=moved), layout.segment_s)
        path.with_suffix(".m3u8").write_text(text)
        chunks.check_chunk(folder, layout, chunk)
        while (left_s := ready_at - time.monotonic()) > 0:
            tick(0)
            time.sleep(min(left_s, 0.25))
        return chunks.FinishedChunk("stub", 0.0, 0.0, 0.0, "", False, {path.name: chunks.checksum(path)})

    chunks._run = cut_out
    try:
        yield
    finally:
        chunks._run = real


def overhead(folder: Path, tools: Tools, options: argparse.Namespace) -> dict[str, Any]:
    media = Path(os.environ.get("POD_JOBS_TEST_MEDIA", REPOSITORY.parent / "shared" / "media"))
    source = folder / "talks.mp4"
    if not (media / TALK).exists():
        sys.exit(f"no {TALK} in {media}: set POD_JOBS_TEST_MEDIA, or --talks 0")
    looped = ["-stream_loop", str(options.talks - 1), "-i", str(media / TALK), "-c", "copy", str(source)]
    run([tools.ffmpeg, "-nostdin", "-v", "error", *looped], folder, BOUNDS, lambda _: None, lambda: None)
    plan = EncodePlan(ladder_of_settings(), share_from_s=1, chunk_s=options.chunk_s, with_extras=False, limits=LIMITS)
    helpers = {"whole": 0, "shared": 1}
    best: dict[str, Encoded] = {}
    for name in there_and_back(list(helpers), options.repeat):
        target = folder / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        team = Forked(source, target, tools, helpers[name])
        encoded = encode(source, target, plan, tools, lambda _: None, team)
        team.end()
        say(f"{options.talks} x 42 s of 720p, {name}: {encoded.cpu_s:.1f} s of processor time")
        best[name] = min(best.get(name, encoded), encoded, key=lambda one: one.cpu_s)
    figures = {f"{name}_{what}": getattr(one, what) for name, one in best.items() for what in ("cpu_s", "wall_s")}
    ratio = figures["shared_cpu_s"] / figures["whole_cpu_s"]
    return {**figures, "overhead_two_workers": round(ratio - 1, 4)}


def table(figures: dict[str, Any]) -> str:
    lines = [f"{'workers':>8} {'wall s':>8} {'ideal s':>8} {'ratio':>6}"]
    lines += [
        f"{one['workers']:8} {one['wall_s']:8.2f} {one['ideal_s']:8.2f} {one['ratio']:6.3f}" for one in figures["rows"]
    ]
    if figures["overhead_two_workers"] is not None:
        lines.append("")
        lines.append("whole {whole_cpu_s} s of processor time, {whole_wall_s} s".format(**figures))
        lines.append("two workers {shared_cpu_s} s of processor time, {shared_wall_s} s".format(**figures))
    return "\n".join(
        [*lines, "", *(f"{name} = {figures[name]}" for name in ("overhead_two_workers", "ideal_ratio_16"))]
    )
