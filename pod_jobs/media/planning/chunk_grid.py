"""Decides where a long picture is cut into chunks for several workers.

Chunks begin where a segment begins, moved to the grid of frames: at 29.97 frames a second, the chunk that is due at 8 s
begins with frame 240, at 8.008 s. Each frame belongs to the chunk in which its position on the grid lies.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

LEAST_SEGMENTS = 3  # in a chunk, except the first ones; starting a shorter one costs more than sharing saves
FINEST = 10_000  # largest denominator of a frame rate


@dataclass(frozen=True)
class Chunk:
    """Frames `first_frame` .. `first_frame + frames - 1` on a grid of `rate` per second; `frames` None: to the end.

    `first_segment` counts from 0 over the whole picture.
    """

    number: int
    rate: Fraction
    first_frame: int
    frames: int | None
    first_segment: int

    @property
    def start_s(self) -> float:
        """Seconds from the start of the source."""
        return float(self.first_frame / self.rate)

    @property
    def duration_s(self) -> float | None:
        return None if self.frames is None else float(self.frames / self.rate)

    @property
    def half_frame_s(self) -> float:
        """Seconds by which a time stamp may differ from its position on the grid."""
        return float(1 / self.rate / 2)


def grid_rate(rate: float) -> Fraction:
    """29.97002997 -> 30000/1001: the fraction that a container's frame rate was before it became a float."""
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return ntsc if abs(float(ntsc) - rate) < 1e-4 else Fraction(rate).limit_denominator(FINEST)


def plan_chunks(duration_s: float, rate: Fraction, segment_s: int, chunk_s: int, workers: int) -> tuple[Chunk, ...]:
    """Chunks of about `chunk_s` for `workers` who take them in order.

    The first ones are short, and each is twice as long as the one before, so that a viewer can begin after seconds and never
    catches up. The last ones are a `workers`-th of what is left, so that all workers end together (guided self-scheduling,
    Polychronopoulos and Kuck, 1987).
    """
    total = math.ceil(duration_s / segment_s)
    most = max(1, chunk_s // segment_s)
    least = min(LEAST_SEGMENTS, most)
    begins = [0]
    while True:
        length = min(2 ** (len(begins) - 1), most, max(least, (total - begins[-1]) // workers))
        if total - begins[-1] - length < least:
            break
        begins.append(begins[-1] + length)
    firsts = [math.ceil(begin * segment_s * rate) for begin in begins]
    counts = [after - first for first, after in zip(firsts, firsts[1:], strict=False)]
    rows = zip(firsts, [*counts, None], begins, strict=True)
    return tuple(Chunk(number, rate, *row) for number, row in enumerate(rows))
