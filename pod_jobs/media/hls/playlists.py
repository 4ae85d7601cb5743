"""Reads and writes the text of HLS playlists (RFC 8216). Opens no file.

We write the master playlist ourselves because ffmpeg's announces the bit rate that it was asked for (in 5.1 it says
140 kb/s for 3.9 Mb/s), and players choose a rendition by that number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

END = "#EXT-X-ENDLIST"  # nothing is added to the playlist any more
# The digits have a bound, because the time of a search grows with their square
RANGE = re.compile(r"([0-9]{1,18})@([0-9]{1,18})")


@dataclass(frozen=True)
class Segment:
    """One segment: its duration in seconds, its bytes, and where it begins in its file."""

    duration_s: float
    bytes: int
    offset: int


@dataclass(frozen=True)
class MediaPlaylist:
    """The playlist of one rendition. Its file begins with `init_bytes` of description; the segments follow."""

    init_bytes: int
    segments: tuple[Segment, ...]
    ended: bool

    @property
    def duration_s(self) -> float:
        return sum(segment.duration_s for segment in self.segments)

    @property
    def end(self) -> int:
        """How many bytes of the file the playlist covers."""
        return max((segment.offset + segment.bytes for segment in self.segments), default=self.init_bytes)

    @property
    def peak_bps(self) -> int:
        """The highest bit rate of any segment (RFC 8216, 4.3.4.2) of 1 s or more; the last one can be a single frame."""
        rates = [8 * s.bytes / s.duration_s for s in self.segments if s.duration_s >= 1.0]
        return int(max(rates, default=self.average_bps))

    @property
    def average_bps(self) -> int:
        return int(8 * sum(segment.bytes for segment in self.segments) / max(self.duration_s, 0.001))


@dataclass(frozen=True)
class Variant:
    """A rendition as the master announces it. The bit rates leave out the sound. `codecs` is like "avc1.64001f"."""

    name: str
    width_px: int
    height_px: int
    fps: float
    codecs: str
    peak_bps: int
    average_bps: int


@dataclass(frozen=True)
class AudioRendition:
    """A sound as the master announces it; the first is the default. `label` is for people; `language` is "fr" or ""."""

    name: str
    label: str
    language: str
    codecs: str
    channels: int
    peak_bps: int
    average_bps: int


def parse_playlist(text: str) -> MediaPlaylist:
    """Read a playlist with byte ranges, finished or growing. Errors: ValueError for anything else."""
    segments, duration_s, init_bytes = [], 0.0, 0
    if not text.startswith("#EXTM3U"):
        raise ValueError("no playlist")
    for line in text.splitlines():
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-MAP" and (byte_range := RANGE.search(value)):
            init_bytes = int(byte_range[1])
        elif tag == "#EXTINF":
            duration_s = float(value.split(",")[0])
        elif tag == "#EXT-X-BYTERANGE" and (byte_range := RANGE.fullmatch(value)):
            segments.append(Segment(duration_s, int(byte_range[1]), int(byte_range[2])))
    return MediaPlaylist(init_bytes, tuple(segments), END in text)


def build_playlist(name: str, playlist: MediaPlaylist, target_s: int) -> str:
    """The text of a playlist of `name`.m4s that may still grow, for players and parse_playlist.

    `target_s` is the announced longest segment in seconds; it is raised if a segment lasts longer.
    """
    longest_s = int(max((segment.duration_s for segment in playlist.segments), default=0) + 0.5)  # round(4.5) is 4
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(target_s, longest_s)}"),
        *("#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-INDEPENDENT-SEGMENTS"),
        f'#EXT-X-MAP:URI="{name}.m4s",BYTERANGE="{playlist.init_bytes}@0"',
    ]
    for segment in playlist.segments:
        byte_range = f"#EXT-X-BYTERANGE:{segment.bytes}@{segment.offset}"
        lines += [f"#EXTINF:{segment.duration_s:.6f},", byte_range, f"{name}.m4s"]
    return "\n".join([*lines, *([END] if playlist.ended else [])]) + "\n"


def prolonged(text: str, whole_s: float) -> str:
    """A finished playlist whose last segment lasts to `whole_s`: ffmpeg 5.1 makes it too short where the picture stands still."""
    playlist = parse_playlist(text)
    missing_s = whole_s - playlist.duration_s
    if missing_s <= 0 or not playlist.segments:
        return text
    last_s = playlist.segments[-1].duration_s + missing_s
    before, _, behind = text.rpartition("#EXTINF:")
    text = f"{before}#EXTINF:{last_s:.6f},{behind.partition(',')[2]}"
    target = re.compile(r"(?m)^#EXT-X-TARGETDURATION:([0-9]+)$")
    return target.sub(lambda match: f"#EXT-X-TARGETDURATION:{max(int(match[1]), int(last_s + 0.5))}", text)


def build_master(variants: Sequence[Variant], sounds: Sequence[AudioRendition]) -> str:
    """The text of the master playlist; without variants, of one for sound alone."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if variants or len(sounds) > 1:
        lines += [_sound(sound, default=n == 0) for n, sound in enumerate(sounds)]
    for variant in variants:
        lines += [_variant(variant, sounds), f"{variant.name}.m3u8"]
    if not variants:
        rates = f"BANDWIDTH={_peak(sounds)},AVERAGE-BANDWIDTH={_average(sounds)}"
        group = ',AUDIO="sound"' if len(sounds) > 1 else ""
        lines += [f'#EXT-X-STREAM-INF:{rates},CODECS="{sounds[0].codecs}"{group}', f"{sounds[0].name}.m3u8"]
    return "\n".join(lines) + "\n"


def _sound(sound: AudioRendition, *, default: bool) -> str:
    language = f'LANGUAGE="{sound.language}",' if sound.language else ""
    chosen = "DEFAULT=YES,AUTOSELECT=YES" if default else "DEFAULT=NO,AUTOSELECT=YES" if language else "DEFAULT=NO"
    return (
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="{sound.label}",{language}{chosen},'
        f'CHANNELS="{sound.channels}",URI="{sound.name}.m3u8"'
    )


def _peak(sounds: Sequence[AudioRendition]) -> int:
    return max((sound.peak_bps for sound in sounds), default=0)


def _average(sounds: Sequence[AudioRendition]) -> int:
    return max((sound.average_bps for sound in sounds), default=0)


def _variant(variant: Variant, sounds: Sequence[AudioRendition]) -> str:
    codecs = ",".join([variant.codecs, *(sound.codecs for sound in sounds[:1])])
    attributes = [
        f"BANDWIDTH={variant.peak_bps + _peak(sounds)}",
        f"AVERAGE-BANDWIDTH={variant.average_bps + _average(sounds)}",
        f"RESOLUTION={variant.width_px}x{variant.height_px}",
        f"FRAME-RATE={variant.fps:.3f}",
        f'CODECS="{codecs}"',
        *(['AUDIO="sound"'] if sounds else []),
    ]
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)
