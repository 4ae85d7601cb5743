"""Reads one media file with PyAV and prints what it saw as one JSON object. A program, started by probe.py, alone in
its process because the libraries it calls parse hostile bytes and may crash.  python -I probe_child.py REQUEST

REQUEST  {"path", "demuxers", "decoders", "max_streams", "max_pixels", "scan_s"}
prints   {"container", "claimed_s", "start_s", "end_s", "end_is_known", "encrypted", "streams": [{…}]} or {"fault", "reason"}

It imports nothing of ours, so that the sandbox has to show it nothing of ours.
"""

import json
import os
import re
import sys
import time
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

FIRST_LOOK_S = 5.0  # for a track that starts late or is empty; others are seen within milliseconds
HOPELESS_PACKETS = 300  # a track that decoded none of that many is given up
RATE_FRAMES = 120  # packets of the video that its frame rate is measured on
INDEX_BYTES = 4_000_000
TAIL_S = 10.0  # the end is looked for from this far before the claimed end
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
        self.frame: dict[str, Any] | None = None

    def take(self, packet: "av.Packet[Any]") -> None:
        self.packets += 1
        at_s = seconds(packet, packet.pts)
        if at_s is not None:
            self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
            if len(self.times) < RATE_FRAMES:
                self.times.append(at_s)
        if self.frame is None and self.fault != "unsupported" and self.packets <= HOPELESS_PACKETS:
            try:
                for frame in packet.decode():
                    self.frame = frame_facts(frame)
                    break
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
        "transfer": int(frame.color_trc),
        "primaries": int(frame.color_primaries),
        "matrix": int(frame.colorspace),
        "full_range": int(frame.color_range) == 2,
    }


def first_look(container: InputContainer, seen: dict[int, Seen]) -> None:
    """Demux and decode until every track has shown a frame."""
    deadline = time.monotonic() + FIRST_LOOK_S
    for packet in container.demux([one.stream for one in seen.values()]):
        if packet.size:
            seen[packet.stream_index].take(packet)
        if all(one.satisfied for one in seen.values()) or time.monotonic() > deadline:
            return


def last_packet_s(container: InputContainer, deadline: float) -> tuple[float, bool]:
    """The end of the last packet from where the container stands; False when the time ran out before the end."""
    end_s = 0.0
    for packet in container.demux():
        at_s = seconds(packet, packet.pts if packet.pts is not None else packet.dts)
        if at_s is not None and packet.size and not attached(packet.stream):
            end_s = max(end_s, at_s + min(seconds(packet, packet.duration) or 0.0, LONGEST_FRAME_S))
        if time.monotonic() > deadline:
            return end_s, False
    return end_s, True


def find_end(container: InputContainer, claimed_s: float | None, start_s: float, scan_s: float) -> tuple[float, bool]:
    """The real end on the file's own clock: near the claimed one if that is true, else by reading it all."""
    deadline = time.monotonic() + scan_s
    if claimed_s is not None:
        target_s = start_s + claimed_s
        try:
            container.seek(int(max(start_s, target_s - TAIL_S) * 1_000_000))
            end_s, known = last_packet_s(container, deadline)
        except av.FFmpegError:
            end_s, known = 0.0, False
        if known and abs(end_s - target_s) <= max(1.0, claimed_s / 100):
            return end_s, True
    try:
        container.seek(0)
    except av.FFmpegError:
        return 0.0, False
    return last_packet_s(container, deadline)


def stream_facts(one: Seen) -> dict[str, Any]:
    stream, codec = one.stream, one.stream.codec_context
    rates = (stream.average_rate, stream.base_rate) if stream.type == "video" else (None, None)
    spread_s = max(one.times) - min(one.times) if len(one.times) > 1 else 0.0
    picture = stream if isinstance(stream, VideoStream) else None
    sar = picture.sample_aspect_ratio if picture else None
    return {
        "index": stream.index,
        "kind": stream.type,
        "codec": codec.codec.canonical_name if codec else "",
        "profile": (stream.profile or "") if codec else "",
        "codec_tag": str(codec.codec_tag) if codec else "",
        "language": (stream.language or "")[:8],
        "default": bool(stream.disposition & av.stream.Disposition.default),
        "attached": attached(stream),
        "packets": one.packets,
        "frames": stream.frames,
        "duration_s": float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None,
        "first_s": one.first_s,
        "measured_fps": (len(one.times) - 1) / spread_s if spread_s > 0 else None,
        "average_fps": float(rates[0]) if rates[0] else None,
        "base_fps": float(rates[1]) if rates[1] else None,
        "sar": [sar.numerator, sar.denominator] if sar else [1, 1],
        "width_px": picture.width if picture else 0,
        "height_px": picture.height if picture else 0,
        "fault": one.fault,
        "frame": one.frame,
    }


def look(request: dict[str, Any]) -> dict[str, Any]:
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(request["demuxers"]),
        "codec_whitelist": ",".join(request["decoders"]),
        "max_streams": str(request["max_streams"] + 1),  # so that one too many is seen as such
        "probesize": "20000000",
        "analyzeduration": "20000000",
    }
    try:
        container = av.open("file:" + request["path"], options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        return {"fault": "unreadable", "reason": str(error)}
    decoders = frozenset(request["decoders"])
    tracks = [s for s in container.streams if s.type in ("video", "audio") and s.codec_context]
    seen = {stream.index: Seen(stream, decoders) for stream in tracks if not too_large(stream, request["max_pixels"])}
    if seen:
        first_look(container, seen)
    claimed_s = container.duration / 1_000_000 if container.duration else None
    start_s = (container.start_time or 0) / 1_000_000
    end_s, known = find_end(container, claimed_s, start_s, request["scan_s"]) if seen else (start_s, True)
    for stream in container.streams:
        seen.setdefault(stream.index, Seen(stream, decoders))
    return {
        "container": container.format.name,
        "claimed_s": claimed_s,
        "start_s": start_s,
        "end_s": end_s,
        "end_is_known": known,
        "encrypted": container.format.name.startswith("mov") and is_encrypted(request["path"]),
        "streams": [stream_facts(one) for _, one in sorted(seen.items())],
    }


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
    print(json.dumps(look(json.loads(sys.argv[1]))))  # noqa: T201


if __name__ == "__main__":
    main()
