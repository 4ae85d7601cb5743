"""Reads one media file with PyAV and prints what it saw as one JSON object. A program, started by probe.py, alone in
its process because the libraries it calls parse hostile bytes and may crash.  python -I probe_child.py REQUEST

REQUEST  {"path", "demuxers", "decoders", "max_streams", "max_pixels", "scan_s", "decode"}; decode: null, or the indices of
         tracks to decode whole
prints   {"container", "claimed_s", "start_s", "end_s", "encrypted", "chapters", "streams": [{…}]} or {"fault", "reason"}
         with "decode": {"damage_s"}

It imports nothing of ours but frame_times.py beside it, so that the sandbox has to show it nothing else of ours.
"""

import json
import os
import re
import struct
import sys
import time
from typing import Any

import av
import av.sidedata.sidedata
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

sys.path.append(os.path.dirname(__file__))  # python -I does not look there
import frame_times  # type: ignore[import-not-found]  # noqa: E402

FIRST_LOOK_S = 5.0  # for a track that starts late or is empty; others are seen within milliseconds
HOPELESS_PACKETS = 300  # a track that decoded none of that many is given up
RATE_FRAMES = 120  # packets of the video that its frame rate is measured on
OPAQUE = 255
CEA_608 = b"GA94\x03"  # ATSC A/53: closed captions among the user bytes of a picture
MOST_CHAPTERS = 500
INDEX_BYTES = 4_000_000
FAULTS_FROM_S = 1.0  # recordings that begin in mid-stream have harmless faults at their first frames
TAIL_S = 10.0  # the end is looked for from this far before the claimed end
STILL_BYTES = 128  # of a frame that says "as before": 12 to 110, by encoder and number of slices
FIELD_CODECS = ("h264", "mpeg2video", "vc1", "dvvideo")  # whose recordings change between frames and fields
PLACES = (0.25, 0.5, 0.75, 0.95)  # of the duration, where that is looked at
PATIENCE = 2000  # packets until a key frame
RECKONED = ("aac", "ac3", "eac3", "amr", "dts")  # files of frames and nothing else
LONGEST_FRAME_S = 60.0  # a last frame that claims to be longer is not believed


class Seen:
    """What the packets and the first frame of one track showed. Times in seconds, None while unknown."""

    def __init__(self, stream: Stream, decoders: frozenset[str]) -> None:
        codec = stream.codec_context.codec if stream.codec_context else None
        self.stream = stream
        self.fault = "" if codec and {codec.name, codec.canonical_name} & decoders else "unsupported"
        self.packets = 0
        self.first_s: float | None = None
        self.times: list[float] = []
        self.cea608 = False
        self.frame: dict[str, Any] | None = None

    def take(self, packet: "av.Packet[Any]") -> None:
        self.packets += 1
        at_s = seconds(packet, packet.pts)
        decoded_s = at_s if packet.dts is None else seconds(packet, packet.dts)
        if decoded_s is not None and len(self.times) < RATE_FRAMES:
            self.times.append(decoded_s)
        if self.stream.type == "video" and not attached(self.stream) and not self.cea608:
            self.cea608 = CEA_608 in bytes(packet)
        if at_s is not None:
            self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        if self.frame is None and self.fault != "unsupported" and self.packets <= HOPELESS_PACKETS:
            try:
                self.frame = next(map(frame_facts, packet.decode()), None)
            except (av.FFmpegError, ValueError) as error:
                self.fault = str(error)

    def end(self) -> None:
        """A decoder that waits for more than the few packets of a track gives its frame now."""
        if self.frame is None and self.packets and self.fault != "unsupported":
            try:
                codec: Any = self.stream.codec_context
                self.frame = next(map(frame_facts, codec.decode(None)), None)
            except (av.FFmpegError, ValueError) as error:
                self.fault = str(error)

    @property
    def satisfied(self) -> bool:
        enough = self.stream.type != "video" or len(self.times) >= RATE_FRAMES or attached(self.stream)
        hopeless = self.fault == "unsupported" or self.packets > HOPELESS_PACKETS
        return hopeless or (enough and self.frame is not None)


def seconds(packet: "av.Packet[Any]", value: int | None) -> float | None:
    return None if value is None or packet.time_base is None else float(value * packet.time_base)


def attached(stream: Stream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def frame_facts(frame: Any) -> dict[str, Any]:
    if not isinstance(frame, av.VideoFrame):
        return {"channels": frame.layout.nb_channels, "sample_rate_hz": frame.sample_rate}
    return {
        "width_px": frame.width,
        "height_px": frame.height,
        "pix_fmt": frame.format.name,
        "interlaced": bool(frame.interlaced_frame),
        "rotation_deg": int(frame.rotation),
        "mirrored": is_mirrored(frame),
        "transfer": int(frame.color_trc),
        "primaries": int(frame.color_primaries),
        "matrix": int(frame.colorspace),
        "full_range": int(frame.color_range) == 2,
        "says_range": int(frame.color_range) != 0,
        **format_facts(frame),
    }


def format_facts(frame: Any) -> dict[str, Any]:
    """Alpha counts where it shows something: screen recorders leave it 0 throughout."""
    form = frame.format
    has_alpha = any(one.is_alpha for one in form.components)
    if form.has_palette or has_alpha:
        alpha = bytes(frame.reformat(format="yuva420p").planes[3])
        has_alpha = min(alpha) < OPAQUE and max(alpha) > 0
    bits = max(one.bits for one in form.components)
    return {"is_rgb": form.is_rgb or form.has_palette, "has_alpha": has_alpha, "bits": bits}


def is_mirrored(frame: Any) -> bool:
    """Whether the display matrix (16.16 fixed point) turns the picture round like a mirror: its determinant is negative."""
    matrix = next((bytes(one) for one in frame.side_data if one.type == av.sidedata.sidedata.Type.DISPLAYMATRIX), b"")
    a, b, _, c, d = struct.unpack_from("=5i", matrix.ljust(20, b"\0"))
    return bool(a * d - b * c < 0)


def first_look(container: InputContainer, seen: dict[int, Seen]) -> None:
    """Demux and decode until every track has shown a frame."""
    deadline = time.monotonic() + FIRST_LOOK_S
    for packet in container.demux([one.stream for one in seen.values()]):
        if packet.size:
            seen[packet.stream_index].take(packet)
        if all(one.satisfied for one in seen.values()) or time.monotonic() > deadline:
            return
    for one in seen.values():
        one.end()


def last_packets(container: InputContainer, deadline: float, ends: dict[int, float]) -> tuple[float, float, bool]:
    """The last ends of picture or sound, and of any track, from where the container stands; False when the time ran out.
    `ends` takes that of each track by its index."""
    end_s = any_s = 0.0
    for packet in container.demux():
        at_s = seconds(packet, packet.pts if packet.pts is not None else packet.dts)
        if at_s is not None and packet.size and not attached(packet.stream):
            after_s = at_s + min(seconds(packet, packet.duration) or 0.0, LONGEST_FRAME_S)
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
            end_s, _, known = last_packets(container, deadline, ends)
        except av.FFmpegError:
            end_s, known = 0.0, False
        if known and abs(end_s - target_s) <= max(1.0, claimed_s / 100):
            return end_s, 0.0
    end_s, any_s, _ = last_packets(opened(request), deadline, ends)
    return end_s, any_s - end_s


def shows_fields(container: InputContainer, stream: Stream, start_s: float, whole_s: float) -> bool:
    """Whether the picture is interlaced at one of several places: some begin otherwise. Decodes a key frame at each."""
    codec: Any = stream.codec_context
    for share in PLACES:
        try:
            container.seek(int((start_s + share * whole_s) * 1_000_000))
            packets = (packet for packet in container.demux(stream) if packet.size)
            key = next(
                (packet for _, packet in zip(range(PATIENCE), packets, strict=False) if packet.is_keyframe), None
            )
            frames = [*codec.decode(key), *codec.decode(None)] if key else []
        except av.FFmpegError:
            continue
        if any(frame.interlaced_frame for frame in frames):
            return True
    return False


def first_damage_s(container: InputContainer, indices: list[int], scan_s: float) -> float | None:
    """Seconds to the first fault of any of these tracks after the first second; None for none.

    A fault of a sound counts when more of it follows: what stands behind its last packet is a tag, or a line feed.
    """
    deadline, last_words = time.monotonic() + scan_s, dict[int, float]()
    start_s = (container.start_time or 0) / 1_000_000
    for packet in container.demux([container.streams[index] for index in indices]):
        at_s = seconds(packet, packet.pts if packet.pts is not None else packet.dts)
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


def stream_facts(one: Seen) -> dict[str, Any]:
    stream, codec = one.stream, one.stream.codec_context
    picture = stream if isinstance(stream, VideoStream) and codec else None  # of an unknown codec PyAV knows no size
    sar = picture.sample_aspect_ratio if picture else None
    return {
        "index": stream.index,
        "kind": stream.type,
        "codec": codec.codec.canonical_name if codec else "",
        "profile": (stream.profile or "") if codec else "",
        "codec_tag": str(codec.codec_tag) if codec else "",
        "language": (stream.language or "")[:8],
        "cea608": one.cea608,
        "default": bool(stream.disposition & av.stream.Disposition.default),
        "attached": attached(stream),
        "packets": one.packets,
        "frames": stream.frames,
        "claimed_s": claimed_track_s(stream),
        "alpha_mode": stream.metadata.get("alpha_mode", "0") != "0",
        "index_fps": frame_times.index_fps(picture) if picture else None,
        "first_s": one.first_s,
        "measured_fps": rate_of(one.times),
        "average_fps": float(picture.average_rate) if picture and picture.average_rate else None,
        "base_fps": float(picture.base_rate) if picture and picture.base_rate else None,
        "sar": [sar.numerator, sar.denominator] if sar else [1, 1],
        "width_px": picture.width if picture else 0,
        "height_px": picture.height if picture else 0,
        "fault": one.fault,
        "frame": one.frame,
        **(index_facts(picture) if picture and not attached(stream) else {}),
    }


def claimed_track_s(stream: Stream) -> float:
    """How long the track is, by its container; 0 when that is not told."""
    tagged = re.fullmatch(
        r"([0-9]+):([0-9]+):([0-9]+(?:\.[0-9]+)?)", stream.metadata.get("DURATION", "")
    )  # of Matroska
    if tagged:
        return int(tagged[1]) * 3600 + int(tagged[2]) * 60 + float(tagged[3])
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


def programs(container: Any) -> list[list[int]]:
    """The tracks of each program of a transport stream, as libavformat lists them; PyAV has no other way to ask."""
    found: list[list[int]] = []
    av.logging.set_level(av.logging.INFO)
    listing = container.dumps_format()
    av.logging.set_level(av.logging.FATAL)
    for line in listing.splitlines():
        if re.match(r"  (Program [0-9]+|No Program)", line):
            found.append([])
        elif found and (track := re.match(r"  Stream #0:([0-9]+)", line)):
            found[-1].append(int(track[1]))
    return found


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


def look(request: dict[str, Any]) -> dict[str, Any]:
    try:
        container = opened(request)
    except av.FFmpegError as error:
        return {"fault": "unreadable", "reason": str(error)}
    if request["decode"] is not None:
        return {"damage_s": first_damage_s(container, request["decode"], request["scan_s"])}
    decoders = frozenset(request["decoders"])
    tracks = [s for s in container.streams if s.type in ("video", "audio") and s.codec_context]
    seen = {stream.index: Seen(stream, decoders) for stream in tracks if not too_large(stream, request["max_pixels"])}
    if seen:
        first_look(container, seen)
    # before the end is looked for: the index of fragments is what has been read, without what was jumped over
    streams = [stream_facts(seen.get(one.index) or Seen(one, decoders)) for one in container.streams]
    pictures = [one.stream for one in seen.values() if isinstance(one.stream, VideoStream) and not attached(one.stream)]
    paces = {one.index: pace for one in pictures if (pace := frame_times.index_pace(one))}
    unclear = [one.index for one in pictures if frame_times.is_unclear(one, paces.get(one.index))]
    for index, pace in (frame_times.survey(opened(request), unclear) if unclear else {}).items():
        paces[index] = {**pace, **paces.get(index, {}), "peak_fps": pace["peak_fps"]}
    start_s = (container.start_time or 0) / 1_000_000
    claimed_s = promised_s(container, request["path"])
    if claimed_s is not None and container.format.name.startswith("matroska"):  # which announces where it ends
        claimed_s = max(claimed_s - start_s, 0.0)
    ends: dict[int, float] = {}
    for stream, facts in zip(container.streams, streams, strict=True):
        if claimed_s and facts["frame"] and facts["codec"] in FIELD_CODECS and not facts["frame"]["interlaced"]:
            facts["frame"]["interlaced"] = shows_fields(container, stream, start_s, claimed_s)
    end_s, beyond_s = find_end(container, request, claimed_s, start_s, ends) if seen else (start_s, 0.0)
    for facts in streams:
        facts["lasts_s"] = max(ends.get(facts["index"], start_s) - start_s, facts["claimed_s"])
        facts |= paces.get(facts["index"], frame_times.NO_PACE)
        facts["ends_s"] = ends.get(facts["index"], facts["ends_s"])
    claimed_s = max(claimed_s - beyond_s, 0.0) if claimed_s is not None else None
    return {
        "container": container.format.name,
        "claimed_s": claimed_s,
        "start_s": start_s,
        "end_s": end_s,
        "encrypted": container.format.name.startswith("mov") and is_encrypted(request["path"]),
        "chapters": [chapter_facts(one, start_s) for one in container.chapters()[:MOST_CHAPTERS]],
        "streams": streams,
        "programs": programs(container) if container.format.name == "mpegts" else [],
    }


def index_facts(stream: VideoStream) -> dict[str, Any]:
    """What the index of an MP4 tells of every frame of an H.264 or HEVC track; nothing for others."""
    extra = stream.codec_context.extradata or b""
    entries = stream.index_entries
    if extra[:1] != b"\x01" or len(entries) < stream.frames or not stream.duration or not stream.time_base:
        return {}
    duration_s = float(stream.duration * stream.time_base)
    keys = [float(entry.timestamp * stream.time_base) for entry in entries if entry.is_keyframe]
    ends = [*keys[1:], keys[0] + duration_s] if keys else []
    return {
        "level": extra[3],  # of avcC, ISO/IEC 14496-15; in HEVC's record another thing, which copying.py never looks at
        "longest_gap_s": max((end - key for key, end in zip(keys, ends, strict=True)), default=0.0),
        "kbps": sum(entry.size for entry in entries) * 8 / 1000 / duration_s if duration_s else 0.0,
        "hides_frames": any(entry.is_discard for entry in entries),
        "still_share": sum(entry.size <= STILL_BYTES for entry in entries) / max(len(entries), 1),
    }


def chapter_facts(chapter: Any, start_s: float) -> dict[str, Any]:
    begin, end = (float(chapter[edge] * chapter["time_base"]) - start_s for edge in ("start", "end"))
    return {"start_s": begin, "end_s": end, "title": str(chapter["metadata"].get("title", ""))[:500]}


def rate_of(times: list[float]) -> float | None:
    """Frames per second from times in decoding order; a clock that is set anew in mid-file does not count."""
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    good = [step for step in steps if 0 < step < LONGEST_FRAME_S]
    return len(good) / sum(good) if good else None


def too_large(stream: Stream, max_pixels: int) -> bool:
    return isinstance(stream, VideoStream) and stream.width * stream.height > max_pixels


def is_encrypted(path: str) -> bool:
    """A "sinf" box that hides a codec's name, near the start or the end, where MP4 has its index (ISO/IEC 14496-12, 8.12);
    libavformat shows such a track under its hidden name, and decodes noise."""
    with open(path, "rb") as file:
        head = file.read(INDEX_BYTES)
        file.seek(max(0, file.seek(0, os.SEEK_END) - INDEX_BYTES))
        return any(re.search(rb"sinf....frma", part, re.DOTALL) for part in (head, file.read(INDEX_BYTES)))


def main() -> None:
    av.logging.set_level(av.logging.FATAL)
    print(json.dumps(look(json.loads(sys.argv[1]))), flush=True)  # noqa: T201
    os._exit(0)  # all is said: taking decoders of hostile bytes down takes time, and may crash


if __name__ == "__main__":
    main()
