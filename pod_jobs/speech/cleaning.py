"""Taking out what a recogniser invents: credits of films it was taught with, loops, other scripts, words in silence, words
that nobody can say so fast. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from pod_jobs.captions.cues import Word
from pod_jobs.captions.respelling import folded
from pod_jobs.speech.spans import Span

# Whole sentences are compared with it, because lecturers say "subtitle" too, but in other sentences
CREDITS = re.compile(
    r"""^\W*(?:
        (?:sous[\s-]titr(?:es?|age|é)s?)\b.{0,60}(?:par|radio-canada|communaut[ée]|amara|st['’ ]|société|fr\b).*
        | sous[\s-]titrage\b.{0,60}
        | (?:subtitles?|captions?|transcri(?:bed|ption|pt))\s+(?:by|provided)\b.{0,60}
        | merci\s+d['’]avoir\s+regardé\b.{0,60}
        | abonnez[\s-]vous\b.{0,60}
        | (?:thanks|thank\s+you)\s+for\s+watching\b.{0,40}
        | .{0,30}amara\.org.{0,30}
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
LATIN = frozenset(
    "fr en de es it pt nl sv da no nn fi pl cs sk hu ro hr sl et lv lt tr id ms vi ca eu gl cy ga is mt".split()
)
LONGEST_LOOP_WORDS = 12
REPEATS = 4  # times in a row that make a loop; fewer may be rhetoric
FASTEST_S = 0.06  # from word to word; people who speak very fast need twice as long
MOST_AT_ONCE = 4  # words so close to each other; a model's times are not exact
NEAR_S = 1.0  # a word may lie so far from where speech was found
SENTENCE_GAP_S = 1.5


def clean(words: Sequence[Word], language: str, spans: Sequence[Span]) -> list[Word]:
    """The words without invented ones; their times do not leave the spans of speech by more than a breath."""
    kept = [word for word in without_bursts(words) if _is_written_in(word.text, language) and _is_in(word, spans)]
    kept = _without_loops(kept)
    kept = [word for sentence in _sentences(kept) if not _is_credit(sentence) for word in sentence]
    return [_clamped(word, spans) for word in kept]


def without_bursts(words: Sequence[Word]) -> list[Word]:
    """The words without runs of words that begin at nearly the same instant: a model that loops puts what it invents there."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and word.start_s - runs[-1][-1].start_s < FASTEST_S:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [word for run in runs if len(run) <= MOST_AT_ONCE for word in run]


def correct(words: Sequence[Word], corrections: Sequence[tuple[str, str]]) -> list[Word]:
    """The words, with words or runs of words that are always misheard written right: the longest run first, then the correction
    that was named first. A run of another length shares the time."""
    by_first_word: dict[str, list[tuple[list[str], list[str]]]] = {}
    for wrong, right in corrections:
        misheard, replacement = folded(wrong).split(), right.split()
        if misheard and replacement:
            by_first_word.setdefault(misheard[0], []).append((misheard, replacement))
    texts = [folded(word.text) for word in words]
    corrected: list[Word] = []
    index = 0
    while index < len(words):
        fitting = [
            known for known in by_first_word.get(texts[index], ()) if texts[index : index + len(known[0])] == known[0]
        ]
        misheard, replacement = max(fitting, key=lambda known: len(known[0]), default=([], []))
        run = words[index : index + max(len(misheard), 1)]
        corrected += _respelled(run, replacement) if misheard else run
        index += len(run)
    return corrected


def _respelled(run: Sequence[Word], texts: Sequence[str]) -> list[Word]:
    trail = re.search(r"[^\w]*$", run[-1].text)
    texts = [*texts[:-1], texts[-1] + (trail.group() if trail and not texts[-1].endswith(trail.group()) else "")]
    if len(texts) == len(run):
        return [replace(word, text=text) for word, text in zip(run, texts, strict=True)]
    start, end = run[0].start_s, run[-1].end_s
    step = (end - start) / len(texts)
    chance = min(word.confidence for word in run)
    return [Word(start + n * step, start + (n + 1) * step, text, chance) for n, text in enumerate(texts)]


def _is_written_in(text: str, language: str) -> bool:
    """False for punctuation alone, and for letters of another script than the language's."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return any(c.isdigit() for c in text)
    if language not in LATIN:
        return True
    return all("LATIN" in unicodedata.name(c, "") or c in "ªº" or _is_formula(c) for c in letters)


def _is_formula(letter: str) -> bool:
    """Greek letters stand in lectures of any language."""
    return "GREEK" in unicodedata.name(letter, "") or "MICRO" in unicodedata.name(letter, "")


def _is_in(word: Word, spans: Sequence[Span]) -> bool:
    return any(word.start_s < end + NEAR_S and word.end_s > start - NEAR_S for start, end in spans)


def _clamped(word: Word, spans: Sequence[Span]) -> Word:
    """`word` cut to the spans, because a recogniser stretches words into the silence beside them."""
    touching = [span for span in spans if word.start_s < span[1] and word.end_s > span[0]]
    if not touching:
        return word
    start, end = max(word.start_s, touching[0][0]), min(word.end_s, touching[-1][1])
    return replace(word, start_s=start, end_s=max(end, start + 0.05))


def _without_loops(words: list[Word]) -> list[Word]:
    """One to twelve words that come again four times or more without anything between them stay once."""
    texts = [folded(word.text) for word in words]
    kept: list[Word] = []
    index = 0
    while index < len(words):
        size, times = max(
            ((size, _times(texts, index, size)) for size in range(1, LONGEST_LOOP_WORDS + 1)),
            key=lambda loop: (loop[1] >= REPEATS, loop[0] * loop[1] if loop[1] >= REPEATS else 0),
        )
        if times >= REPEATS:
            kept += words[index : index + size]
            index += size * times
        else:
            kept.append(words[index])
            index += 1
    return kept


def _times(texts: Sequence[str], index: int, size: int) -> int:
    unit, times = texts[index : index + size], 1
    while len(unit) == size and texts[index + times * size : index + (times + 1) * size] == unit:
        times += 1
    return times


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = []
    for word in words:
        ended = sentences and (
            sentences[-1][-1].text[-1:] in ".!?…" or word.start_s - sentences[-1][-1].end_s > SENTENCE_GAP_S
        )
        if not sentences or ended:
            sentences.append([])
        sentences[-1].append(word)
    return sentences


def _is_credit(sentence: Sequence[Word]) -> bool:
    return bool(CREDITS.match(" ".join(word.text for word in sentence).replace("\u00a0", " ")))
