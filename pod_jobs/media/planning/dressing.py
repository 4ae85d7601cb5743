"""What can be put around, over and beside a recording: credits, a watermark, a second recording. Plain values."""

from dataclasses import dataclass
from pathlib import Path

from pod_jobs.media.planning.layouts import LAYOUTS


@dataclass(frozen=True)
class Watermark:
    """A PNG or JPEG in a corner of the recording, but not of the credits. `opacity` and `width` are shares, 0 < share <= 1;
    `width` is a share of the width of the recording's picture."""

    path: Path
    corner: str = "top-right"
    opacity: float = 0.8
    width: float = 0.12


@dataclass(frozen=True)
class Dressing:
    """A watermark, and opening and ending credits. Credits are recordings of any size, with or without sound."""

    watermark: Watermark | None = None
    opening: Path | None = None
    ending: Path | None = None


@dataclass(frozen=True)
class Studio:
    """A second recording made at the same time, such as a camera beside slides. The `layout` "side" puts it to the right, at
    the height of the smaller one; "pip-CORNER" puts it inside the first, at a quarter of its height."""

    second: Path
    layout: str = "side"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout {self.layout!r} is none of {', '.join(LAYOUTS)}")
