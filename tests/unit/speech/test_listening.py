"""What is found out about a sound before any word is recognised. A stand-in for the VAD calls loud what is not silent."""

from typing import Any

import numpy as np
import pytest

from pod_jobs.speech import listening
from pod_jobs.speech.engine import RATE_HZ
from pod_jobs.speech.listening import Heard, listen, mix, samples_of
from pod_jobs.speech.spans import Voice

NOISE = np.random.default_rng(7)


class Recorded:
    """A sound of one or two channels, each a list of (seconds, loudness), of which no part is read twice."""

    def __init__(self, *channels: list[tuple[float, float]], same: bool = False) -> None:
        self.channels = len(channels)
        made = [np.concatenate([_noise(round(s * RATE_HZ), loud) for s, loud in channel]) for channel in channels]
        if same:
            made[1] = made[0] // 2
        self.duration_s = len(made[0]) / RATE_HZ
        self._samples = np.stack(made, axis=1).astype("<i2")
        self.read_s: list[float] = []

    def read(self, start_s: float, length_s: float, rate_hz: int) -> bytes:
        assert rate_hz == RATE_HZ
        self.read_s.append(start_s)
        return self._samples[round(start_s * rate_hz) : round((start_s + length_s) * rate_hz)].tobytes()


def _noise(count: int, loud: float) -> Any:
    return NOISE.uniform(-loud, loud, count) * 32767


def loud(samples: Any, options: object, rate_hz: int) -> list[dict[str, int]]:
    """Stretches that are not silent, in steps of a tenth of a second."""
    step = rate_hz // 10
    is_loud = [bool(np.abs(samples[at : at + step]).max() > 0.01) for at in range(0, len(samples), step)]
    found: list[dict[str, int]] = []
    for number, now in enumerate(is_loud):
        if now and number and is_loud[number - 1]:
            found[-1]["end"] = (number + 1) * step
        elif now:
            found.append({"start": number * step, "end": (number + 1) * step})
    return found


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "get_speech_timestamps", loud)
    monkeypatch.setattr(listening, "WINDOW_S", 2.0)


def heard(sound: Recorded) -> Heard:
    return listen(sound, lambda at_s: None)


def test_one_channel_is_one_voice_read_window_by_window() -> None:
    sound = Recorded([(1.0, 0.0), (2.0, 0.5), (1.0, 0.0), (1.0, 0.5)])
    told: list[float] = []
    found = listen(sound, told.append)
    assert found.voices == (Voice(None, ((1.0, 3.0), (4.0, 5.0))),), "a border of two windows parts nothing"
    assert (sound.read_s, told, found.duration_s, found.correlation) == ([0.0, 2.0, 4.0], [2.0, 4.0, 5.0], 5.0, None)


def test_two_speakers_are_told_apart_and_never_mixed() -> None:
    found = heard(Recorded([(1.0, 0.5), (3.0, 0.0)], [(2.0, 0.0), (2.0, 0.5)]))
    assert found.voices == (Voice(0, ((0.0, 1.0),)), Voice(1, ((2.0, 4.0),)))
    assert found.correlation is not None and abs(found.correlation) < 0.1


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        (Recorded([(4.0, 0.5)], [(4.0, 0.0)], same=True), "both channels hold the same, one of them softer"),
        (Recorded([(4.0, 0.5)], [(4.0, 0.005)]), "one channel holds a faint noise"),
        (Recorded([(4.0, 0.5)], [(3.9, 0.0), (0.1, 0.5)]), "one channel holds a click"),
        (Recorded([(4.0, 0.5)], [(4.0, 0.0)]), "one channel is silent"),
    ],
    ids=["same", "noise", "click", "silent"],
)
def test_what_is_no_second_speaker(sound: Recorded, why: str) -> None:
    assert [voice.channel for voice in heard(sound).voices] == [None], why


def test_a_silence_has_no_speech_and_ends_where_the_sound_does() -> None:
    found = heard(Recorded([(3.0, 0.0)]))
    assert (found.voices, found.duration_s) == ((Voice(None, ()),), 3.0)
    sound = Recorded([(3.0, 0.0)])
    sound.duration_s = 100.0  # what the file claims
    assert heard(sound).duration_s == 3.0


def test_the_curve_of_loudness_has_a_value_for_each_twentieth_of_a_second() -> None:
    peaks = heard(Recorded([(1.0, 0.0), (1.02, 1.0)])).peaks
    assert len(peaks) == 41
    assert set(peaks[:20]) == {0} and min(peaks[20:]) > 240


def test_a_mix_is_the_mean_of_the_channels() -> None:
    sound = Recorded([(0.5, 0.5)], [(0.5, 0.5)])
    left, right = samples_of(sound, 0.0, 0.5)
    assert np.allclose(mix([left, right]), (left + right) / 2)
    assert mix([left]) is left
    assert len(left) == RATE_HZ // 2 and left.dtype == np.float32 and float(np.abs(left).max()) <= 0.5
