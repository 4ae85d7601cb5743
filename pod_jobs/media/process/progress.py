"""Progress of a job: reads ffmpeg's -progress lines, and turns them into a share of the whole, a speed and a time left."""

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pod_jobs.errors import FfmpegFailed

Step = Literal["probe", "encode", "package", "captions", "pictures"]
# Where each step ends, as a share of the whole. Measured on lectures of 10 s to 6 min (./run bench ladder): the step
# `encode` takes nine tenths of each.
STEP_ENDS: dict[Step, float] = {"probe": 0.01, "encode": 0.95, "package": 0.97, "captions": 0.98, "pictures": 1.0}
ETA_AFTER_SHARE, ETA_AFTER_S = 0.05, 10.0  # earlier, a time left is a guess
FAULT = re.compile(r"corrupt|error while decoding|error submitting|invalid data", re.IGNORECASE)
WINDOW_S = 30.0  # the speed is measured over this time


@dataclass(frozen=True)
class Progress:
    """What a person sees of a running job. `fraction`: 0..1 of the whole. `speed`: seconds of source per second.
    `workers`: how many encode it together."""

    step: str
    fraction: float
    speed: float | None
    eta_s: int | None
    first_playable: bool
    workers: int = 1
    duration_s: float | None = None  # about, of the result; None while the source is not known
    is_video: bool | None = None
    source_s: float | None = None  # of the source; None where the order cuts or adds something


class Position:
    """How far one ffmpeg is, by its -progress lines. `seconds` is None while it writes N/A."""

    def __init__(self, stall_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: float | None = None
        self.frames = 0
        self.heard_of_damage = False
        self._seen: dict[str, str] = {}
        self._stall_s = stall_s
        self._clock = clock
        self._moved_at = clock()

    def read(self, line: str) -> None:
        """Take one line, "key=value". out_time_us is used, because out_time_ms is in microseconds too."""
        key, _, value = line.partition("=")
        if key not in ("frame", "out_time_us", "total_size") or self._seen.get(key) == value.strip():
            return
        self._seen[key] = value.strip()
        self._moved_at = self._clock()
        if key == "frame" and value.isascii() and value.strip().isdigit():
            self.frames = int(value)
        elif key == "out_time_us" and value.isascii() and value.strip().isdigit():
            self.seconds = int(value) / 1_000_000

    def hear(self, line: str) -> None:
        """Take one line that ffmpeg wrote to stderr."""
        self.heard_of_damage = self.heard_of_damage or FAULT.search(line) is not None

    def check(self) -> None:
        """Errors: FfmpegFailed (encode-stalled) after `stall_s` without any progress."""
        if self._clock() - self._moved_at > self._stall_s:
            at = "the start" if self.seconds is None else f"{self.seconds:.0f} s"
            raise FfmpegFailed(f"no advance for {self._stall_s:.0f} s, at {at}", code="encode-stalled")


class ProgressMeter:
    """Turns shares of steps into a Progress. Each job has one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._points: deque[tuple[float, float]] = deque([(self._started, 0.0)])
        self._fraction = 0.0

    def at(
        self, step: Step, share: float, position_s: float | None, first_playable: bool, workers: int = 1
    ) -> Progress:
        """The Progress at `share` (0..1) of `step`. Its fraction never falls."""
        names = list(STEP_ENDS)
        begin = STEP_ENDS[names[names.index(step) - 1]] if step != names[0] else 0.0
        fraction = begin + (STEP_ENDS[step] - begin) * min(max(share, 0.0), 1.0)
        self._fraction = max(self._fraction, fraction)
        now = self._clock()
        self._points.append((now, self._fraction))
        while len(self._points) > 2 and self._points[0][0] < now - WINDOW_S:
            self._points.popleft()
        elapsed = now - self._started
        speed = round(position_s / elapsed, 2) if position_s and elapsed > 1 else None
        return Progress(step, round(self._fraction, 4), speed, self._eta_s(now), first_playable, workers)

    def _eta_s(self, now: float) -> int | None:
        if self._fraction < ETA_AFTER_SHARE and now - self._started < ETA_AFTER_S:
            return None
        begin, fraction_then = self._points[0]
        pace = (self._fraction - fraction_then) / (now - begin) if now > begin else 0.0
        return round((1.0 - self._fraction) / pace) if pace > 0 else None
