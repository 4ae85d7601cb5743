"""What is decided before a model listens: which language is spoken, and what it cannot."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.speech import transcribe
from pod_jobs.speech.spans import Voice


def vote(
    monkeypatch: pytest.MonkeyPatch, chance: float, *spans: tuple[float, float]
) -> tuple[transcribe.Language, list[float]]:
    """The result, and where the windows began; the model finds German with this probability."""
    starts: list[float] = []

    def samples(sound: Any, start_s: float, length_s: float, channel: Any) -> None:
        starts.append(start_s)

    monkeypatch.setattr(transcribe, "_samples", samples)
    engine: Any = SimpleNamespace(guess_language=lambda _: {"de": chance, "nl": (1 - chance) / 2})
    heard: Any = SimpleNamespace(voices=[Voice(None, spans)])
    sound: Any = None
    return transcribe._vote(sound, engine, heard, "fr"), starts


def test_speech_of_two_seconds_has_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vote(monkeypatch, 0.9, (0.0, 1.9), (5.0, 7.0), (9.0, 12.0))[1] == [5.0, 9.0]
    assert vote(monkeypatch, 0.9, (3.0, 4.0), (5.0, 6.0))[1] == [3.0], "where all is short, its beginning"


def test_a_guess_as_sure_as_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vote(monkeypatch, transcribe.ENOUGH, (0.0, 9.0))[0] == transcribe.Language("de", transcribe.ENOUGH)
    less = transcribe.ENOUGH - 0.01
    assert vote(monkeypatch, less, (0.0, 9.0))[0] == transcribe.Language("fr", less, needs_check=True)


@pytest.mark.parametrize(
    ("wanted", "able", "refused"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_model_that_cannot_translate_is_not_asked_to(
    monkeypatch: pytest.MonkeyPatch, wanted: bool, able: bool, refused: bool
) -> None:
    heard = SimpleNamespace(voices=[], duration_s=1.0)
    monkeypatch.setattr(transcribe, "listen", lambda *_: heard)
    engine: Any = SimpleNamespace(can_translate=able, name="m")
    order: Any = SimpleNamespace(translate=wanted)
    sound: Any = None
    with pytest.raises(BadSource) if refused else nullcontext():
        assert transcribe.plan(sound, engine, order, print).pieces == ()
