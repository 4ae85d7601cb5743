"""What is seen and heard at each moment of a video: the level of the picture's middle, and where a tone is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

GREY_STEP = 16  # levels from one second of `clock` to the next
LOUD = 0.02
FRAME_S = 0.04


def clock(seconds: float, rate: str = "25", size: str = "160x90") -> tuple[str, ...]:
    """An input of ffmpeg: black, and lighter by GREY_STEP with each second; at most 14 s."""
    grey = f"geq=lum='16+{GREY_STEP}*floor(T+0.001)':cb=128:cr=128"
    return ("-f", "lavfi", "-i", f"color=c=black:s={size}:r={rate}:d={seconds},format=yuv420p,{grey}")


def frames(path: Path, across: float = 0.5) -> list[tuple[float, float]]:
    """(seconds from the first frame, level 0..255) of each frame, `across` of the width from the left, at half the height."""
    with av.open(str(path)) as container:
        read = [(frame.time or 0.0, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    begin_s = read[0][0]
    return [(time - begin_s, _level(picture, across)) for time, picture in read]


def _level(picture: "np.ndarray[Any, Any]", across: float) -> float:
    line, column = picture.shape[0] // 2, int(picture.shape[1] * across)
    return float(picture[line - 4 : line + 4, column - 4 : column + 4].mean())


def clock_seconds(path: Path) -> list[tuple[float, int]]:
    """(seconds from the first frame, second of the `clock` that it shows) of each frame."""
    return [(time, round(level * 219 / 255 / GREY_STEP)) for time, level in frames(path)]


def at(shown: Sequence[tuple[float, int]], moment_s: float) -> int:
    """What stands at a moment."""
    return [second for time, second in shown if time <= moment_s + 0.001][-1]


def white_s(path: Path, across: float = 0.5) -> list[tuple[float, float]]:
    """From when to when the picture is white."""
    return _runs([(time, level > 128) for time, level in frames(path, across)], FRAME_S)


def tone_s(path: Path) -> list[tuple[float, float]]:
    """From when to when there is sound, to 5 ms. Each frame is heard at its time, and gaps are silent, as in players."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler, rate = av.AudioResampler(format="flt", layout="mono", rate=stream.rate), stream.rate
        pieces = [
            (one.time or 0.0, one.to_ndarray()[0]) for f in container.decode(stream) for one in resampler.resample(f)
        ]
    begin_s, (last_s, last_piece), grain = pieces[0][0], pieces[-1], rate // 200
    sound = np.zeros(round((last_s - begin_s) * rate) + len(last_piece) + grain)
    for time_s, piece in pieces:
        first = round((time_s - begin_s) * rate)
        sound[first : first + len(piece)] = piece
    loud = np.abs(sound[: len(sound) // grain * grain]).reshape(-1, grain).max(axis=1) > LOUD
    return _runs([(begin_s + n * grain / rate, bool(one)) for n, one in enumerate(loud)], 0.02)


def _runs(states: Sequence[tuple[float, bool]], shortest_s: float) -> list[tuple[float, float]]:
    """Stretches of True from their first moment to the one after, those that are too short or a breath apart left out."""
    found: list[tuple[float, float]] = []
    begin_s: float | None = None
    for time, state in [*states, (states[-1][0], False)]:
        if state and begin_s is None:
            begin_s = time
        elif not state and begin_s is not None:
            if found and begin_s - found[-1][1] < 0.01:
                found[-1] = (found[-1][0], time)
            else:
                found.append((begin_s, time))
            begin_s = None
    return [one for one in found if one[1] - one[0] >= shortest_s / 2]


def duration_s(path: Path, kind: str = "video") -> float:
    """Of a track, by its container."""
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams if one.type == kind)
        return float((stream.duration or 0) * (stream.time_base or 0))
