"""Cuts: which parts of a recording are kept, and where a moment of the source is in the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pod_jobs.errors import BadSource
from pod_jobs.media_folder import MOST_RANGES

LEAST_S = 0.2  # a shorter range is dropped


@dataclass(frozen=True)
class Range:
    """A part of the source, in seconds from its start."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def plan_ranges(parts: Sequence[tuple[float, float]], duration_s: float) -> tuple[Range, ...]:
    """The ranges to keep of a source of `duration_s`: in order, without overlaps, within the source. () keeps everything.
    `parts`: what was ordered, as (from, to) in seconds.

    Errors: BadSource when nothing is left (source-cut-empty), or more than MOST_RANGES pieces (source-cut-pieces).
    """
    if not parts:
        return ()
    kept: list[Range] = []
    for start_s, end_s in sorted(parts):
        start_s, end_s = max(start_s, 0.0), min(end_s, duration_s)
        if kept and start_s <= kept[-1].end_s:
            kept[-1] = Range(kept[-1].start_s, max(kept[-1].end_s, end_s))
        elif end_s - start_s >= LEAST_S:
            kept.append(Range(start_s, end_s))
    if not kept:
        raise BadSource(f"the recording lasts {duration_s:.1f} s", code="source-cut-empty")
    if len(kept) > MOST_RANGES:
        raise BadSource(f"{len(kept)} ranges", code="source-cut-pieces", limit=str(MOST_RANGES))
    return () if kept == [Range(0.0, duration_s)] else tuple(kept)


@dataclass(frozen=True)
class Timeline:
    """Translates moments of the source into moments of the result. `ranges` are kept, () = all; `offset_s` comes before."""

    ranges: tuple[Range, ...] = ()
    offset_s: float = 0.0

    def place(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """Where a cue or a chapter of the source is in the result; see the function `place`."""
        return [(self.offset_s + start, self.offset_s + end) for start, end in place(self.ranges, start_s, end_s)]

    def document(self) -> dict[str, Any]:
        """As JSON: {"offset_s": 0.0, "ranges": [[90.0, 720.5]]}."""
        return {"offset_s": self.offset_s, "ranges": [[part.start_s, part.end_s] for part in self.ranges]}


def timeline_of(document: Any) -> Timeline:
    """The timeline that `Timeline.document` described; the source's own where nothing is known."""
    if not document:
        return Timeline()
    return Timeline(tuple(Range(start_s, end_s) for start_s, end_s in document["ranges"]), document["offset_s"])


def place(ranges: Sequence[Range], start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Where a part of the source is in what is kept of it: nowhere, at one place, or in several pieces that do not touch."""
    if not ranges:
        return [(start_s, end_s)]
    pieces: list[tuple[float, float]] = []
    before_s = 0.0
    for part in ranges:
        begin, end = max(start_s, part.start_s), min(end_s, part.end_s)
        if begin < end:
            piece = (before_s + begin - part.start_s, before_s + end - part.start_s)
            touches = bool(pieces) and abs(pieces[-1][1] - piece[0]) < 0.001
            pieces[-1:] = [(pieces[-1][0], piece[1])] if touches else [*pieces[-1:], piece]
        before_s += part.duration_s
    return pieces
