"""Cutting the speech of a recording into pieces that are recognised one by one: pure.

The memory that a piece takes grows with its length, and a piece that was lost is done again: 3 minutes stay below 700 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pod_jobs.speech.spans import Span, Voice

TARGET_S = 180.0
MOST_S = 210.0
LONG_SILENCE_S = 20.0  # ends a piece
MARGIN_S = 0.3  # of silence kept around speech, as far as there is any


@dataclass(frozen=True)
class Piece:
    """A part of one voice. Times in seconds of the recording."""

    number: int
    channel: int | None
    start_s: float
    end_s: float
    spans: tuple[Span, ...]

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def plan_pieces(voices: Sequence[Voice], duration_s: float) -> list[Piece]:
    """Every span of speech is in exactly one piece; pieces are cut in silences where there are any."""
    pieces: list[Piece] = []
    for voice in voices:
        for spans in _groups([part for span in voice.spans for part in _bounded(span)]):
            start_s = max(0.0, spans[0][0] - MARGIN_S)
            end_s = min(duration_s, spans[-1][1] + MARGIN_S)
            pieces.append(Piece(len(pieces), voice.channel, start_s, end_s, tuple(spans)))
    return pieces


def _bounded(span: Span) -> list[Span]:
    """The span in parts that fit into a piece: somebody may speak for longer without a pause."""
    start, end = span
    parts = max(1, -int(-(end - start) // MOST_S))
    step = (end - start) / parts
    return [(start + number * step, start + (number + 1) * step) for number in range(parts)]


def _groups(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans that go together: until the target is reached the piece ends at the longest silence near its end."""
    groups: list[list[Span]] = []
    remaining = list(spans)
    while remaining:
        fits = 1
        while fits < len(remaining) and remaining[fits][1] - remaining[0][0] <= MOST_S:
            if remaining[fits][0] - remaining[fits - 1][1] > LONG_SILENCE_S:
                break
            fits += 1
        ended_by_silence = fits == len(remaining) or remaining[fits][0] - remaining[fits - 1][1] > LONG_SILENCE_S
        if not ended_by_silence:
            ends = [i for i in range(1, fits + 1) if remaining[i - 1][1] - remaining[0][0] >= TARGET_S * 0.75] or [fits]
            fits = max(ends, key=lambda i: remaining[i][0] - remaining[i - 1][1])
        groups.append(remaining[:fits])
        remaining = remaining[fits:]
    return groups
