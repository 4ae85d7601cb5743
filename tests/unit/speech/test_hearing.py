"""One piece: its words, and what was missed in it once more. A stand-in for the model says what it is told to."""

from typing import Any

import numpy as np
import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.speech.engine import RATE_HZ, Wish
from pod_jobs.speech.pieces import Piece
from pod_jobs.speech.transcribe import LEAST_CONFIDENCE, MISSED_S, hear_piece

WISH = Wish("fr", ("Esup-Pod",), translate=False)
START_S = 100.0
SPOKEN = Piece(0, None, START_S, START_S + 20, ((START_S + 1, START_S + 19),))


class Sound:
    """As many samples as are asked for: on the left channel 1, on the right one -1."""

    duration_s = 200.0
    channels = 2

    def read(self, start_s: float, length_s: float, rate_hz: int) -> bytes:
        return np.tile(np.array([32767, -32767], dtype="<i2"), round(length_s * rate_hz)).tobytes()


class Model:
    """Says the next of `answers`, each [(start, end, text, confidence)], and remembers what it was given."""

    name, languages, can_translate = "stand-in", frozenset({"fr"}), True

    def __init__(self, *answers: list[tuple[float, float, str, float]]) -> None:
        self._answers = list(answers)
        self.given: list[tuple[float, float]] = []  # seconds, the first sample

    def hear(self, samples: Any, wish: Wish, tick: Any) -> list[Word]:
        assert wish == WISH
        self.given.append((len(samples) / RATE_HZ, round(float(samples[0]), 3)))
        tick(len(samples) / RATE_HZ)
        return [Word(*word) for word in self._answers.pop(0)]

    def guess_language(self, samples: Any) -> dict[str, float]:
        raise AssertionError("the language is known")


def hear(model: Model, piece: Piece = SPOKEN) -> list[tuple[float, str]]:
    return [(word.start_s, word.text) for word in hear_piece(Sound(), model, piece, WISH)]


def test_words_have_times_of_the_recording_and_what_was_missed_is_heard_again() -> None:
    model = Model([(1.0, 6.0, "Bonjour", 0.9), (12.0, 19.0, "fin", 0.9)], [(0.5, 5.5, "oublié", 0.8)])
    assert hear(model) == [(START_S + 1, "Bonjour"), (START_S + 6.5, "oublié"), (START_S + 12, "fin")]
    assert model.given == [(20.0, 0.0), (6.0, 0.0)], "the mix of both channels, and then the gap alone"


@pytest.mark.parametrize(("gap_s", "tries"), [(MISSED_S - 0.1, 1), (MISSED_S, 2)])
def test_short_pauses_are_no_gaps(gap_s: float, tries: int) -> None:
    model = Model([(1.0, 19.0 - gap_s, "tout", 0.9)], [])
    assert hear(model) == [(START_S + 1, "tout")]
    assert len(model.given) == tries


@pytest.mark.parametrize(
    ("second", "taken"),
    [
        ([(0.0, 2.0, "oui", LEAST_CONFIDENCE)], True),
        ([(0.0, 2.0, "oui", LEAST_CONFIDENCE - 0.01)], False),
        ([(0.0, 1.0, "oui", 0.6), (1.0, 2.0, "non", 0.0)], False),
        ([(0.0, 1.0, "Sous-titrage", 0.9), (1.0, 2.0, "Radio-Canada", 0.9)], False),
    ],
    ids=["sure", "unsure", "unsure on average", "a credit of films"],
)
def test_a_second_try_counts_only_if_the_model_is_rather_sure(
    second: list[tuple[float, float, str, float]], taken: bool
) -> None:
    assert (len(hear(Model([(1.0, 12.0, "tout", 0.9)], second))) > 1) is taken


def test_a_voice_of_one_channel_is_heard_alone() -> None:
    model = Model([(1.0, 19.0, "tout", 0.9)])
    assert hear(model, Piece(0, 1, START_S, START_S + 20, SPOKEN.spans)) == [(START_S + 1, "tout")]
    assert model.given == [(20.0, -1.0)]


def test_progress_is_told_by_the_position_in_the_piece() -> None:
    told: list[float] = []
    hear_piece(Sound(), Model([(1.0, 12.0, "tout", 0.9)], []), SPOKEN, WISH, told.append)
    assert told == [20.0, 20.0], "the second try is no progress"
