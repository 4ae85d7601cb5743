"""What a speech engine must be able to do. Another engine is one more file like whisper.py, and a line in models.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pod_jobs.captions.cues import Word

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Samples = NDArray[float32]  # mono, 16,000 a second, from -1 to 1

RATE_HZ = 16_000
MOST_GLOSSARY_CHARACTERS = 600  # about 200 tokens, half of what Whisper reads as a prompt


@dataclass(frozen=True)
class Wish:
    """How a piece is to be heard. `language`: ISO 639-1. `glossary`: spellings of names and terms that may come up,
    together at most MOST_GLOSSARY_CHARACTERS. `translate`: the words in English, whatever is spoken."""

    language: str
    glossary: tuple[str, ...]
    translate: bool

    @property
    def written(self) -> str:
        """The language of the words."""
        return "en" if self.translate else self.language


class Engine(Protocol):
    """A loaded model. `name` says which, for people; `languages` are ISO 639-1 codes."""

    name: str
    languages: frozenset[str]
    can_translate: bool

    def hear(self, samples: "Samples", wish: Wish, tick: Callable[[float], None]) -> list[Word]:
        """The words of a piece of at most some minutes, with times from its start. `tick(seconds)` is called with how much of
        it is done, at least once for every half minute of it. Errors: OutOfResources when there is no memory; what `tick`
        raises."""

    def guess_language(self, samples: "Samples") -> dict[str, float]:
        """The likely languages of 30 s of speech, and how likely each one is (0 to 1)."""


class Sound(Protocol):
    """The sound of a recording, read in parts, so that a long one never stands in memory as a whole."""

    duration_s: float
    channels: int  # 1 or 2

    def read(self, start_s: float, length_s: float, rate_hz: int) -> bytes:
        """Signed 16-bit little-endian samples, channels interleaved. Fewer at the end. Errors: BadSource, FfmpegFailed."""
