"""When the pixels of a picture change their shape (sample aspect ratio), as television does between 4:3 and 16:9: ffmpeg 9, and
each version in a container that names one shape, shows all frames in the shape of the first. Part of the program
probe_child.py, which runs alone in its process and imports nothing else of ours.
"""

import re
import time
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer

if TYPE_CHECKING or __package__:
    from pod_jobs.media.probing.packets import packets_of
else:
    from packets import packets_of

# What stands before a key frame and says the shape, with or without start codes (ITU-T H.262, H.264 Annex B, H.265 Annex B;
# ISO/IEC 14496-15): a codec that is not here says it once for all
HEADS = {
    "mpeg1video": rb"\x00\x00\x01\xb3.*?(?=\x00\x00\x01[\x00\xb8])",
    "mpeg2video": rb"\x00\x00\x01\xb3.*?(?=\x00\x00\x01[\x00\xb8])",
    "h264": rb"(?:\x00\x00\x01|\x00\x00\x00.)[\x27\x47\x67].*?(?=\x00\x00[\x00\x01]|$)",
    "hevc": rb"(?:\x00\x00\x01|\x00\x00..)\x42\x01.*?(?=\x00\x00[\x00\x01]|$)",
}
MOST_CHANGES = 500  # that one expression of ffmpeg's should have to hold


class PixelShapes:
    """Collects the changes of the pictures whose packets it is shown. Decodes one key frame for each new head."""

    def __init__(self) -> None:
        self._heads: dict[int, bytes] = {}
        self._firsts: dict[int, float] = {}
        # of each track: (second by the file's clock, how many times as wide as at first its pixels are from then on)
        self.changes: dict[int, list[tuple[float, float]]] = {}

    def take(self, packet: "av.Packet[Any]") -> None:
        if not (packet.is_keyframe and packet.size and packet.stream.type == "video" and packet.time_base):
            return
        codec, track = packet.stream.codec_context, packet.stream_index
        pattern = HEADS.get(codec.codec.canonical_name)
        found = re.search(pattern, bytes(packet), re.DOTALL) if pattern else None
        if found is None or packet.pts is None or found[0] == self._heads.get(track):
            return
        self._heads[track] = found[0]
        try:
            codec.decode(packet)
            codec.decode(None)
            codec.flush_buffers()
        except av.FFmpegError:
            return
        width = float(codec.sample_aspect_ratio or 1)
        times = round(width / self._firsts.setdefault(track, width), 6)
        changes = self.changes.setdefault(track, [])
        if times != (changes[-1][1] if changes else 1.0) and len(changes) < MOST_CHANGES:
            changes.append((float(packet.pts * packet.time_base), times))

    def read(self, container: InputContainer, deadline: float) -> None:
        """Take all packets of a file, as far as there is time."""
        for packet in packets_of(container, [one for one in container.streams if one.type == "video"]):
            self.take(packet)
            if time.monotonic() > deadline:
                return
