"""Reads results of encodes back, frame by frame and sample by sample, and says what is not as it was in the source."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from tests.sources import BARS, STEPS, TICKS, Recording, tone_hz

CLEAR = 40  # levels from the middle that a bar must be away, to be black or white
LOUD = 0.02
WINDOW_S = 0.08  # of sound, to tell how high it is
OFF_HZ = 35  # less than half a step
NEAR_S = 0.03
SLOWEST = 15.0  # frames per second of a result, if the source has fewer than five


@dataclass(frozen=True)
class Truth:
    """What a result has to show: `recording`, whose moment 0 is at `zero_s` of its file's clock, which ends at `end_s`. Kept
    parts are told by that clock. Seconds."""

    recording: Recording
    zero_s: float
    end_s: float

    @cached_property
    def parts(self) -> list[tuple[float, float]]:
        """Kept parts of the recording, in order."""
        whole = [(0.0, self.end_s)]
        return [(begin - self.zero_s, end - self.zero_s) for begin, end in self.recording.keep or whole]

    @cached_property
    def whole_s(self) -> float:
        return sum(end - begin for begin, end in self.parts)

    @cached_property
    def begins(self) -> list[float]:
        """Of each picture that the source has; the first one stands from the beginning."""
        return [float(n / self.recording.rate) for n in self.recording.shown]

    @cached_property
    def numbers(self) -> list[int]:
        """That the bars of these pictures say."""
        return [int(n * TICKS / self.recording.rate + 0.001) % 2**BARS for n in self.recording.shown]

    def moment(self, at_s: float) -> float | None:
        """The moment of the recording that belongs at `at_s` of the result."""
        for begin, end in self.parts:
            if at_s < end - begin:
                return begin + at_s
            at_s -= end - begin
        return None

    @cached_property
    def black_until_s(self) -> float:
        """A picture that begins after the first kept part is black until then: its first frame was cut out."""
        return self.begins[0] if self.parts[0][1] <= self.begins[0] else -math.inf

    def standing(self, begin_s: float, end_s: float) -> set[int]:
        """The numbers of the pictures that stand at some time between two moments of the recording."""
        first, last = (max(0, bisect_right(self.begins, at_s + 1e-9) - 1) for at_s in (begin_s, end_s))
        black = {0} if begin_s < self.black_until_s else set[int]()
        return black | (set(self.numbers[first : last + 1]) if end_s >= self.black_until_s else set())

    def around(self, at_s: float, slack_s: float) -> set[int]:
        """The numbers of all pictures that belong within `slack_s` of a moment of the result."""
        found: set[int] = set()
        for begin, end in self.parts:
            since_s, until_s = max(0.0, at_s - slack_s), min(end - begin, at_s + slack_s)
            if since_s < until_s:
                found |= self.standing(begin + since_s, begin + until_s)
            at_s -= end - begin
        return found

    def allowed(self) -> set[int]:
        """The numbers of all pictures that stand at some moment that is kept."""
        ends = [*self.begins[1:], math.inf]
        stands = zip(self.numbers, [self.black_until_s, *self.begins[1:]], ends, strict=True)
        black = {0} if self.black_until_s > -math.inf else set[int]()
        return black | {
            number
            for number, begin, end in stands
            if any(begin < until + NEAR_S and end > since - NEAR_S for since, until in self.parts)
        }


def zero_of(source: Path, recording: Recording) -> float:
    """When, by the file's own clock, the recording has its moment 0: encoders put some sound before it."""
    with av.open(str(source)) as container:
        packets = container.demux(container.streams.video[0])
        times = sorted(float(p.pts * p.time_base) for _, p in zip(range(9), packets, strict=False) if p.pts is not None)
        begin_s = (container.start_time or 0) / 1_000_000
    wanted = [float(n / recording.rate) for n in recording.shown]
    return median(at - begin_s - frame for at, frame in zip(times, wanted, strict=False))


def end_of(source: Path) -> float:
    """When the last frame or sound ends, by the file's own clock."""
    with av.open(str(source)) as container:
        packets = [p for p in container.demux() if p.pts is not None and p.time_base is not None]
        begin_s = (container.start_time or 0) / 1_000_000
    return max(float((p.pts + (p.duration or 0)) * p.time_base) for p in packets) - begin_s


def faults(recording: Recording, source: Path, result: Path) -> Iterator[str]:
    """What is wrong with `result`, an MP4 made of `source`."""
    zero_s = zero_of(source, recording)
    pictures_end_s = zero_s + float((recording.shown[-1] + 1) / recording.rate)  # ASF and others do not say how long
    truth = Truth(recording, zero_s, max(end_of(source), pictures_end_s))
    yield from _picture_faults(truth, result)
    if recording.has_sound:
        yield from _sound_faults(truth, result)


def _picture_faults(truth: Truth, path: Path) -> Iterator[str]:
    recording = truth.recording
    shown, lasts_s = frames(path)
    steps = [after - before for (before, _), (after, _) in zip(shown, shown[1:], strict=False)]
    frame_s = max(1 / max(float(recording.rate), SLOWEST), min(steps, default=0.0))
    if abs(lasts_s - truth.whole_s) > NEAR_S + frame_s:
        yield f"the picture lasts {lasts_s:.3f} s, not {truth.whole_s:.3f} s"
    slack_s, allowed = NEAR_S + frame_s, truth.allowed()
    ends = [*(begin_s for begin_s, _ in shown[1:]), lasts_s]
    for (begin_s, picture), end_s in zip(shown, ends, strict=True):
        middle_s = (begin_s + min(end_s, begin_s + frame_s)) / 2
        moment = truth.moment(middle_s)
        if moment is None:
            continue
        sizes = {recording.part_at(s).size for s in (moment - slack_s, moment, moment + slack_s)}
        read = {number_in(picture, size, recording.rotation) for size in sizes}
        wanted = truth.around(middle_s, slack_s) | (truth.standing(moment - slack_s, moment + slack_s) & allowed)
        if not read & wanted:
            yield f"at {begin_s:.3f} s (source {moment:.3f} s): {read}, not {sorted(wanted)}"
        if read.isdisjoint(allowed):
            yield f"at {begin_s:.3f} s: {read} was cut out"


def frames(path: Path) -> tuple[list[tuple[float, "np.ndarray[Any, Any]"]], float]:
    """(seconds from the first one, levels 0..255) of each frame; and how long the picture lasts."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        read = [(f.time or 0.0, f.to_ndarray(format="gray").astype(float)) for f in container.decode(stream)]
        lasts_s = float((stream.duration or 0) * (stream.time_base or 0))
    return [(time - read[0][0], picture) for time, picture in read], lasts_s


def number_in(picture: "np.ndarray[Any, Any]", size: tuple[int, int], rotation: int) -> int | None:
    """The number that the bars of a picture of `size` say, black around it left out; None where they cannot be read."""
    upright = np.rot90(picture, -rotation // 90)
    height, width = upright.shape
    inside_w = min(width, height * size[0] / size[1])
    left, line = (width - inside_w) / 2, height // 2
    found = 0
    for bar in range(BARS):
        x = int(left + inside_w * (bar + 0.5) / BARS)
        level = upright[line - 2 : line + 2, x - 1 : x + 2].mean()
        if abs(level - 128) < CLEAR:
            return None
        found |= int(level > 128) << bar
    return found


def samples(path: Path) -> tuple["np.ndarray[Any, Any]", int]:
    """The first sound, one channel, from the moment at which a player begins; and its rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
        decoded = list(container.decode(stream))
        pieces = [one.to_ndarray()[0] for frame in decoded for one in resampler.resample(frame)]
    silence = np.zeros(max(0, round((decoded[0].time or 0.0) * stream.rate)))
    return np.concatenate([silence, *pieces]).astype(float), stream.rate


def _sound_faults(truth: Truth, path: Path) -> Iterator[str]:
    """Each stretch of one tone is heard from its beginning to its end, where it belongs."""
    sound, rate = samples(path)
    at_s, step_s = 0.0, 1 / STEPS
    for begin, end in truth.parts:
        for moment in (n * step_s for n in range(math.floor(begin / step_s), math.ceil(end / step_s))):
            since_s, until_s = max(moment, begin), min(moment + step_s, end)
            for middle_s in _clear_moments(truth.recording, since_s, until_s):
                first = round((middle_s + at_s - begin - WINDOW_S / 2) * rate)
                found = pitch_hz(sound[first : first + round(WINDOW_S * rate)], rate)
                is_there = truth.recording.sound_from_s < middle_s < truth.recording.sound_until_s
                wanted = tone_hz(middle_s) if is_there else 0.0
                if abs(found - wanted) > OFF_HZ:
                    place = f"at {middle_s + at_s - begin:.3f} s (source {middle_s:.3f} s)"
                    yield f"{place} a tone of {found:.0f} Hz, not {wanted:.0f} Hz"
        at_s += end - begin


def _clear_moments(recording: Recording, since_s: float, until_s: float) -> set[float]:
    """Near the beginning and the end of a stretch, and as far from where the sound begins and ends."""
    margin_s = NEAR_S + 0.03 + WINDOW_S / 2
    edges = (recording.sound_from_s, recording.sound_until_s)
    return {
        moment
        for moment in (since_s + margin_s, until_s - margin_s)
        if max(since_s, 0.0) + margin_s <= moment + 1e-9
        and moment <= until_s - margin_s + 1e-9
        and all(abs(moment - edge) >= margin_s for edge in edges)
    }


def pitch_hz(heard: "np.ndarray[Any, Any]", rate: int) -> float:
    """How high a tone is, by its crossings of zero; 0.0 for silence."""
    if len(heard) < rate * WINDOW_S / 2 or np.sqrt((heard**2).mean()) < LOUD:
        return 0.0
    up = np.flatnonzero((heard[:-1] < 0) & (heard[1:] >= 0))
    return float((len(up) - 1) * rate / (up[-1] - up[0])) if len(up) > 2 else 0.0
