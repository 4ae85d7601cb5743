"""The recipe: from the sound of a recording to cues, piece by piece.

1. Listen once: where is speech, on one voice or two (channels that have little in common hold two speakers).
2. Nothing spoken: no model runs, and no language is guessed.
3. The language: the one that was declared, else a vote over some windows of speech, else the platform's with a mark.
4. Each piece of about 3 minutes is recognised on its own, and what was missed in it once more. A caller may keep the words of a
   piece and give them back after an interruption, or have pieces done elsewhere.
5. Clean the words, correct what is always misheard, lay out cues.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pod_jobs.captions.cues import Cue, Word
from pod_jobs.captions.layout import build_cues
from pod_jobs.captions.rules import CueRules
from pod_jobs.errors import BadSource
from pod_jobs.speech.cleaning import clean, correct, without_bursts
from pod_jobs.speech.engine import RATE_HZ, Engine, Sound, Wish
from pod_jobs.speech.listening import Heard, listen, mix, samples_of
from pod_jobs.speech.pieces import Piece, plan_pieces
from pod_jobs.speech.spans import Span, Voice

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Samples

VOTES = 5
VOTE_S = 30.0
ENOUGH = 0.5  # probability of a language, by the votes, from which the guess is sure
MISSED_S = 3.0  # speech without a word for so long is listened to again
LEAST_CONFIDENCE = 0.35  # mean confidence of the words of such a second try, below which they are not used
LISTENING_SHARE = 0.1  # of the work, for progress


@dataclass(frozen=True)
class SpeechRequest:
    """What a caller wants. `language`: ISO 639-1, "" asks for a guess; `default_language` serves when the guess is not sure.
    `corrections`: (misheard, right, language of the words; "" = any). `speakers`: names for the channels of two speakers."""

    rules: CueRules
    language: str = ""
    default_language: str = "fr"
    glossary: tuple[str, ...] = ()
    corrections: tuple[tuple[str, str, str], ...] = ()
    translate: bool = False
    speakers: tuple[str, str] = ("1", "2")


@dataclass(frozen=True)
class Language:
    """What is spoken. `confidence`: None when it was declared; `needs_check`: the guess was not sure."""

    code: str
    confidence: float | None = None
    needs_check: bool = False


@dataclass(frozen=True)
class Plan:
    """What has to be recognised. `language` is None when nobody speaks."""

    heard: Heard
    pieces: tuple[Piece, ...]
    language: Language | None


@dataclass(frozen=True)
class Transcript:
    """The result. `language`: of the cues ("en" after a translation); "" when nobody speaks."""

    cues: tuple[Cue, ...]
    language: str
    spoken: Language | None
    duration_s: float
    speech_s: float
    peaks: bytes
    model: str


def plan(sound: Sound, engine: Engine, order: SpeechRequest, tick: Callable[[float], None]) -> Plan:
    """Steps 1 to 3. `tick(fraction)` with the share of all the work. Errors: BadSource for a language that the model does not
    know, and for a translation by a model that cannot."""
    if order.translate and not engine.can_translate:
        raise BadSource(f"{engine.name} cannot translate", code="speech-no-translation", name=engine.name)
    heard = listen(sound, lambda at_s: tick(LISTENING_SHARE * min(at_s / max(sound.duration_s, 1), 1)))
    pieces = tuple(plan_pieces(heard.voices, heard.duration_s))
    if not pieces:
        return Plan(heard, (), None)
    language = Language(order.language) if order.language else _vote(sound, engine, heard, order.default_language)
    if language.code not in engine.languages:
        raise BadSource(f"{engine.name} does not know {language.code}", code="speech-language", name=language.code)
    return Plan(heard, pieces, language)


def hear_piece(
    sound: Sound, engine: Engine, piece: Piece, wish: Wish, tick: Callable[[float], None] = lambda done_s: None
) -> list[Word]:
    """Step 4: the words of one piece, times from the recording's start, uncleaned. `tick(seconds)`: how much of it is done.
    Errors: those of `sound.read` and `engine.hear`; what `tick` raises."""
    samples = _samples(sound, piece.start_s, piece.length_s, piece.channel)
    words = without_bursts(_moved(engine.hear(samples, wish, tick), piece.start_s))
    for start_s, end_s in _missed(words, piece.spans):
        at = [round((second - piece.start_s) * RATE_HZ) for second in (start_s, end_s)]
        heard = engine.hear(samples[at[0] : at[1]], wish, lambda _: tick(piece.length_s))
        second_try = clean(_moved(heard, start_s), wish.written, [(start_s, end_s)])
        if second_try and sum(word.confidence for word in second_try) / len(second_try) >= LEAST_CONFIDENCE:
            words += second_try
    return sorted(words, key=lambda word: word.start_s)


def finish(planned: Plan, words: Mapping[int, Sequence[Word]], order: SpeechRequest, model: str) -> Transcript:
    """Step 5. `words`: those of each piece, by its number."""
    heard = planned.heard
    speech_s = sum(voice.speech_s for voice in heard.voices)
    nothing = Transcript((), "", None, heard.duration_s, speech_s, heard.peaks, model)
    if planned.language is None:
        return nothing
    language = "en" if order.translate else planned.language.code
    tracks = [_track(voice, planned, words, language, order) for voice in heard.voices]
    cues = tuple(sorted((cue for track in tracks for cue in track), key=lambda cue: (cue.start_s, cue.end_s)))
    if not cues:
        return nothing  # a sound that was taken for speech, such as music: its language was a guess about nothing
    return replace(nothing, cues=cues, language=language, spoken=planned.language)


def transcribe(
    sound: Sound,
    engine: Engine,
    order: SpeechRequest,
    tick: Callable[[float], None] = lambda fraction: None,
) -> Transcript:
    """All steps in one process. `tick(fraction)` with the share of all the work."""
    planned = plan(sound, engine, order, tick)
    words: dict[int, list[Word]] = {}
    whole_s, done_s = sum(piece.length_s for piece in planned.pieces), 0.0

    def progress(seconds: float) -> None:
        tick(share_of(done_s + seconds, whole_s))

    for piece in planned.pieces:
        words[piece.number] = hear_piece(sound, engine, piece, wish_of(planned, order), progress)
        done_s += piece.length_s
        progress(0.0)
    return finish(planned, words, order, engine.name)


def wish_of(planned: Plan, order: SpeechRequest) -> Wish:
    """How each piece is to be heard."""
    language = planned.language.code if planned.language else order.default_language
    return Wish(language, order.glossary, order.translate)


def share_of(done_s: float, whole_s: float) -> float:
    """The share of all the work that is done when `done_s` of the pieces' `whole_s` are recognised."""
    return LISTENING_SHARE + (1 - LISTENING_SHARE) * min(done_s / max(whole_s, 0.1), 1.0)


def _vote(sound: Sound, engine: Engine, heard: Heard, default: str) -> Language:
    """The mean of what the model thinks of some windows, spread over the speech of the voice that speaks most."""
    voice = max(heard.voices, key=lambda candidate: candidate.speech_s)
    starts = [start for start, end in voice.spans if end - start >= 2.0] or [voice.spans[0][0]]
    step = max(1, len(starts) // VOTES)
    chances: dict[str, float] = {}
    chosen = starts[::step][:VOTES]
    for start_s in chosen:
        samples = _samples(sound, start_s, VOTE_S, voice.channel)
        for name, chance in engine.guess_language(samples).items():
            chances[name] = chances.get(name, 0.0) + chance / len(chosen)
    best = max(chances, key=lambda name: chances[name], default=default)
    confidence = round(chances.get(best, 0.0), 3)
    if confidence < ENOUGH:
        return Language(default, confidence, needs_check=True)
    return Language(best, confidence)


def _track(
    voice: Voice, planned: Plan, words: Mapping[int, Sequence[Word]], language: str, order: SpeechRequest
) -> list[Cue]:
    voice_words = [
        word for piece in planned.pieces if piece.channel == voice.channel for word in words.get(piece.number, ())
    ]
    corrections = [(heard, right) for heard, right, of in order.corrections if of in ("", language)]
    corrected = correct(clean(voice_words, language, voice.spans), corrections)
    speaker = "" if voice.channel is None else order.speakers[voice.channel]
    return build_cues(corrected, order.rules, language, speaker, planned.heard.duration_s)


def _missed(words: Sequence[Word], spans: Sequence[Span]) -> list[Span]:
    """Parts of the speech in which no word was recognised."""
    missed = []
    for start, end in spans:
        at = start
        for word in [*(w for w in words if w.end_s > start and w.start_s < end), Word(end, end, "")]:
            if word.start_s - at >= MISSED_S:
                missed.append((at, word.start_s))
            at = max(at, word.end_s)
    return missed


def _samples(sound: Sound, start_s: float, length_s: float, channel: int | None) -> "Samples":
    channels = samples_of(sound, start_s, length_s)
    return mix(channels) if channel is None else channels[channel]


def _moved(words: Sequence[Word], by_s: float) -> list[Word]:
    return [Word(word.start_s + by_s, word.end_s + by_s, word.text, word.confidence) for word in words]
