"""Which renditions suit a source. Pure.

A rung counts lines on the short side, so that a portrait phone video gets 360 x 640 and not 202 x 360. Nothing is
scaled up, every side is even, and every source gets at least one rendition: its own size, under the lowest rung's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media_folder import RUNG

NEARLY = 0.95  # a source that is a few lines short of a rung (1072 of 1080, 352 of 360) still gets it, at its own size
LONGEST_ASPECT = 4  # a 16,000 x 200 banner becomes 1440 x 18 at 360p, not 28,800 x 360
SMALLEST_PX = 16
HEAVY_PX = 2560 * 1440  # a larger picture takes two processor cores longer to encode than it lasts


@dataclass(frozen=True)
class Rendition:
    """One rung of the settings. `height_px` is the short side; `name` becomes file names; `mp4`: a download too."""

    name: str
    height_px: int
    crf: float
    preset: str
    maxrate_kbps: int
    audio_kbps: int
    mp4: bool

    def __post_init__(self) -> None:
        if not RUNG.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a rendition: {RUNG.pattern}")


@dataclass(frozen=True)
class PlannedRendition:
    """A rung for one source: the rung, and the size of its picture."""

    rung: Rendition
    width_px: int
    height_px: int

    @property
    def name(self) -> str:
        return self.rung.name


def build_ladder(size: tuple[int, int], renditions: Sequence[Rendition]) -> tuple[PlannedRendition, ...]:
    """The rungs that suit a picture of `size` as seen, lowest first; never empty (`renditions` must not be)."""
    width, height = size
    short = min(width, height)
    rungs = sorted(renditions, key=lambda rung: rung.height_px)
    fitting = [rung for rung in rungs if rung.height_px * NEARLY <= short] or rungs[:1]
    return tuple(PlannedRendition(rung, *_size(width, height, min(rung.height_px, short))) for rung in fitting)


def _size(width: int, height: int, short: int) -> tuple[int, int]:
    """The picture with its short side brought to `short`, or smaller for a very long picture. Even numbers."""
    scale = min(short / min(width, height), short * LONGEST_ASPECT / max(width, height))
    return _even(width * scale), _even(height * scale)


def _even(pixels: float) -> int:
    return max(SMALLEST_PX, round(pixels / 2) * 2)


def segment_s(video: VideoTrack | None, usual_s: int, keyframe_s: int) -> int:
    """Seconds per segment. A picture that is slow to encode gets the shortest ones, so that it can still be watched soon."""
    is_heavy = video is not None and (bool(video.hdr) or video.width_px * video.height_px > HEAVY_PX)
    return keyframe_s if is_heavy else usual_s
