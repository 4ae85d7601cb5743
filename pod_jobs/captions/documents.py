"""Cues as plain JSON, for the catalog, for files between programs and for pages.

[[start_s, end_s, text, speaker, [[start_s, end_s, word, confidence], …]], …]
"""

import math
from collections.abc import Sequence
from typing import Any

from pod_jobs.captions.cues import Cue, Word, clean_text, plain_text
from pod_jobs.captions.parsing import MOST_CUE_CHARACTERS, MOST_CUES, MOST_S, MOST_SPEAKER_CHARACTERS, check_words
from pod_jobs.errors import BadCaptions

Document = list[Any]


def documents_of(cues: Sequence[Cue]) -> list[Document]:
    return [
        [
            round(cue.start_s, 3),
            round(cue.end_s, 3),
            cue.text,
            cue.speaker,
            [[round(w.start_s, 3), round(w.end_s, 3), w.text, round(w.confidence, 3)] for w in cue.words],
        ]
        for cue in cues
    ]


def cues_from(documents: Sequence[Document]) -> list[Cue]:
    return [
        Cue(start_s, end_s, text, speaker, tuple(Word(*word) for word in words))
        for start_s, end_s, text, speaker, words in documents
    ]


def checked_cues(documents: Any) -> list[Cue]:
    """Cues that somebody sent: clean text, in the order of their times. Errors: BadCaptions, naming the cue by its number."""
    if not isinstance(documents, list) or len(documents) > MOST_CUES:
        raise BadCaptions(f"a list of at most {MOST_CUES} captions is needed", code="captions-too-many")
    cues = [_checked(number, document) for number, document in enumerate(documents, 1)]
    check_words(cues)
    return sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))


def _checked(number: int, document: Any) -> Cue:
    try:
        start_s, end_s, text, speaker, words = document
        start_s, end_s = float(start_s), float(end_s)
        spoken = tuple(Word(float(a), float(b), clean_text(str(word)), float(chance)) for a, b, word, chance in words)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadCaptions(f"caption {number}: {error}", code="captions-timing", line=str(number)) from error
    if not (isinstance(text, str) and isinstance(speaker, str)) or len(text) > MOST_CUE_CHARACTERS:
        raise BadCaptions(f"caption {number}: no text", code="captions-cue-too-long", line=str(number))
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s < end_s < MOST_S):
        raise BadCaptions(f"caption {number}: {start_s} to {end_s}", code="captions-backward", line=str(number))
    if not all(
        abs(word.start_s) < MOST_S and abs(word.end_s) < MOST_S and 0 <= word.confidence <= 1 for word in spoken
    ):
        raise BadCaptions(f"caption {number}: times of its words", code="captions-timing", line=str(number))
    who = " ".join(plain_text(clean_text(speaker)).split())
    if len(who) > MOST_SPEAKER_CHARACTERS:
        reason = f"caption {number}: {len(who)} characters in the name of its speaker"
        raise BadCaptions(reason, code="captions-speaker-too-long", line=str(number))
    return Cue(round(start_s, 3), round(end_s, 3), clean_text(text), who, spoken)
