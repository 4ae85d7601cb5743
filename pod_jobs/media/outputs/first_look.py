"""What can be said of a recording at once, before anything is encoded: whether it can be, how long it is, a first picture."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pod_jobs.errors import PermanentError
from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.outputs.images import (
    JPEG,
    LEAST_CONTRAST,
    ONE_FRAME,
    TO_GREY,
    TO_JPEG,
    best_first,
    contrast,
    grey_copy,
)
from pod_jobs.media.planning.limits import Limits, Source, decoder_options
from pod_jobs.media.probing.probe import check_duration, facts_of, probe
from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools
from pod_jobs.media_folder import FIRST_PICTURE
from pod_jobs.system import plain_files

PICTURES_S = 10.0  # time limit of all tries together
# Where pictures are taken until one is not blank: shares of the recording, of which only the first AT_MOST_S seconds count
PICTURES_AT = (0.1, 0.3, 0.6)
AT_MOST_S = 300.0
WIDTH_PX = 640
MOST_BYTES = 500_000


@dataclass(frozen=True)
class FirstLook:
    """`facts`: as of an encoding's result. `picture`: a JPEG; None for sound, or when none could be made in time."""

    duration_s: float
    is_video: bool
    facts: dict[str, Any]
    picture: bytes | None


def first_look(source: Path, tools: Tools, limits: Limits, tick: Callable[[], None]) -> FirstLook:
    """Errors: BadSource when it cannot be encoded; OutOfResources; what `tick` raises."""
    media = probe(source, tools, limits, tick)
    check_duration(media.duration_s, limits)
    picture = _picture(source, media, tools, limits, tick)
    return FirstLook(media.duration_s, media.video is not None, facts_of(media), picture)


def _picture(source: Path, media: MediaInfo, tools: Tools, limits: Limits, tick: Callable[[], None]) -> bytes | None:
    """The first picture that shows something, else the one with the most contrast; None when none could be made in time."""
    index = media.video.index if media.video else media.cover_index
    if index is None:
        return None
    shares = PICTURES_AT if media.video else (0.0,)
    candidates: list[tuple[float, bytes]] = []  # (contrast, JPEG)
    until = time.monotonic() + PICTURES_S
    with tempfile.TemporaryDirectory(prefix="pod-jobs-look-") as place:
        for number, share in enumerate(shares):
            folder = Path(place).resolve() / str(number)
            folder.mkdir()
            argv = _command(source, media, tools, limits, (index, min(media.duration_s, AT_MOST_S) * share))
            bounds = Bounds(max(0.1, until - time.monotonic()), limits.memory_mb, file_mb=1, grace_s=0.2)
            try:
                capture(guard.sandboxed(tools.sandbox, argv, (source,), folder), folder, bounds, tick)
                picture = plain_files.read_bytes(folder / FIRST_PICTURE)
                picture_contrast = contrast(plain_files.read_bytes(folder / grey_copy(FIRST_PICTURE)))
            except (PermanentError, OSError):  # a picture is a kindness; the encoding makes others
                break
            if 0 < len(picture) <= MOST_BYTES:
                candidates.append((picture_contrast, picture))
            if picture_contrast >= LEAST_CONTRAST:
                break
    order = best_first([picture_contrast for picture_contrast, _ in candidates]) if candidates else []
    return candidates[order[0]][1] if order else None


def _command(source: Path, media: MediaInfo, tools: Tools, limits: Limits, at: tuple[int, float]) -> list[str]:
    """ffmpeg for a picture of the stream `at[0]` near the second `at[1]`, with its tiny grey copy."""
    index, at_s = at
    opened_source = Source(str(source), media.demuxer, decoder=decoder_options(media.video))
    return [
        *(tools.ffmpeg, *ALWAYS),
        *tools.input_options(limits),
        *("-noaccurate_seek", "-ss", f"{at_s:.3f}", *ONE_FRAME, *opened_source.opening),
        *("-map", f"0:{index}", "-frames:v", "1", "-vf", f"scale=w='min({WIDTH_PX},iw)':h=-2:{TO_JPEG}"),
        *(*JPEG, "-map_metadata", "-1", "-update", "1", FIRST_PICTURE),
        *("-map", f"0:{index}", *TO_GREY, grey_copy(FIRST_PICTURE)),
    ]
