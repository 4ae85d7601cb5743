"""The names and the description of an encoding as an Esup-Pod imports it. Pure.

Pod reads a rendition's height from the first letters of its files, and finds audio, thumbnails and the overview by the
names in info_video.json or by fixed ones. `rendition` there must be the very text of one of Pod's own renditions.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHEET = re.compile(r"storyboard(?:_([0-9]+))?\.jpg#xywh=([0-9]+),([0-9]+),([0-9]+),([0-9]+)")


@dataclass(frozen=True)
class PodFiles:
    """`base` is in the names of all files of one encoding; `resolutions`: name of a rendition -> Pod's text for it."""

    base: str
    resolutions: Mapping[str, str]
    with_source: bool = False  # BASE.mp4 too: the best rendition, from which Pod makes a video of a studio recording

    def stem(self, name: str) -> str:
        """Of the files of a rendition: "720p_film"."""
        return f"{name}_{self.base}"

    def thumbnail(self, number: int) -> str:
        """The PNG of thumbnail 0, 1, …"""
        return f"{self.base}_{number}.png"

    @property
    def sound(self) -> str:
        """The stem of the sound's files. Pod knows this name, whatever the bit rate is."""
        return f"audio_192k_{self.base}"

    @property
    def master(self) -> str:
        """A second name of the master playlist; "" = none is needed."""
        return ""


class CeleryFiles(PodFiles):
    """The names of a Pod 4.1, which expects the files of each encoding in a folder of its own."""

    def stem(self, name: str) -> str:
        return name

    def thumbnail(self, number: int) -> str:
        return f"thumbnail_{number + 1:04d}.png"

    @property
    def sound(self) -> str:
        return "audio_192k"

    @property
    def master(self) -> str:
        return "livestream.m3u8"


def describe(
    files: PodFiles,
    duration_s: float,
    names: Sequence[str],
    renditions: Sequence[str],
    *,
    is_video: bool,
    has_sound: bool,
) -> str:
    """The content of info_video.json. `names`: what is in the folder; `renditions`: their names, lowest first."""
    video: list[dict[str, str]] = []
    for rendition in renditions:
        for ending, kind in ((".m3u8", "video/mp2t"), (".mp4", "video/mp4")):
            if (name := files.stem(rendition) + ending) in names:
                video.append({"encoding_format": kind, "rendition": files.resolutions[rendition], "filename": name})
    kinds = ((".mp3", "audio/mp3"), (".m4a", "video/mp4"))
    sound = [
        {"encoding_format": kind, "filename": files.sound + end} for end, kind in kinds if files.sound + end in names
    ]
    stills = [{"filename": name} for n in range(len(names)) if (name := files.thumbnail(n)) in names]
    info: dict[str, Any] = {
        "duration": int(duration_s),
        "has_stream_video": is_video,
        "has_stream_audio": has_sound,
        "has_stream_thumbnail": bool(stills),
        "encode_result": True,
    }
    info |= {"encode_video": video} if video else {}
    info |= {"encode_audio": sound} if sound else {}
    info |= {"encode_thumbnail": stills} if stills else {}
    return json.dumps(info, indent=1)


def as_one_picture(vtt: str, sheet_height_px: int) -> str:
    """The WebVTT of a storyboard whose sheets were put below each other in overview.png."""

    def place(match: re.Match[str]) -> str:
        sheet, (x, y, w, h) = int(match[1] or 1), map(int, match.groups()[1:])
        return f"overview.png#xywh={x},{y + (sheet - 1) * sheet_height_px},{w},{h}"

    return SHEET.sub(place, vtt)
