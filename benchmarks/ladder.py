"""Compares ways to make the ladder of one or more sources: wall and processor seconds, memory, bytes, VMAF.

ours           encode() of pod_jobs/media: probe, guards, sandbox, the pass, checks, downloads, pictures
bare           only the one ffmpeg command of the same plan, without guards: the limit of what ours can reach
per rendition  one ffmpeg run per rendition, same encoder options
two passes     what Esup-Pod's encoder does: MP4 first, then HLS; preset slow, CRF 20, a key frame each second
"""

import argparse
import os
import shlex
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import imageio_ffmpeg

from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.encode import EncodePlan, Progress, encode
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.ladder import PlannedRendition, Rendition, build_ladder, segment_s
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.planning.pace import paced
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.process.run import Bounds, run
from pod_jobs.media.process.tools import Tools, find_tools

SAME_COLOURS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
SUMMARY = "the ladder of one source: ours, the bare command, one run per rendition, two passes; with VMAF"
REPOSITORY = Path(__file__).parent.parent
DEFAULT_FILE = "pod_1080p_vfr_talk.mp4"
BOUNDS = Bounds(wall_s=7200, memory_mb=64_000, file_mb=100_000)
LIMITS = Limits(max_duration_s=43_200, max_pixels=36_000_000, wall_factor=30.0, stall_s=120, memory_mb=6000)
Row = dict[str, Any]
COMBINED: dict[str, Callable[[Sequence[float]], float]] = {  # figure -> how several are combined
    "ratio_to_bare": geometric_mean,
    "speedup_vs_two_pass": geometric_mean,
    "vmaf_delta_min": min,
    "bytes_ratio": geometric_mean,
    "first_playable_s": max,
    "peak_mb": max,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    media = os.environ.get("POD_JOBS_TEST_MEDIA", REPOSITORY.parent / "shared" / "media")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", default=[Path(media) / DEFAULT_FILE])
    parser.add_argument("--ffmpeg", default="", help='path; "" = the ffmpeg of the package')
    parser.add_argument("--sandbox", default="auto", choices=("auto", "bwrap", "none"))
    parser.add_argument("--repeat", type=int, default=2, help="runs of each way; the fastest counts")
    parser.add_argument("--copy", action="store_true", help="ours copies a web-safe source, as the settings have it")
    parser.add_argument("--quick", action="store_true", help="only ours and bare, no VMAF")


def measure(options: argparse.Namespace) -> Row:
    tools = find_tools(options.ffmpeg, options.sandbox)
    found = [measure_file(path.absolute(), tools, options) for path in options.files]
    return found[0] if len(found) == 1 else overall(found)


def overall(found: Sequence[Row]) -> Row:
    """Geometric means of the ratios, the worst of the rest."""
    figures: Row = {"files": list(found)}
    for name, combine in COMBINED.items():
        values = [one[name] for one in found if name in one]
        if values:
            figures[name] = round(combine(values), 3)
    return figures


def measure_file(source: Path, tools: Tools, options: argparse.Namespace) -> Row:
    plan = EncodePlan(ladder_of_settings(), copy_top=options.copy, limits=LIMITS)
    media = probe(source, tools, LIMITS)
    if media.video is None:
        sys.exit("a benchmark of ladders needs a picture")
    ladder = build_ladder(media.video.display_size, plan.renditions)
    bare = bare_command(source, plan, tools)
    ways: dict[str, Callable[[Path], Row]] = {
        "ours": lambda folder: ours(source, folder, plan, tools),
        "bare": lambda folder: timed([bare], folder),
    }
    if not options.quick:
        ways["per rendition"] = lambda folder: per_rendition(source, folder, media, ladder, tools)
        ways["two passes"] = lambda folder: two_passes(source, folder, ladder, tools)
    best: dict[str, Row] = {}
    for name in there_and_back(list(ways), options.repeat):
        with tempfile.TemporaryDirectory() as folder:
            row = {"way": name, **ways[name](Path(folder))}
            say(f"{name}: {row['wall_s']:.2f} s")
            if name not in best and not options.quick and name in ("ours", "two passes"):
                row["vmaf"] = vmaf(source, Path(folder), media, ladder)
            if name not in best or row["wall_s"] < best[name]["wall_s"]:
                best[name] = {**best.get(name, {}), **row}
    return summary(source, tools, best)


def there_and_back(names: Sequence[str], rounds: int) -> Iterator[str]:
    """The `names` in turn, `rounds` times, so that a busy minute of the machine hits all of them. Every second round goes
    backwards, so that none always follows the one that heats the machine most."""
    for n in range(rounds):
        yield from names[:: -1 if n % 2 else 1]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ladder_of_settings() -> tuple[Rendition, ...]:
    rows = tomllib.loads((REPOSITORY / "settings.toml").read_text(encoding="utf-8"))["rendition"]
    return tuple(Rendition(**row) for row in rows)


def summary(source: Path, tools: Tools, best: dict[str, Row]) -> Row:
    one, bare_row, two = best["ours"], best["bare"], best.get("two passes")
    figures: Row = {
        "file": source.name,
        "ffmpeg": tools.version,
        "sandbox": tools.sandbox.kind,
        "ratio_to_bare": round(one["wall_s"] / bare_row["wall_s"], 3),
        "first_playable_s": one["first_playable_s"],
        "peak_mb": one["peak_mb"],
        "rows": list(best.values()),
    }
    if two:
        deltas = [one["vmaf"][name] - two["vmaf"][name] for name in one["vmaf"]]
        figures["speedup_vs_two_pass"] = round(two["wall_s"] / one["wall_s"], 2)
        if deltas:
            figures["vmaf_delta_min"] = round(min(deltas), 2)
        figures["bytes_ratio"] = round(one["bytes"] / two["bytes"], 3)
    return figures


def table(figures: Row) -> str:
    if "files" in figures:
        totals = [f"{name} = {figures[name]}" for name in COMBINED if name in figures]
        return "\n\n".join([*map(table, figures["files"]), "\n".join([f"all {len(figures['files'])}", *totals])])
    lines = [f"{figures['file']}, ffmpeg {figures['ffmpeg']}, sandbox {figures['sandbox']}", ""]
    lines.append(f"{'way':14} {'wall s':>8} {'cpu s':>8} {'MB RAM':>8} {'MB':>8}   VMAF")
    for row in figures["rows"]:
        quality = " / ".join(f"{name} {value:.1f}" for name, value in row.get("vmaf", {}).items())
        numbers = f"{row['wall_s']:8.2f} {row['cpu_s']:8.2f} {row['peak_mb']:8.0f} {row['bytes'] / 1e6:8.2f}"
        lines.append(f"{row['way']:14} {numbers}   {quality}")
    return "\n".join([*lines, "", *(f"{name} = {figures[name]}" for name in COMBINED if name in figures)])


def ignore(progress: Progress) -> None:
    pass


def ours(source: Path, folder: Path, plan: EncodePlan, tools: Tools) -> Row:
    encoded = encode(source, folder, plan, tools, ignore)
    return {
        "wall_s": encoded.wall_s,
        "cpu_s": encoded.cpu_s,
        "peak_mb": encoded.peak_mb,
        "first_playable_s": encoded.first_playable_s,
        "bytes": video_bytes(folder),
    }


def video_bytes(folder: Path) -> int:
    """Bytes of HLS and MP4, which both ways make."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".m4s", ".mp4", ".ts"))


def timed(commands: Sequence[Sequence[str]], folder: Path) -> Row:
    row = {"wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0}
    for argv in commands:
        finished = run(argv, folder, BOUNDS, lambda line: None, lambda: None)
        if finished.returncode:
            sys.exit(f"{shlex.join(argv)}\n{finished.stderr}")
        row["wall_s"] += finished.wall_s
        row["cpu_s"] += finished.cpu_s
        row["peak_mb"] = max(row["peak_mb"], finished.peak_mb)
    return {**row, "bytes": video_bytes(folder)}


def unguarded(argv: Sequence[str]) -> list[str]:
    return [argv[0], "-nostdin", "-v", "error", *argv[argv.index("-f") :]]


def bare_command(source: Path, plan: EncodePlan, tools: Tools) -> list[str]:
    """The one command of the pass, as `encode` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        encoded = encode(source, Path(folder), plan, tools, ignore)
    return unguarded(shlex.split(encoded.commands[0]))


def per_rendition(
    source: Path, folder: Path, media: MediaInfo, ladder: Sequence[PlannedRendition], tools: Tools
) -> Row:
    """One ffmpeg run per rendition. The sounds are in the first."""
    assert media.video
    kbps = max(one.rung.audio_kbps for one in ladder)
    sounds = [Sound(track, kbps, EncodePlan.mp3_kbps, f"{AUDIO}_{n}") for n, track in enumerate(media.audio)]
    opened = Source(str(source), media.demuxer)
    commands = []
    for one in ladder:
        picture = paced(Picture(media.video, (one,), None, EncodePlan.keyframe_s), media, 60, is_cut=False)
        heard = sounds if one == ladder[0] else []
        segments_s = segment_s(media.video, EncodePlan.segment_s, EncodePlan.keyframe_s)
        commands.append(unguarded(build_encode(tools, LIMITS, opened, picture, heard, segments_s)))
    return timed(commands, folder)


def two_passes(source: Path, folder: Path, ladder: Sequence[PlannedRendition], tools: Tools) -> Row:
    """All renditions as HLS, those with a download as MP4 before, from the source each time."""
    encoder = (
        "-c:v libx264 -preset slow -crf 20 -pix_fmt yuv420p -force_key_frames expr:gte(t,n_forced) -sc_threshold 0"
    )
    start = [tools.ffmpeg, "-nostdin", "-v", "error", "-i", str(source)]
    mp4, hls = list(start), list(start)
    for one in ladder:
        rung = one.rung
        common = ["-map", "0:v:0", "-map", "0:a:0?", "-vf", f"scale={one.width_px}:{one.height_px}", *encoder.split()]
        common += ["-maxrate", f"{rung.maxrate_kbps}k", "-bufsize", f"{2 * rung.maxrate_kbps}k"]
        common += ["-c:a", "aac", "-ac", "2", "-b:a", f"{rung.audio_kbps}k"]
        if rung.mp4:
            mp4 += [*common, "-movflags", "+faststart", f"two_{one.name}.mp4"]
        segments = ["-hls_flags", "single_file", "-hls_playlist_type", "vod", "-hls_time", "2"]
        hls += [*common, "-f", "hls", *segments, "-hls_segment_filename", f"{one.name}.ts", f"{one.name}.m3u8"]
    return timed([mp4, hls] if len(mp4) > len(start) else [hls], folder)


def vmaf(source: Path, folder: Path, media: MediaInfo, ladder: Sequence[PlannedRendition]) -> dict[str, float]:
    """Mean VMAF of each rendition, scaled back to the source's size; by the package's ffmpeg, which has libvmaf.

    Only where source and result can be laid over each other: upright, progressive, square pixels, SDR.
    """
    video = media.video
    assert video
    if video.hdr or video.rotation_deg or video.interlaced or video.sar != (1, 1):
        return {}
    found = {}
    for one in ladder:
        encoded = folder / f"{one.name}.m4s"
        say(f"VMAF {one.name}")
        # one tag for both: ffmpeg would convert the colours of a source that does not say them to those that the result says
        both = f"fps={video.fps},format=yuv420p,{SAME_COLOURS},setpts=PTS-STARTPTS"
        graph = (
            f"[0:v]scale={video.width_px}:{video.height_px}:flags=bicubic,{both}[a];[1:v]{both}[b];"
            "[a][b]libvmaf=n_threads=4:n_subsample=2"
        )
        argv = [
            imageio_ffmpeg.get_ffmpeg_exe(),  # type: ignore[attr-defined]
            "-nostdin",
            "-i",
            str(encoded if encoded.exists() else encoded.with_suffix(".ts")),
        ]
        argv += ["-i", str(source), "-lavfi", graph, "-f", "null", "-"]
        words = run(argv, folder, BOUNDS, lambda line: None, lambda: None).stderr
        found[one.name] = round(float(words.rpartition("VMAF score: ")[2].split()[0]), 2)
    return found
