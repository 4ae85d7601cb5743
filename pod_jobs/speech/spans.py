"""When somebody speaks: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[float, float]  # seconds, from and to


@dataclass(frozen=True)
class Voice:
    """Sound to recognise on its own: the mix of all channels (`channel` None), or one channel with its own speaker."""

    channel: int | None
    spans: tuple[Span, ...]

    @property
    def speech_s(self) -> float:
        return sum(end - start for start, end in self.spans)


def joined(spans: Sequence[Span], closer_than_s: float = 0.3) -> tuple[Span, ...]:
    """Spans in order, those that nearly touch (at the border of two windows) as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] < closer_than_s:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
