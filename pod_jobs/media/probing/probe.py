"""What is in a file: MediaInfo, read by a child process that may crash (probe_child.py), and judged here.

Nothing the container says is believed where the packets or the first decoded frame can say it: HDR files whose
container says SDR, frame rates of 90,000 per second, durations of 40 hours in 100 kB, tracks without a single packet.
"""

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pod_jobs.errors import BadSource, FfmpegFailed, OutOfResources
from pod_jobs.media.facts.file_type import SNIFF_BYTES, refuse_unless_media
from pod_jobs.media.facts.media_info import AudioTrack, Chapter, MediaInfo, SubtitleTrack, VideoTrack
from pod_jobs.media.facts.times import clock
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.probing.choice import count_shown, kinds_lost, of_one_program, weigher
from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools

CHILD = Path(__file__).with_name("probe_child.py")
BESIDE = (
    "appended",
    "cue_texts",
    "frame_times",
    "packets",
    "parameter_sets",
    "pixel_shapes",
    "stream_clock",
    "track_facts",
)  # what the child imports
# The child did not begin, as while an update exchanges our files
NOT_BEGUN = re.compile(r"^(bwrap|ImportError|ModuleNotFoundError): ", re.MULTILINE)
CHILD_FILES = (CHILD, *(CHILD.with_name(f"{name}.py") for name in BESIDE))
TRANSFERS = {16: "pq", 18: "hlg"}  # ITU-T H.273, transfer characteristics
PROTECTED_TAGS = ("encv", "enca", "drmi", "drms", "drmp")
TEXT_CODECS = ("ass", "ssa", "subrip", "srt", "mov_text", "text", "webvtt", "eia_608")  # subtitles that can become text
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # WebM keeps transparency beside the picture; others pass it by
ANIMATIONS = ("gif", "apng")
MOST_TEXTS = 16
COPY_WALL_S = 1800.0  # for a copy of the largest upload
LEAST_SHARE = 0.1  # of the announced duration: with less the upload is a broken one, not a short recording


def probe(source: Path, tools: Tools, limits: Limits, tick: Callable[[], None] = lambda: None) -> MediaInfo:
    """Read and judge `source`. BadSource says why it cannot be encoded; never takes longer than `limits.probe_s`."""
    size = _check_file(source)
    media = judge(_look(source, tools, limits, tick), size, limits)
    if media.video and media.video.decoder and media.video.decoder not in tools.decoders:
        return replace(media, video=replace(media.video, decoder="", has_alpha=False))
    return media


def find_damage(
    source: Path, media: MediaInfo, tools: Tools, limits: Limits, tick: Callable[[], None] = lambda: None
) -> float | None:
    """Seconds from the start to the first of picture or sound that does not decode cleanly; None when none was found in time.

    Faults in the first second do not count: recordings that begin in mid-stream have them.
    """
    tracks = [*([media.video.index] if media.video else []), *(track.index for track in media.audio)]
    try:
        return _look(source, tools, limits, tick, {"decode": tracks}).get("damage_s")
    except BadSource:
        return None


def rewrite_clock(
    source: Path, tracks: Sequence[int], copy: Path, tools: Tools, limits: Limits, tick: Callable[[], None]
) -> int:
    """Copy these tracks of `source` into the new file `copy`, whose clock never breaks. Returns how often the old clock
    did. Errors: BadSource."""
    question = {"rewrite": {"tracks": list(tracks), "path": str(copy)}}
    answer = _look(source, tools, limits, tick, question, copy)
    if "fault" in answer:
        raise BadSource(f"its clock is set anew, and it cannot be copied: {answer['reason']}", code="source-damaged")
    return int(answer["breaks"])


def read_cues(
    source: Path, index: int, tools: Tools, limits: Limits, tick: Callable[[], None]
) -> list[tuple[float, float, str]]:
    """The subtitles of MP4 text in the track `index`: seconds from the start of the file, and untrusted words. Errors:
    BadSource."""
    answer = _look(source, tools, limits, tick, {"cues": index})
    if "fault" in answer:
        raise BadSource(answer["reason"])
    return [(begin_s, end_s, text) for begin_s, end_s, text in answer["cues"]]


def _check_file(source: Path) -> int:
    """Bytes of a regular file that begins like a recording."""
    try:
        facts = source.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise BadSource(f"not a regular file (mode {stat.filemode(facts.st_mode)})", code="source-not-media")
        with open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            refuse_unless_media(file.read(SNIFF_BYTES))
    except FileNotFoundError as error:
        raise BadSource(str(error), code="source-missing") from error
    return facts.st_size


def _look(
    source: Path,
    tools: Tools,
    limits: Limits,
    tick: Callable[[], None],
    question: dict[str, Any] | None = None,
    copy: Path | None = None,
) -> dict[str, Any]:
    """What the child answers to `question`. `copy`: a file that it writes."""
    request = {
        "decode": None,
        **(question or {}),
        "path": str(source),
        "demuxers": tools.demuxers,
        "decoders": sorted({*tools.decoders, *(name for name in guard.DECODERS if "*" not in name)}),
        "max_streams": limits.max_streams,
        "max_pixels": limits.max_pixels,
        "scan_s": limits.probe_s / 2,
    }
    argv = [sys.executable, "-I", str(CHILD), json.dumps(request)]
    folder = copy.parent if copy else None
    bounds = Bounds(wall_s=limits.probe_s, memory_mb=limits.memory_mb, file_mb=1, grace_s=0.2)
    if copy:
        bounds = replace(bounds, wall_s=COPY_WALL_S, file_mb=10 + 2 * source.stat().st_size // 1_000_000)
    try:
        finished, text = capture(
            guard.sandboxed(tools.sandbox, argv, (source, *CHILD_FILES), folder), folder or source.parent, bounds, tick
        )
    except FfmpegFailed as error:
        raise BadSource(f"probe: {error.reason}") from error
    if finished.returncode in (-9, 137):
        raise OutOfResources(f"the probe was killed: {finished.stderr}")
    try:
        answer = json.loads(text)
    except ValueError:
        reason = f"the probe ended with {finished.returncode}: {finished.stderr}"
        raise (OutOfResources(reason) if NOT_BEGUN.search(finished.stderr) else BadSource(reason)) from None
    assert isinstance(answer, dict)  # noqa: S101  (our own program)
    return answer


def judge(answer: dict[str, Any], size: int, limits: Limits) -> MediaInfo:
    """What the child saw -> what we make of it. Pure."""
    if "fault" in answer:
        raise BadSource(answer["reason"])
    streams = answer["streams"]
    if len(streams) > limits.max_streams:
        raise BadSource(f"{len(streams)} streams", code="source-too-many-streams", limit=str(limits.max_streams))
    tracks = [s for s in streams if s["kind"] in ("video", "audio") and not s["attached"]]
    if not tracks:
        raise BadSource(f"{len(streams)} streams, none of them picture or sound", code="source-no-streams")
    if any(s["codec_tag"] in PROTECTED_TAGS for s in tracks) or answer.get("encrypted"):
        raise BadSource("encrypted samples", code="source-protected")
    _check_size(tracks, limits)
    usable = [s for s in tracks if s["frame"]]
    if not usable:
        _raise_nothing_decodes(tracks)
    first_index = min((s["index"] for s in tracks if s["kind"] == "video"), default=None)
    usable, elsewhere, programs = of_one_program(usable, answer.get("programs", []))
    tracks = [s for s in tracks if s["index"] not in elsewhere]
    subtitles = [s for s in streams if s["kind"] == "subtitle" and s["index"] not in elsewhere]
    texts = [s for s in subtitles if s["codec"] in TEXT_CODECS][:MOST_TEXTS]
    undecodable = [s for s in tracks if not s["frame"] and (s["packets"] or not s["codec"])]
    pictures = [s for s in usable if s["kind"] == "video"]
    media = MediaInfo(
        container=answer["container"],
        bytes=size,
        duration_s=round(max(answer["end_s"] - answer["start_s"], 0.0), 3),
        claimed_s=answer["claimed_s"],
        video=_video(pictures, answer["start_s"], answer["end_s"], first_index),
        audio=tuple(_audio(s, answer["start_s"]) for s in usable if s["kind"] == "audio"),
        cover_index=next((s["index"] for s in streams if s["attached"] and s["frame"]), None),
        undecodable=tuple((s["kind"], s["codec"] or "?") for s in undecodable),
        lost=kinds_lost(usable, undecodable),
        pictures=count_shown(pictures, answer["container"]),
        subtitles=tuple(_subtitle(s) for s in texts),
        has_more_subtitles=len(texts) < len(subtitles),
        has_cea608=any(s.get("cea608") for s in usable),
        chapters=tuple(Chapter(**chapter) for chapter in answer.get("chapters", ())),
        programs=programs,
        breaks_clock=answer.get("breaks_clock", False),
        leaves_rest=answer.get("leaves_rest", False),
        start_s=answer["start_s"],
    )
    if media.video and media.video.codec in ANIMATIONS and max(s["packets"] for s in tracks) == 1:
        raise BadSource("one picture", code="source-still")
    if not media.breaks_clock:
        _check_duration(media, limits)
    return media


def _check_size(tracks: list[dict[str, Any]], limits: Limits) -> None:
    for track in tracks:
        width, height = track["width_px"], track["height_px"]
        if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
            allowed = {"megapixels": f"{limits.max_pixels / 1e6:g}", "side": str(limits.max_side_px)}
            raise BadSource(f"{width} x {height} pixels", code="source-too-many-pixels", **allowed)


def _raise_nothing_decodes(tracks: list[dict[str, Any]]) -> None:
    reasons = "; ".join(f"track {s['index']} ({s['codec'] or '?'}): {s['fault'] or 'no packets'}" for s in tracks)
    unknown = [s["codec"] or "?" for s in tracks if s["fault"] == "unsupported"]
    if unknown:
        raise BadSource(reasons, code="source-unsupported-codec", codec=", ".join(unknown))
    raise BadSource(reasons, code="source-damaged")


def _check_duration(media: MediaInfo, limits: Limits) -> None:
    if media.claimed_s and media.duration_s < media.claimed_s * LEAST_SHARE:
        raise BadSource(
            f"the container says {media.claimed_s:.1f} s, its packets end at {media.duration_s:.1f} s",
            code="source-incomplete",
            claimed=clock(media.claimed_s),
            present=clock(media.duration_s),
        )
    check_duration(media.duration_s, limits)


def check_duration(duration_s: float, limits: Limits) -> None:
    """Of a source, and of all that becomes one picture. Errors: BadSource."""
    if duration_s > limits.max_duration_s:
        raise BadSource(f"{duration_s:.0f} s", code="source-too-long", limit=clock(limits.max_duration_s))


def _video(tracks: list[dict[str, Any]], start_s: float, end_s: float, first_index: int | None) -> VideoTrack | None:
    if not tracks:
        return None
    track = max(tracks, key=weigher(tracks))
    frame = track["frame"]
    fps = _fps(track)
    decoder = ALPHA_DECODERS.get(track["codec"], "") if track["alpha_mode"] else ""
    is_animation = track["codec"] in ANIMATIONS  # whose frames may become transparent one by one
    return VideoTrack(
        index=track["index"],
        codec=track["codec"],
        profile=track["profile"],
        width_px=frame["width_px"],
        height_px=frame["height_px"],
        sar=(track["sar"][0], track["sar"][1]),
        rotation_deg=frame["rotation_deg"],
        pix_fmt=frame["pix_fmt"],
        hdr=TRANSFERS.get(frame["transfer"], ""),
        primaries=frame["primaries"],
        matrix=frame["matrix"],
        full_range=frame["full_range"] or frame["is_rgb"] or frame["pix_fmt"].startswith("yuvj"),
        interlaced=frame["interlaced"],
        fps=fps,
        base_fps=track["base_fps"] or fps,
        start_s=max(0.0, (track["first_s"] or 0.0) - start_s),
        mirrored=frame.get("mirrored", False),
        leads=track["index"] == first_index,
        transfer=frame["transfer"],
        says_range=frame["says_range"],
        changes_colours=track["changes_colours"],
        shapes=tuple((at_s - start_s, times) for at_s, times in track.get("shapes", ())),
        is_rgb=frame["is_rgb"],
        has_alpha=frame["has_alpha"] or is_animation or bool(decoder),
        bits=frame["bits"],
        decoder=decoder,
        level=track.get("level", 0),
        longest_gap_s=track.get("longest_gap_s", 0.0),
        kbps=track.get("kbps", 0.0),
        hides_frames=track.get("hides_frames", False),
        peak_fps=round(float(track["peak_fps"] or 0.0), 3),
        pause_s=track["pause_s"],
        ends_early_s=None if track["ends_s"] is None else round(max(0.0, end_s - track["ends_s"]), 3),
        still_share=track.get("still_share", 0.0),
    )


def _fps(track: dict[str, Any]) -> float:
    """Of the whole track where its index tells, else measured on the first packets (which are fields, and twice as many, in
    some interlaced files)."""
    if track["frame"]["interlaced"] and track["average_fps"]:
        return round(float(track["average_fps"]), 3)
    return round(float(track["index_fps"] or track["measured_fps"] or track["average_fps"] or 25.0), 3)


def _audio(track: dict[str, Any], start_s: float) -> AudioTrack:
    frame = track["frame"]
    return AudioTrack(
        index=track["index"],
        codec=track["codec"],
        channels=frame["channels"],
        sample_rate_hz=frame["sample_rate_hz"],
        language=track["language"],
        default=track["default"],
        start_s=round(max(0.0, (track["first_s"] or 0.0) - start_s), 6),
        has_places=frame["has_places"],
    )


def _subtitle(track: dict[str, Any]) -> SubtitleTrack:
    return SubtitleTrack(track["index"], track["codec"], track["language"])


def facts_of(media: MediaInfo) -> dict[str, Any]:
    """What a person wants to read about the source, as plain values."""
    shown = {"container": media.container, "bytes": media.bytes, "duration_s": media.duration_s}
    shown["video"] = {**asdict(media.video), "display_size": media.video.display_size} if media.video else None
    shown["audio"] = [asdict(track) for track in media.audio]
    shown["subtitles"] = [asdict(track) for track in media.subtitles]
    return shown
