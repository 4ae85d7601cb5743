"""What the packets and the first frame of a track show, and what its container says of it. Part of the program
probe_child.py, which runs alone in its process; imports of ours are only the files beside it.
"""

import re
import struct
from typing import TYPE_CHECKING, Any

import av
import av.sidedata.sidedata
from av.stream import Stream
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from pod_jobs.media.probing import frame_times
else:
    import frame_times

RATE_FRAMES = 120  # packets of the video that its frame rate is measured on
HOPELESS_PACKETS = 300  # a track that decoded none of that many is given up
OPAQUE = 255
STEREO = 2  # channels
# How libavutil names a layout that does not say where its channels are
NO_PLACES = re.compile("[0-9]+ channels|ambisonic")
CEA_608 = b"GA94\x03"  # ATSC A/53: closed captions among the user bytes of a picture
STILL_BYTES = 128  # of a frame that says "as before": 12 to 110, by encoder and number of slices
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
        count = frame.layout.nb_channels
        has_places = count <= STEREO or not NO_PLACES.match(frame.layout.name)
        return {"channels": count, "sample_rate_hz": frame.sample_rate, "at_s": frame.time, "has_places": has_places}
    return {
        "at_s": frame.time,
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
    has_alpha = any(component.is_alpha for component in form.components)
    if form.has_palette or has_alpha:
        alpha = bytes(frame.reformat(format="yuva420p").planes[3])
        has_alpha = min(alpha) < OPAQUE and max(alpha) > 0
    bits = max(component.bits for component in form.components)
    return {"is_rgb": form.is_rgb or form.has_palette, "has_alpha": has_alpha, "bits": bits}


def is_mirrored(frame: Any) -> bool:
    """Whether the display matrix (16.16 fixed point) turns the picture round like a mirror: its determinant is negative."""
    display_matrix = av.sidedata.sidedata.Type.DISPLAYMATRIX
    matrix = next((bytes(data) for data in frame.side_data if data.type == display_matrix), b"")
    a, b, _, c, d = struct.unpack_from("=5i", matrix.ljust(20, b"\0"))
    return bool(a * d - b * c < 0)


def stream_facts(seen: Seen) -> dict[str, Any]:
    stream, codec = seen.stream, seen.stream.codec_context
    picture = stream if isinstance(stream, VideoStream) and codec else None  # of an unknown codec PyAV knows no size
    sar = picture.sample_aspect_ratio if picture else None
    shown_s = seen.frame["at_s"] if seen.frame else None
    return {
        "index": stream.index,
        "kind": stream.type,
        "codec": codec.codec.canonical_name if codec else "",
        "profile": (stream.profile or "") if codec else "",
        "codec_tag": str(codec.codec_tag) if codec else "",
        "language": (stream.language or "")[:8],
        "cea608": seen.cea608,
        "default": bool(stream.disposition & av.stream.Disposition.default),
        "attached": attached(stream),
        "packets": seen.packets,
        "frames": stream.frames,
        "claimed_s": claimed_track_s(stream),
        "alpha_mode": stream.metadata.get("alpha_mode", "0") != "0",
        "index_fps": frame_times.index_fps(picture) if picture else None,
        "first_s": seen.first_s if shown_s is None else shown_s,  # some decoders swallow what the first packets hold
        "measured_fps": rate_of(seen.times),
        "average_fps": float(picture.average_rate) if picture and picture.average_rate else None,
        "base_fps": float(picture.base_rate) if picture and picture.base_rate else None,
        "sar": [sar.numerator, sar.denominator] if sar else [1, 1],
        "width_px": picture.width if picture else 0,
        "height_px": picture.height if picture else 0,
        "fault": seen.fault,
        "frame": seen.frame,
        "changes_colours": False,
        "changes_shape": False,
        **(index_facts(picture) if picture and not attached(stream) else {}),
    }


def claimed_track_s(stream: Stream) -> float:
    """How long the track is, by its container; 0 when that is not told."""
    # Matroska has the duration of a track as a tag
    tagged = re.fullmatch(r"([0-9]+):([0-9]+):([0-9]+(?:\.[0-9]+)?)", stream.metadata.get("DURATION", ""))
    if tagged:
        return int(tagged[1]) * 3600 + int(tagged[2]) * 60 + float(tagged[3])
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


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


def rate_of(times: list[float]) -> float | None:
    """Frames per second from times in decoding order; a clock that is set anew in mid-file does not count."""
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    good = [step for step in steps if 0 < step < LONGEST_FRAME_S]
    return len(good) / sum(good) if good else None
