"""Watched segments, which the Video Profile writes as "0[.]12.5[,]20[.]33", and arithmetic on them, in seconds."""

from collections.abc import Iterable, Sequence

Segment = tuple[float, float]  # from, to; from <= to

FROM_TO = "[.]"  # the profile's separators, which cannot be mistaken for a decimal comma or point
BETWEEN = "[,]"
LONGEST_S = 1e9  # 30 years: of a later moment, slices and sums could not be computed


def parse_segments(text: str) -> list[Segment] | None:
    """The segments in the given order; [] for "", None when `text` is no list of segments."""
    segments = []
    for part in text.split(BETWEEN) if text else []:
        begin, separator, end = part.partition(FROM_TO)
        try:
            segment = float(begin), float(end)
        except ValueError:
            return None
        if not separator or not 0 <= segment[0] <= segment[1] <= LONGEST_S:
            return None
        segments.append(segment)
    return segments


def union(segments: Iterable[Segment], gap_s: float = 0.0) -> list[Segment]:
    """The same seconds as sorted segments without overlap. Segments at most `gap_s` apart are joined."""
    joined: list[Segment] = []
    for begin, end in sorted(segments):
        if joined and begin <= joined[-1][1] + gap_s:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def watched_s(segments: Sequence[Segment]) -> float:
    """Seconds of the video that were seen at least once."""
    return sum(end - begin for begin, end in union(segments))


def outside_s(segments: Sequence[Segment], of: Sequence[Segment]) -> float:
    """Seconds of `segments` that are not in `of`."""
    return watched_s([*segments, *of]) - watched_s(of)
