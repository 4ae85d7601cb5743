"""faster-whisper (CTranslate2) as an Engine: Whisper's models in int8 on the processor."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faster_whisper import WhisperModel

from pod_jobs.captions.cues import Word
from pod_jobs.errors import OutOfResources, SettingsError
from pod_jobs.speech.engine import Wish
from pod_jobs.system.memory import give_back_free

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Samples

# Whisper tries again, with more chance in its choice of words, only if the first try is a loop or a guess; the thresholds are
# those of its authors
DECODING: dict[str, Any] = {
    "beam_size": 5,
    "condition_on_previous_text": False,  # an invented sentence would bring forth the next one
    "compression_ratio_threshold": 2.4,
    "log_prob_threshold": -1.0,
    "no_speech_threshold": 0.6,
    "word_timestamps": True,
    "hallucination_silence_threshold": 2.0,
    "vad_filter": True,
    "vad_parameters": {"min_silence_duration_ms": 1000, "speech_pad_ms": 300},
}
WITHOUT_SPACES = frozenset(("zh", "ja", "th", "lo", "my", "yue"))


class Whisper:
    """One model, loaded once."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Errors: SettingsError; OutOfResources when there is no memory."""
        self.name = folder.name
        try:
            self._model = WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            if _is_lack_of_memory(error):
                raise OutOfResources(f"{folder}: {error}", code="speech-no-memory") from error
            raise SettingsError(f"{folder}: {error}", code="speech-model-unreadable", name=folder.name) from error
        if (filters := len(self._model.feature_extractor.mel_filters)) != self._model.model.n_mels:
            reason = f"{folder}: preprocessor_config.json is missing or another model's ({filters} mel filters)"
            raise SettingsError(reason, code="speech-model-unreadable", name=folder.name)
        self.languages = frozenset(filter(self._has_token_of, self._model.supported_languages))
        self.can_translate = self._model.model.is_multilingual and not any(
            word in self.name for word in ("turbo", "distil")
        )

    def _has_token_of(self, language: str) -> bool:
        """Older models do not know all the languages that faster-whisper lists."""
        return (
            not self._model.model.is_multilingual or self._model.hf_tokenizer.token_to_id(f"<|{language}|>") is not None
        )

    def hear(self, samples: "Samples", wish: Wish, tick: Callable[[float], None]) -> list[Word]:
        """See Engine."""
        parts: list[Any] = []
        give_back_free()
        with _lack_of_memory_told():
            segments, _ = self._model.transcribe(
                samples,
                language=wish.language,
                task="translate" if wish.translate else "transcribe",
                hotwords=", ".join(wish.glossary) or None,
                **DECODING,
            )
            give_back_free()  # speech was found and features computed over the whole piece
            for segment in segments:  # it is recognised while it is read
                parts += segment.words or ()
                tick(segment.end)
        return join_parts(parts, wish.written)

    def guess_language(self, samples: "Samples") -> dict[str, float]:
        """See Engine."""
        with _lack_of_memory_told():
            _, _, chances = self._model.detect_language(samples)
        return {name: float(chance) for name, chance in chances}


def join_parts(parts: Iterable[Any], language: str) -> list[Word]:
    """Whisper's words as written ones. It tells a new word by the space before it: "l" and "'amphi" are one word, a question
    mark on its own belongs to the word before."""
    words: list[Word] = []
    for part in parts:
        text = part.word
        begins = text[:1].isspace() or not words or language in WITHOUT_SPACES
        bare = text.strip()
        if not bare:
            continue
        if begins and any(c.isalnum() for c in bare):
            words.append(Word(float(part.start), float(part.end), bare, float(part.probability)))
        elif words:
            last = words[-1]
            space = "\u00a0" if begins and bare[0] in ":;!?»" else ""
            chance = (
                min(last.confidence, float(part.probability)) if any(c.isalnum() for c in bare) else last.confidence
            )
            words[-1] = Word(last.start_s, max(last.end_s, float(part.end)), f"{last.text}{space}{bare}", chance)
    return words


@contextmanager
def _lack_of_memory_told() -> Iterator[None]:
    """Errors: OutOfResources for what the engine raises where there is no memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if _is_lack_of_memory(error):
            raise OutOfResources(str(error), code="speech-no-memory") from error
        raise


def _is_lack_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "alloc" in str(error).lower() or "memory" in str(error).lower()
