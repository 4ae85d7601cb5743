"""Reads one media file with PyAV and prints what it saw as one JSON object. A program, started by probe.py, alone in
its process because the libraries it calls parse hostile bytes and may crash.  python -I probe_child.py REQUEST

REQUEST  {"path", "demuxers", "decoders", "max_streams", "max_pixels", "scan_s", "decode"}; decode: null, or the indices of
         tracks to decode whole; or "rewrite": {"tracks", "path"}: a copy to be made, whose clock never breaks; or "cues": the
         index of a track of MP4 text
prints   {"container", "claimed_s", "start_s", "end_s", "encrypted", "chapters", "streams": [{…}]} or {"fault", "reason"}
         with "decode": {"damage_s"}; with "rewrite": {"breaks"}; with "cues": {"cues"}

Of ours it imports only the files beside it that probe.py names, so that the sandbox has to show it nothing else of ours.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

sys.path.append(os.path.dirname(__file__))  # python -I does not look there

if TYPE_CHECKING:
    from pod_jobs.media.probing import (
        appended,
        cue_texts,
        frame_times,
        parameter_sets,
        pixel_shapes,
        stream_clock,
        track_facts,
    )
    from pod_jobs.media.probing.packets import packets_of
else:
    import appended
    import cue_texts
    import frame_times
    import parameter_sets
    import pixel_shapes
    import stream_clock
    import track_facts
    from packets import packets_of

FIRST_LOOK_S = 5.0  # for a track that starts late or is empty; others are seen within milliseconds
MOST_CHAPTERS = 500
INDEX_BYTES = 4_000_000
FAULTS_FROM_S = 1.0  # recordings that begin in mid-stream have harmless faults at their first frames
TAIL_S = 10.0  # the end is looked for from this far before the claimed end
# Codecs whose recordings may change fields or colours in mid-stream
CHANGING_CODECS = ("h264", "hevc", "mpeg2video", "vc1", "dvvideo", "vp9", "av1")
PLACES = (0.25, 0.5, 0.75, 0.95)  # of the duration, where that is looked at
PATIENCE = 2000  # packets until a key frame
RECKONED = ("aac", "ac3", "eac3", "amr", "dts")  # files of frames and nothing else


def first_look(container: InputContainer, seen: dict[int, track_facts.Seen]) -> None:
    """Demux and decode until every track has shown a frame."""
    deadline = time.monotonic() + FIRST_LOOK_S
    for packet in packets_of(container, [track.stream for track in seen.values()]):
        if packet.size:
            seen[packet.stream_index].take(packet)
        if all(track.satisfied for track in seen.values()) or time.monotonic() > deadline:
            return
    for track in seen.values():
        track.end()


def last_packets(container: InputContainer, deadline: float, ends: dict[int, float]) -> tuple[float, float, bool]:
    """The last ends of picture or sound, and of any track, from where the container stands; False when the time ran out.
    `ends` takes that of each track by its index."""
    end_s = any_s = 0.0
    for packet in packets_of(container):
        at_s = track_facts.seconds(packet, packet.pts if packet.pts is not None else packet.dts)
        if at_s is not None and packet.size and not track_facts.attached(packet.stream):
            after_s = at_s + min(track_facts.seconds(packet, packet.duration) or 0.0, track_facts.LONGEST_FRAME_S)
            any_s = max(any_s, after_s)
            ends[packet.stream_index] = max(ends.get(packet.stream_index, 0.0), after_s)
            end_s = max(end_s, after_s) if packet.stream.type in ("video", "audio") else end_s
        if time.monotonic() > deadline:
            return end_s, any_s, False
    return end_s, any_s, True


def find_end(
    container: InputContainer, request: dict[str, Any], claimed_s: float | None, start_s: float, ends: dict[int, float]
) -> tuple[float, float]:
    """The real end of picture and sound on the file's own clock: near the claimed one if that is true, else by reading it
    all, opened anew: some cannot go back (FLV without an index). And how long subtitles go on after it.
    """
    deadline = time.monotonic() + request["scan_s"]
    if claimed_s is not None:
        target_s = start_s + claimed_s
        try:
            container.seek(int(max(start_s, target_s - TAIL_S) * 1_000_000))
            end_s, _, is_complete = last_packets(container, deadline, ends)
        except av.FFmpegError:
            end_s, is_complete = 0.0, False
        if is_complete and abs(end_s - target_s) <= max(1.0, claimed_s / 100):
            return end_s, 0.0
    end_s, any_s, _ = last_packets(opened(request), deadline, ends)
    return end_s, any_s - end_s


def sampled_frames(
    container: InputContainer, stream: Stream, start_s: float, whole_s: float
) -> Iterator[dict[str, Any]]:
    """What frames of a picture show at several places. Decodes a key frame at each, which takes 25 ms for one of 1080p; not where
    it can only be as the first frame was."""
    codec: Any = stream.codec_context
    record = (codec.extradata or b"") if codec.name == "h264" else b""
    is_settled = parameter_sets.excludes_fields(record)
    for share in PLACES:
        try:
            container.seek(int((start_s + share * whole_s) * 1_000_000))
            packets = (packet for packet in packets_of(container, [stream]) if packet.size)
            key = next(
                (packet for _, packet in zip(range(PATIENCE), packets, strict=False) if packet.is_keyframe), None
            )
            if key and not (is_settled and is_plain(key, record)):
                yield from map(track_facts.frame_facts, [*codec.decode(key), *codec.decode(None)])
        except av.FFmpegError:
            continue


def is_plain(packet: "av.Packet[Any]", record: bytes) -> bool:
    """Does a frame of H.264 have the parameter set of its track's `record`?"""
    return not (packet.has_sidedata("new_extradata") or parameter_sets.brings_set(bytes(packet), record))


def add_sampled_facts(container: InputContainer, facts: dict[str, Any], start_s: float, whole_s: float) -> None:
    """Adds to the facts of a picture what is not so from its first frame on: some begin progressive, or in other colours."""
    first, stream = facts["frame"], container.streams[facts["index"]]
    codec: Any = stream.codec_context
    pixels = codec.sample_aspect_ratio
    for later in sampled_frames(container, stream, start_s, whole_s):
        first["interlaced"] |= later["interlaced"]
        facts["changes_colours"] |= any(later[name] != first[name] for name in ("matrix", "full_range"))
        facts["changes_shape"] |= codec.sample_aspect_ratio != pixels


def first_damage_s(container: InputContainer, indices: list[int], scan_s: float) -> float | None:
    """Seconds to the first fault of any of these tracks after the first second; None for none.

    A fault of a sound track counts only if more packets follow: after the last one there may be a tag or a line feed.
    """
    deadline, last_words = time.monotonic() + scan_s, dict[int, float]()
    start_s = (container.start_time or 0) / 1_000_000
    for packet in packets_of(container, [container.streams[index] for index in indices]):
        at_s = track_facts.seconds(packet, packet.pts if packet.pts is not None else packet.dts)
        if packet.size and packet.stream_index in last_words:
            return last_words[packet.stream_index]
        try:
            clean = not any(getattr(frame, "is_corrupt", False) for frame in packet.decode())
        except av.FFmpegError:
            clean = False
        if not clean and at_s is not None and at_s - start_s > FAULTS_FROM_S:
            if packet.stream.type != "audio":
                return at_s - start_s
            last_words[packet.stream_index] = at_s - start_s
        if time.monotonic() > deadline:
            break
    return None


def programs(container: Any) -> list[list[int]]:
    """The tracks of each program of a transport stream, as libavformat lists them; PyAV has no other way to ask."""
    program_tracks: list[list[int]] = []
    av.logging.set_level(av.logging.INFO)
    listing = container.dumps_format()
    av.logging.set_level(av.logging.FATAL)
    for line in listing.splitlines():
        if re.match(r"  (Program [0-9]+|No Program)", line):
            program_tracks.append([])
        elif program_tracks and (track := re.match(r"  Stream #0:([0-9]+)", line)):
            program_tracks[-1].append(int(track[1]))
    return program_tracks


def promised_s(container: InputContainer, path: str) -> float | None:
    """The duration that the container announces; None where libavformat only reckons it from a bit rate."""
    if not container.duration or container.format.name in RECKONED:
        return None
    if container.format.name == "mp3":
        with open(path, "rb") as file:
            if not re.search(rb"Xing|Info|VBRI", file.read(INDEX_BYTES)):
                return None
    return container.duration / 1_000_000


def opened(request: dict[str, Any]) -> InputContainer:
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(request["demuxers"]),
        "codec_whitelist": ",".join(request["decoders"]),
        "max_streams": str(request["max_streams"] + 1),  # so that one too many is seen as such
        "probesize": "20000000",
        "analyzeduration": "20000000",
    }
    container: InputContainer = av.open("file:" + request["path"], options=options, metadata_errors="replace")
    return container


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if "rewrite" in request:
        return rewritten(request)
    try:
        container = opened(request)
    except av.FFmpegError as error:
        return {"fault": "unreadable", "reason": str(error)}
    if "cues" in request:
        return {"cues": cue_texts.cue_texts(container, request["cues"])}
    if request["decode"] is not None:
        return {"damage_s": first_damage_s(container, request["decode"], request["scan_s"])}
    return look(container, request)


def look(container: InputContainer, request: dict[str, Any]) -> dict[str, Any]:
    decoders = frozenset(request["decoders"])
    tracks = [s for s in container.streams if s.type in ("video", "audio") and s.codec_context]
    seen = {
        stream.index: track_facts.Seen(stream, decoders)
        for stream in tracks
        if not too_large(stream, request["max_pixels"])
    }
    if seen:
        first_look(container, seen)
    # before the end is sought: in a file of fragments, the index holds what was read, but not what was skipped
    streams = [
        track_facts.stream_facts(seen.get(stream.index) or track_facts.Seen(stream, decoders))
        for stream in container.streams
    ]
    pictures = [
        track.stream
        for track in seen.values()
        if isinstance(track.stream, VideoStream) and not track_facts.attached(track.stream)
    ]
    paces = {picture.index: pace for picture in pictures if (pace := frame_times.index_pace(picture))}
    unclear = [picture.index for picture in pictures if frame_times.is_unclear(picture, paces.get(picture.index))]
    for index, pace in (frame_times.survey(opened(request), unclear) if unclear else {}).items():
        paces[index] = {**pace, **paces.get(index, {}), "peak_fps": pace["peak_fps"]}
    start_s = (container.start_time or 0) / 1_000_000
    claimed_s = promised_s(container, request["path"])
    if claimed_s is not None and container.format.name.startswith("matroska"):  # which announces where it ends
        claimed_s = max(claimed_s - start_s, 0.0)
    ends: dict[int, float] = {}
    for facts in streams:
        if claimed_s and facts["frame"] and facts["codec"] in CHANGING_CODECS and not facts["attached"]:
            add_sampled_facts(container, facts, start_s, claimed_s)
    end_s, beyond_s = find_end(container, request, claimed_s, start_s, ends) if seen else (start_s, 0.0)
    # Finding the end may have taken all of scan_s, and a probe has twice that
    deadline, shapes = time.monotonic() + request["scan_s"] / 3, pixel_shapes.PixelShapes()
    follows = appended.what_follows(request["path"], container.format.name, deadline)
    is_clocked = container.format.name in stream_clock.CLOCKED or follows != ""
    back_s = stream_clock.REORDERED_S if follows else stream_clock.BACK_S
    breaks_clock = is_clocked and stream_clock.is_set_anew(opened(request), deadline, shapes.take, back_s)
    if not is_clocked and any(facts["changes_shape"] for facts in streams):
        shapes.read(opened(request), deadline)
    for facts in streams:
        facts["lasts_s"] = max(ends.get(facts["index"], start_s) - start_s, facts["claimed_s"])
        facts |= paces.get(facts["index"], frame_times.NO_PACE)
        facts["ends_s"] = ends.get(facts["index"], facts["ends_s"])
        facts["shapes"] = shapes.changes.get(facts["index"], [])
    claimed_s = max(claimed_s - beyond_s, 0.0) if claimed_s is not None else None
    return {
        "container": container.format.name,
        "claimed_s": claimed_s,
        "start_s": start_s,
        "end_s": end_s,
        "encrypted": container.format.name.startswith("mov") and is_encrypted(request["path"]),
        "chapters": [chapter_facts(chapter, start_s) for chapter in container.chapters()[:MOST_CHAPTERS]],
        "streams": streams,
        "breaks_clock": breaks_clock,
        "leaves_rest": follows == "unread" and not breaks_clock,
        "programs": programs(container) if container.format.name == "mpegts" else [],
    }


def chapter_facts(chapter: Any, start_s: float) -> dict[str, Any]:
    begin, end = (float(chapter[edge] * chapter["time_base"]) - start_s for edge in ("start", "end"))
    return {"start_s": begin, "end_s": end, "title": str(chapter["metadata"].get("title", ""))[:500]}


def too_large(stream: Stream, max_pixels: int) -> bool:
    return isinstance(stream, VideoStream) and stream.width * stream.height > max_pixels


def is_encrypted(path: str) -> bool:
    """A "sinf" box that hides a codec's name, near the start or the end, where MP4 has its index (ISO/IEC 14496-12, 8.12);
    libavformat shows such a track under its hidden name, and decodes noise."""
    with open(path, "rb") as file:
        head = file.read(INDEX_BYTES)
        file.seek(max(0, file.seek(0, os.SEEK_END) - INDEX_BYTES))
        return any(re.search(rb"sinf....frma", part, re.DOTALL) for part in (head, file.read(INDEX_BYTES)))


def rewritten(request: dict[str, Any]) -> dict[str, Any]:
    try:
        container = opened(request)
        form = "mpegts" if container.format.name in stream_clock.CLOCKED else "matroska"  # which takes what others hold
        return {"breaks": stream_clock.rewrite(container, **request["rewrite"], form=form)}
    except (av.FFmpegError, ValueError) as error:
        return {"fault": "unwritable", "reason": str(error)}


def main() -> None:
    av.logging.set_level(av.logging.FATAL)
    request = json.loads(sys.argv[1])
    print(json.dumps(answer(request)), flush=True)  # noqa: T201
    os._exit(0)  # all is said: taking decoders of hostile bytes down takes time, and may crash


if __name__ == "__main__":
    main()
