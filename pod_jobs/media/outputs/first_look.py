"""What can be said of a recording at once, before anything is encoded: whether it can be, how long it is, a first picture."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pod_jobs.errors import PermanentError
from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.outputs.images import JPEG, ONE_FRAME, TO_JPEG
from pod_jobs.media.planning.limits import Limits, Source, decoder_options
from pod_jobs.media.probing.probe import check_duration, facts_of, probe
from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools
from pod_jobs.media_folder import FIRST_PICTURE
from pod_jobs.system import plain_files

PICTURE_S = 10.0  # time limit of the picture; after it there is none
AT_SHARE, AT_MOST_S = 0.1, 30.0  # of the recording: after titles and black, and not so far that a slow disk has to seek
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
    index = media.video.index if media.video else media.cover_index
    if index is None:
        return None
    at_s = min(media.duration_s * AT_SHARE, AT_MOST_S) if media.video else 0.0
    opened = Source(str(source), media.demuxer, decoder=decoder_options(media.video))
    with tempfile.TemporaryDirectory(prefix="pod-jobs-look-") as place:
        folder = Path(place).resolve()
        argv = [
            *(tools.ffmpeg, *ALWAYS),
            *tools.input_options(limits),
            *("-noaccurate_seek", "-ss", f"{at_s:.3f}", *ONE_FRAME, *opened.opening),
            *("-map", f"0:{index}", "-frames:v", "1", "-vf", f"scale=w='min({WIDTH_PX},iw)':h=-2:{TO_JPEG}"),
            *(*JPEG, "-map_metadata", "-1", "-update", "1", FIRST_PICTURE),
        ]
        bounds = Bounds(PICTURE_S, limits.memory_mb, file_mb=1, grace_s=0.2)
        try:
            capture(guard.sandboxed(tools.sandbox, argv, (source,), folder), folder, bounds, tick)
            found = plain_files.read_bytes(folder / FIRST_PICTURE)
        except (PermanentError, OSError):  # a picture is a kindness; the encoding makes others
            return None
    return found if 0 < len(found) <= MOST_BYTES else None
