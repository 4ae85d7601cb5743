"""What can be said of a recording's sound before any word is recognised: where somebody speaks, on how many channels, and
the curve of loudness that an editor draws. One pass, window by window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from pod_jobs.speech.engine import RATE_HZ, Sound
from pod_jobs.speech.spans import Span, Voice, joined

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Samples

WINDOW_S = 300.0
PEAKS_PER_S = 20
TWO_SPEAKERS_BELOW = 0.3  # correlation of the channels
SHARE_OF_SPEECH = 0.05  # of the louder channel's: with less, a channel holds no speaker
VAD = VadOptions(min_speech_duration_ms=200, min_silence_duration_ms=500, speech_pad_ms=150)


@dataclass(frozen=True)
class Heard:
    """`voices`: what to recognise. `peaks`: the loudest sample of each twentieth of a second, 0 to 255. `correlation`: of the
    two channels, None for one."""

    voices: tuple[Voice, ...]
    peaks: bytes
    duration_s: float
    correlation: float | None


def listen(sound: Sound, tick: Callable[[float], None]) -> Heard:
    """`tick(seconds)` is called with the position. Errors: those of `sound.read`, what `tick` raises."""
    sums = np.zeros(5)  # of x·y, x·x, y·y, x, y
    count = 0
    mixed: list[Span] = []
    single: list[list[Span]] = [[], []]
    peaks = bytearray()
    at_s = 0.0
    while at_s < sound.duration_s:
        channels = samples_of(sound, at_s, WINDOW_S)
        if not len(channels[0]):
            break
        mono = mix(channels)
        peaks += _peaks(mono)
        mixed += _speech(mono, at_s)
        if len(channels) == 2:
            x, y = (channel.astype(np.float64) for channel in channels)
            sums += (x @ y, x @ x, y @ y, x.sum(), y.sum())
            count += len(x)
            for spans, channel in zip(single, channels, strict=True):
                spans += _speech(channel, at_s)
        at_s += len(mono) / RATE_HZ
        tick(at_s)
    correlation = _correlation(sums, count)
    voices = [Voice(None, joined(mixed))]
    if correlation is not None and correlation < TWO_SPEAKERS_BELOW:
        apart = [Voice(number, joined(spans)) for number, spans in enumerate(single)]
        if min(voice.speech_s for voice in apart) > SHARE_OF_SPEECH * max(max(voice.speech_s for voice in apart), 1.0):
            voices = apart
    return Heard(tuple(voices), bytes(peaks), at_s, correlation)


def samples_of(sound: Sound, start_s: float, length_s: float) -> list["Samples"]:
    """A part of the sound, one array per channel."""
    raw = np.frombuffer(sound.read(start_s, length_s, RATE_HZ), dtype="<i2").astype(np.float32) / 32768
    whole = raw[: len(raw) - len(raw) % sound.channels].reshape(-1, sound.channels)
    return [np.ascontiguousarray(whole[:, number]) for number in range(sound.channels)]


def mix(channels: Sequence["Samples"]) -> "Samples":
    """All channels as one."""
    return channels[0] if len(channels) == 1 else np.mean(np.stack(channels), axis=0, dtype=np.float32)


def _speech(samples: "Samples", at_s: float) -> list[Span]:
    stretches = get_speech_timestamps(samples, VAD, RATE_HZ)
    return [(at_s + stretch["start"] / RATE_HZ, at_s + stretch["end"] / RATE_HZ) for stretch in stretches]


def _peaks(samples: "Samples") -> bytes:
    """The largest sample of each twentieth of a second; the last one may be of a shorter part."""
    size = RATE_HZ // PEAKS_PER_S
    padded = np.pad(np.abs(samples), (0, -len(samples) % size))
    return bytes(np.minimum(padded.reshape(-1, size).max(axis=1) * 255, 255).astype(np.uint8))


def _correlation(sums: "np.ndarray[tuple[int], np.dtype[np.float64]]", count: int) -> float | None:
    """Pearson's, of the two channels; None for one channel or one that is silent."""
    if not count:
        return None
    xy, xx, yy, x, y = sums
    variance = (xx - x * x / count) * (yy - y * y / count)
    return float((xy - x * y / count) / np.sqrt(variance)) if variance > 1e-6 else None
