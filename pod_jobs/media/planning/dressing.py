"""What may be put around, over and beside a recording. Plain values."""

from dataclasses import dataclass
from pathlib import Path

from pod_jobs.media.planning.layouts import LAYOUTS


@dataclass(frozen=True)
class Watermark:
    """A PNG or JPEG in a corner of the recording, not of the credits. `opacity` and `width` are shares, 0 < share <= 1;
    the width is that of the recording's picture."""

    path: Path
    corner: str = "top-right"
    opacity: float = 0.8
    width: float = 0.12


@dataclass(frozen=True)
class Dressing:
    """Credits are recordings of any size, with sound or without."""

    watermark: Watermark | None = None
    opening: Path | None = None
    ending: Path | None = None


@dataclass(frozen=True)
class Studio:
    """A second recording of the same time, as a camera beside slides. `layout`: "side" puts it to the right, at the height
    of the smaller one; "pip-CORNER" inside the first, a quarter of its height."""

    second: Path
    layout: str = "side"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout {self.layout!r} is none of {', '.join(LAYOUTS)}")
