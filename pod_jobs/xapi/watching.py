"""What a class watched of a video: from the attempts of its viewers to a heat map along the time line, viewers, and days."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from pod_jobs.xapi.segments import Segment, union, watched_s

SEEN_S = 0.5  # seconds of a slice that count as having watched it; a shorter slice has to be watched by half


@dataclass(frozen=True)
class Attempt:
    """One registration. `viewer` tells people apart; `segments` are in the order in which they were watched, with overlaps."""

    viewer: str
    day: date
    segments: tuple[Segment, ...]
    completed: bool


@dataclass(frozen=True)
class Slice:
    """A part of the video and what became of it: in how many attempts it was watched, how many of these watched it again, and
    how many skipped it, which means that they watched something later but not this."""

    begin_s: float
    end_s: float
    watched: int
    again: int
    skipped: int


@dataclass(frozen=True)
class Viewer:
    """A person's attempts together. `share`: of the video's length, watched at least once."""

    viewer: str
    attempts: int
    share: float
    completed: bool
    last_day: date


@dataclass(frozen=True)
class Day:
    """The attempts whose last report came on this day. `watched_s` counts again what was watched again."""

    day: date
    attempts: int
    viewers: int
    completed: int
    watched_s: float


def slices(attempts: Sequence[Attempt], length_s: float, count: int) -> list[Slice]:
    """The heat map: `count` slices of equal length."""
    step_s = length_s / count
    watched, again, skipped = Counter[int](), Counter[int](), Counter[int]()
    for attempt in attempts:
        times = _times(attempt.segments, step_s, count)
        whole = _seen(union(attempt.segments), step_s, count)
        watched.update(whole)
        again.update(index for index in whole if times[index] > 1)
        skipped.update(index for index in range(max(whole, default=0)) if index not in whole)
    return [Slice(i * step_s, (i + 1) * step_s, watched[i], again[i], skipped[i]) for i in range(count)]


def viewers(attempts: Sequence[Attempt], length_s: float) -> list[Viewer]:
    """Those who watched most come first."""
    by_viewer: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_viewer[attempt.viewer].append(attempt)
    unsorted = [
        Viewer(
            viewer,
            len(of_viewer),
            min(1.0, watched_s([segment for attempt in of_viewer for segment in attempt.segments]) / length_s),
            any(attempt.completed for attempt in of_viewer),
            max(attempt.day for attempt in of_viewer),
        )
        for viewer, of_viewer in by_viewer.items()
    ]
    return sorted(unsorted, key=lambda viewer: (-viewer.share, viewer.viewer))


def days(attempts: Sequence[Attempt]) -> list[Day]:
    """The days with attempts, the latest first."""
    by_day: dict[date, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_day[attempt.day].append(attempt)
    return [
        Day(
            day,
            len(of_day),
            len({attempt.viewer for attempt in of_day}),
            sum(attempt.completed for attempt in of_day),
            sum(end - begin for attempt in of_day for begin, end in attempt.segments),
        )
        for day, of_day in sorted(by_day.items(), reverse=True)
    ]


def _seen(parts: Sequence[Segment], step_s: float, count: int) -> set[int]:
    """The indexes of the slices of which enough lies in `parts`, which do not overlap."""
    edges: dict[int, float] = defaultdict(float)  # slice -> seconds of the parts that begin or end in it
    whole = [0] * (count + 1)  # how many parts begin, minus how many end, to fill slices
    for begin, end in parts:
        first, last = int(begin / step_s), min(count - 1, int(end / step_s))
        for index in {first, last} if first <= last else ():
            edges[index] += min(end, (index + 1) * step_s) - max(begin, index * step_s)
        if first + 1 < last:
            whole[first + 1] += 1
            whole[last] -= 1
    enough_s = min(SEEN_S, step_s / 2)
    filled = accumulate(whole[:count])
    return {index for index, some in enumerate(filled) if some or edges[index] >= enough_s}


def _times(segments: Sequence[Segment], step_s: float, count: int) -> list[int]:
    """For each slice, in how many of the segments enough of it lies. Takes no longer for long segments than for short ones."""
    enough_s = min(SEEN_S, step_s / 2)
    changes = [0] * (count + 1)
    for begin, end in segments:
        first, last = int(begin / step_s), min(count - 1, int(end / step_s))
        if first < last:
            first += (first + 1) * step_s - begin < enough_s
            last -= end - last * step_s < enough_s
        elif first > last or min(end, (first + 1) * step_s) - begin < enough_s:
            continue
        changes[first] += 1
        changes[last + 1] -= 1
    return list(accumulate(changes[:count]))
