"""What an Esup-Pod asks for in the parameters of an encoding, in our words. Pure.

Pod sends JSON as text or as objects, and keys that other versions do not know: they are left out. What is there and cannot
be meant is BadSource with the code "source-order", whose sentence reaches Pod's log.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pod_jobs.errors import BadSource
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.settings.encode import RenditionSettings
from pod_jobs.system.json_depth import MOST_DEPTH, depth_of

USUAL = {"360": "640x360", "720": "1280x720", "1080": "1920x1080"}  # Pod's own renditions: height -> resolution
LEAST_PX, MOST_PX = 90, 2160  # heights
MOST_RENDITIONS = 8
CEILING = 1.5  # of a rendition's bit rate, as Pod has it
AUDIO_KBPS = (32, 512)
RATE = re.compile(r"([0-9]{1,9})([kKmM]?)")
SIZE = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")
CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,6})?)")
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9-]+")
BASE_CHARACTERS = 60
CORNERS = {
    "top_right": "top-right",
    "top_left": "top-left",
    "bottom_right": "bottom-right",
    "bottom_left": "bottom-left",
}


@dataclass(frozen=True)
class PodEncoding:
    """An encoding as Pod asks for it. `resolutions`: name of a rendition -> Pod's text for it. `keep`: seconds, () = all."""

    renditions: tuple[Rendition, ...]
    resolutions: Mapping[str, str]
    keep: tuple[tuple[float, float], ...] = ()
    dressing: "PodDressing | None" = None


@dataclass(frozen=True)
class PodDressing:
    """Addresses of files to be fetched; "" = none. `opacity` is a share."""

    watermark: str = ""
    corner: str = "top-right"
    opacity: float = 1.0
    opening: str = ""
    ending: str = ""


def read_parameters(parameters: Mapping[str, Any], ladder: Sequence[RenditionSettings]) -> PodEncoding:
    """`ladder` gives what Pod does not say: crf, preset, and bit rates that are missing. Errors: BadSource (source-order)."""
    renditions = dict(_renditions(_object(parameters, "rendition"), ladder))
    if not renditions:
        raise _bad("rendition: nothing is left to make")
    by_height = sorted(renditions, key=lambda rendition: rendition.height_px)
    return PodEncoding(
        tuple(by_height),
        {rendition.name: renditions[rendition] for rendition in by_height},
        _cut(_object(parameters, "cut")),
        _dressing(_object(parameters, "dressing")),
    )


def base_of(source_url: str) -> str:
    """The part of the source's name that names the files of the result: letters, digits and hyphens."""
    last = unquote(urlsplit(source_url).path).rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    return NOT_IN_NAMES.sub("-", stem).strip("-")[:BASE_CHARACTERS].strip("-") or "video"


def _renditions(document: Mapping[str, Any], ladder: Sequence[RenditionSettings]) -> Iterator[tuple[Rendition, str]]:
    """A list with sizes is complete; one without sizes changes Pod's usual three, and null takes one of them away."""
    numbers = {key: value for key, value in document.items() if key.isascii() and key.isdecimal()}
    is_complete = any(isinstance(value, dict) and value.get("resolution") for value in numbers.values())
    entries = numbers if is_complete else {**dict.fromkeys(USUAL, {}), **numbers}
    kept = {key: value for key, value in entries.items() if value is not None}
    if len(kept) > MOST_RENDITIONS:
        raise _bad(f"rendition: {len(kept)} are asked for, and at most {MOST_RENDITIONS} are made")
    for key, value in kept.items():
        yield _rendition(int(key), value, ladder)


def _rendition(height: int, document: Any, ladder: Sequence[RenditionSettings]) -> tuple[Rendition, str]:
    if not isinstance(document, dict):
        raise _bad(f"rendition {height}: an object is needed")
    if not LEAST_PX <= height <= MOST_PX:
        raise _bad(f"rendition {height}: the height is from {LEAST_PX} to {MOST_PX} pixels")
    resolution = str(document.get("resolution") or USUAL.get(str(height), f"{round(height * 16 / 9 / 2) * 2}x{height}"))
    if not SIZE.fullmatch(resolution):
        raise _bad(f"rendition {height}: {resolution[:40]!r} is no resolution")
    rungs = sorted(ladder, key=lambda rung: rung.height_px)
    near = next((rung for rung in reversed(rungs) if rung.height_px <= height), rungs[0])
    kbps = _kbps(document.get("video_bitrate"))
    sound = _kbps(document.get("audio_bitrate")) or near.audio_kbps
    with_mp4 = document.get("encode_mp4")
    rendition = Rendition(
        name=f"{height}p",
        height_px=height,
        crf=near.crf,
        preset=near.preset,
        maxrate_kbps=int(kbps * CEILING) or near.maxrate_kbps,
        audio_kbps=min(max(sound, AUDIO_KBPS[0]), AUDIO_KBPS[1]),
        mp4=near.mp4 if with_mp4 is None else with_mp4 is True or str(with_mp4).lower() in ("true", "1"),
    )
    return rendition, resolution


def _kbps(value: Any) -> int:
    """750, "750k" or "2M" in kb/s; 0 for what says nothing."""
    match = RATE.fullmatch(str(value).strip()) if value not in (None, True, False) else None
    if match is None:
        return 0
    return min(int(match[1]) * (1000 if match[2] in ("m", "M") else 1), 1_000_000)


def _cut(document: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    start_s, end_s, whole_s = (_seconds(document, name) for name in ("start", "end", "initial_duration"))
    if end_s is None and not start_s:
        return ()
    if end_s is not None and end_s <= (start_s or 0.0):
        if not end_s:
            return ()  # 00:00:00 to 00:00:00: Pod's way to say that nothing is cut
        raise _bad("cut: it ends before it begins", code="source-cut-empty")
    if not start_s and whole_s is not None and end_s is not None and end_s >= whole_s > 0:
        return ()
    return ((start_s or 0.0, end_s if end_s is not None else 1e6),)


def _seconds(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    if value in (None, ""):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7:
        return float(value)
    seconds = read_clock(str(value))
    if seconds is None:
        raise _bad(f"cut: {name}: {str(value)[:40]!r} is no time like 00:01:30")
    return seconds


def read_clock(text: str) -> float | None:
    """01:30 or 00:01:30.5 in seconds; None for any other text."""
    match = CLOCK.fullmatch(text.strip())
    return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None


def _dressing(document: Mapping[str, Any]) -> PodDressing | None:
    urls = {name: document.get(name) or "" for name in ("watermark", "opening_credits_video", "ending_credits_video")}
    if wrong := [name for name, url in urls.items() if not isinstance(url, str)]:
        raise _bad(f"dressing: {wrong[0]}: an address is needed")
    if not any(urls.values()):
        return None
    # where both are given, the other one may be a label in the language of Pod's pages
    given = document.get("watermark_position_orig") or document.get("watermark_position") or "top_right"
    position = str(given).strip().lower().replace(" ", "_")
    if position not in CORNERS:
        raise _bad(f"dressing: {str(given)[:40]!r} is no position of a watermark")
    try:
        percent = float(document.get("watermark_opacity") or 100)
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad(f"dressing: watermark_opacity: {error}") from error
    opacity = min(max(percent, 1.0), 100.0) / 100 if percent == percent else 1.0  # NaN is not equal to itself
    opening, ending = urls["opening_credits_video"], urls["ending_credits_video"]
    return PodDressing(urls["watermark"], CORNERS[position], opacity, opening, ending)


def _object(parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A parameter that is an object, or its text in JSON; {} for none."""
    value = parameters.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise _bad(f"{name}: {error}") from error
    if value in (None, "", "null", [], {}):
        return {}
    if not isinstance(value, dict) or depth_of(value) > MOST_DEPTH:
        raise _bad(f"{name}: an object is needed, with at most {MOST_DEPTH} levels")
    return value


def _bad(reason: str, code: str = "source-order") -> BadSource:
    return BadSource(reason, code=code)
