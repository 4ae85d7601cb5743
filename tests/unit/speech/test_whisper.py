"""What is asked of faster-whisper, and what is made of its answers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.errors import OutOfResources, SettingsError
from pod_jobs.speech.engine import Wish
from pod_jobs.speech.whisper import DECODING, Whisper, join_parts


def part(text: str, start: float = 0.0, probability: float = 0.9) -> Any:
    return SimpleNamespace(word=text, start=start, end=start + 0.5, probability=probability)


def whisper(segments: Any) -> tuple[Whisper, dict[str, Any]]:
    """One whose model answers `segments`, and what the model was asked."""
    asked: dict[str, Any] = {}

    def transcribe(samples: object, **options: Any) -> Any:
        asked.update(options)
        return (segments() if callable(segments) else iter(segments)), None

    found = Whisper.__new__(Whisper)
    found._model = SimpleNamespace(transcribe=transcribe)
    return found, asked


class Loaded:
    """What faster-whisper makes of a folder."""

    n_mels, filters, is_multilingual = 80, 80, True
    supported_languages = ("fr", "yue")

    def __init__(self, folder: str, **options: Any) -> None:
        assert options["local_files_only"] is True
        self.model = SimpleNamespace(n_mels=self.n_mels, is_multilingual=self.is_multilingual)
        self.feature_extractor = SimpleNamespace(mel_filters=[None] * self.filters)
        self.hf_tokenizer = SimpleNamespace(token_to_id={"<|fr|>": 50265}.get)


@pytest.mark.parametrize(
    ("name", "translates"), [("whisper-base", True), ("large-v3-turbo", False), ("distil-large-v3", False)]
)
def test_a_model_knows_the_languages_that_have_a_token(
    monkeypatch: pytest.MonkeyPatch, name: str, translates: bool
) -> None:
    monkeypatch.setattr("pod_jobs.speech.whisper.WhisperModel", Loaded)
    found = Whisper(Path("/models") / name, 1)
    assert (found.name, set(found.languages), found.can_translate) == (name, {"fr"}, translates)


def test_a_model_of_english_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    english = type("English", (Loaded,), {"is_multilingual": False, "supported_languages": ("en",)})
    monkeypatch.setattr("pod_jobs.speech.whisper.WhisperModel", english)
    found = Whisper(Path("/models/base.en"), 1)
    assert (set(found.languages), found.can_translate) == ({"en"}, False)


def test_a_model_without_its_own_filters_is_refused_before_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.speech.whisper.WhisperModel", type("Large", (Loaded,), {"n_mels": 128}))
    with pytest.raises(SettingsError, match="preprocessor_config.json") as caught:
        Whisper(Path("/models/large-v3"), 1)
    assert (caught.value.code, caught.value.facts) == ("speech-model-unreadable", {"name": "large-v3"})


def hear(found: Whisper, wish: Wish, told: list[float] | None = None) -> list[Word]:
    samples: Any = None
    return found.hear(samples, wish, (told if told is not None else []).append)


@pytest.mark.parametrize(
    ("wish", "asked_for"),
    [
        (Wish("fr", ("Esup-Pod", "Moodle"), translate=False), ("fr", "transcribe", "Esup-Pod, Moodle")),
        (Wish("de", (), translate=True), ("de", "translate", None)),
    ],
)
def test_the_model_is_asked_for_what_is_wanted(wish: Wish, asked_for: tuple[str, str, str | None]) -> None:
    found, asked = whisper([])
    assert hear(found, wish) == []
    assert (asked["language"], asked["task"], asked["hotwords"]) == asked_for
    assert {name: asked[name] for name in DECODING} == DECODING


def test_the_recipe() -> None:
    """Each of them was measured or is its authors': without them, a model repeats itself, or speaks in silences."""
    assert (DECODING["beam_size"], DECODING["condition_on_previous_text"], DECODING["word_timestamps"]) == (
        5,
        False,
        True,
    )
    thresholds = ("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold")
    assert [DECODING[name] for name in thresholds] == [2.4, -1.0, 0.6]
    assert DECODING["hallucination_silence_threshold"] == 2.0 and DECODING["vad_filter"] is True


def test_memory_is_given_back_before_the_features_and_before_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that, a piece of three minutes takes 200 MB more than it needs."""
    did: list[str] = []

    def segments() -> Any:
        did.append("words")
        yield SimpleNamespace(words=None, end=1.0)

    monkeypatch.setattr("pod_jobs.speech.whisper.give_back_free", lambda: did.append("free"))
    hear(whisper(segments)[0], Wish("fr", (), translate=False))
    assert did == ["free", "free", "words"]


def test_words_and_progress_come_segment_by_segment() -> None:
    segments = [
        SimpleNamespace(words=[part(" Bonjour", 1.0)], end=30.0),
        SimpleNamespace(words=None, end=60.0),
        SimpleNamespace(words=[part(" à", 61.0), part(" tous", 62.0)], end=90.0),
    ]
    told: list[float] = []
    words = hear(whisper(segments)[0], Wish("fr", (), translate=False), told)
    assert [(word.start_s, word.text) for word in words] == [(1.0, "Bonjour"), (61.0, "à"), (62.0, "tous")]
    assert told == [30.0, 60.0, 90.0]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MemoryError(), OutOfResources),
        (RuntimeError("mkl_malloc: failed to allocate memory"), OutOfResources),
        (RuntimeError("another fault"), RuntimeError),
    ],
)
def test_a_lack_of_memory_in_the_middle_is_told_as_such(raised: Exception, expected: type[Exception]) -> None:
    def fail() -> Any:
        raise raised
        yield

    found, _ = whisper(fail)
    found._model.detect_language = lambda samples: next(fail())
    for listens in (lambda: hear(found, Wish("fr", (), translate=False)), lambda: found.guess_language(None)):
        with pytest.raises(expected) as caught:
            listens()
        assert getattr(caught.value, "code", "") == ("speech-no-memory" if expected is OutOfResources else "")


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
