"""Whisper's words as written ones; no model is needed for that."""

from types import SimpleNamespace

import pytest

pytest.importorskip("faster_whisper")
from pod_jobs.speech.whisper import join_parts  # noqa: E402  # it imports the extra


def joined(*parts: str, language: str = "fr") -> list[tuple[float, float, str, float]]:
    """Start, end, text and confidence of each word; part N is heard from N to N + 1 with a chance of (9 - N) in 10."""
    heard = [SimpleNamespace(word=text, start=n, end=n + 1, probability=(9 - n) / 10) for n, text in enumerate(parts)]
    return [(word.start_s, word.end_s, word.text, word.confidence) for word in join_parts(heard, language)]


@pytest.mark.parametrize(
    ("parts", "language", "words"),
    [
        ((), "fr", []),
        (("dans", " l", "'amphi"), "fr", [(0, 1, "dans", 0.9), (1, 3, "l'amphi", 0.7)]),
        (("Pod", " ?"), "fr", [(0, 2, "Pod\u00a0?", 0.9)]),
        (("Pod", "."), "fr", [(0, 2, "Pod.", 0.9)]),
        (("...", " oui"), "fr", [(1, 2, "oui", 0.8)]),
        (("a", " ", "b"), "fr", [(0, 3, "ab", 0.7)]),
        (("字", "幕"), "zh", [(0, 1, "字", 0.9), (1, 2, "幕", 0.8)]),
        (("字", "。"), "zh", [(0, 2, "字。", 0.9)]),
    ],
)
def test_parts_become_words(
    parts: tuple[str, ...], language: str, words: list[tuple[float, float, str, float]]
) -> None:
    assert joined(*parts, language=language) == words
