"""From recognised words to cues that follow the rules: where a cue begins and ends, and how its text breaks into lines.

1. Words are cut into passages where somebody pauses or another one speaks.
2. Each passage becomes the cheapest row of cues (dynamic programming): a break costs what `break_cost` says, and more the
   later a cue makes the next one. No cue has more lines, or more text for its longest time, than the rules allow.
3. A cue begins with its first word. It stays `linger_s` after its last one, longer where it would be too fast to read,
   and leaves `gap_s` before the next one. Where the speech is faster than anybody reads, the next cues come up to
   `MOST_LATE_S` after their words, until a pause; at the end of the recording they come before their words instead.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from pod_jobs.captions.cues import Cue, Word, escape
from pod_jobs.captions.rules import CueRules, characters
from pod_jobs.captions.typography import break_cost, ends_sentence, set_spaces

PAUSE_S = 1.5  # such a silence always ends a cue
MOST_WORDS = 40  # in a cue; more are never looked at
MOST_LATE_S = 4.0  # of a cue after its words: rather a cue that is too fast than one beside other words
PACE_LATE_S = 1.0  # how late the charter's pace may make the next cue (accessible mode)
LEAST_SHOWN_S = 0.3
MOST_SET_SPACES = 2  # no-break spaces that French puts into one word, before ":" and "»"
FOR_EVER_S = 1e9
ONE_MORE_CUE = 2.0  # cost of each cue: fewer cues are calmer
SECOND_LATE = 20.0  # cost of each second by which a cue makes the next one later
ANOTHER_SENTENCE = 3.0  # cost of each further sentence in the same cue


@dataclass(frozen=True)
class _Passage:
    """Words that may share a cue, with the instant at which something else begins."""

    words: tuple[Word, ...]
    until_s: float


def build_cues(
    words: Sequence[Word], rules: CueRules, language: str, speaker: str = "", duration_s: float = FOR_EVER_S
) -> list[Cue]:
    """Cues for the words of one speaker, which are in the order of their times. None ends after `duration_s`."""
    cues: list[Cue] = []
    fitting = [part for word in words for part in _fitting(word, rules, language)]
    for passage in _passages(fitting, duration_s + rules.gap_s):
        cues += _cues_of(passage, rules, language, speaker)
    return _spaced(cues, rules, duration_s)


def break_lines(text: str, rules: CueRules, language: str) -> str:
    """Plain text as lines that fit; the best break, then the most even one. Too much text gives more lines than the rules
    allow, never a lost word."""
    words = text.split(" ")
    if len(text) <= rules.line_characters:
        return text
    candidates = [_two_lines(words, place, rules, language) for place in range(1, len(words))]
    best = min((candidate for candidate in candidates if candidate), default=None)
    if best is not None:
        return best[1]
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > rules.line_characters:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def _two_lines(words: Sequence[str], place: int, rules: CueRules, language: str) -> tuple[float, str] | None:
    first, second = " ".join(words[:place]), " ".join(words[place:])
    if max(len(first), len(second)) > rules.line_characters:
        return None
    uneven = abs(len(first) - len(second)) / rules.line_characters
    return break_cost(words[place - 1], words[place], language) + 4 * uneven, f"{first}\n{second}"


def _fitting(word: Word, rules: CueRules, language: str) -> list[Word]:
    """A word that is longer than a line (an address, a chain of letters) in pieces that fit."""
    if len(set_spaces(word.text, language)) <= rules.line_characters:
        return [word]
    size = rules.line_characters - MOST_SET_SPACES
    texts = [word.text[at : at + size] for at in range(0, len(word.text), size)]
    step_s = (word.end_s - word.start_s) / len(texts)
    starts = [word.start_s + number * step_s for number in range(len(texts))]
    return [replace(word, start_s=at, end_s=at + step_s, text=text) for at, text in zip(starts, texts, strict=True)]


def _passages(words: Sequence[Word], until_s: float) -> list[_Passage]:
    passages: list[_Passage] = []
    begin = 0
    for index, (before, after) in enumerate(pairwise(words), 1):
        if after.start_s - before.end_s >= PAUSE_S:
            passages.append(_Passage(tuple(words[begin:index]), after.start_s))
            begin = index
    if words[begin:]:
        passages.append(_Passage(tuple(words[begin:]), until_s))
    return passages


def _cues_of(passage: _Passage, rules: CueRules, language: str, speaker: str) -> list[Cue]:
    words = passage.words
    starts = [word.start_s for word in words] + [passage.until_s]
    best: list[tuple[float, int]] = [(0.0, 0)]  # of the first n words: the least cost, and where the last cue begins
    for end in range(1, len(words) + 1):
        options = []
        for begin in range(max(0, end - MOST_WORDS), end):
            cost = _cost(words, begin, end, starts[end], rules, language)
            options.append((best[begin][0] + cost, begin))
        best.append(min(options))
    cues: list[Cue] = []
    end = len(words)
    while end:
        begin = best[end][1]
        cues.append(_cue(words[begin:end], rules, language, speaker))
        end = begin
    return cues[::-1]


def _cost(words: Sequence[Word], begin: int, end: int, next_s: float, rules: CueRules, language: str) -> float:
    """The cost of a cue with the words from `begin` to `end`. Infinite where it cannot follow the rules."""
    cue_words = words[begin:end]
    text = set_spaces(" ".join(word.text for word in cue_words), language)
    if not _fits(text, rules, language) and end - begin > 1:
        return math.inf
    available_s = next_s - rules.gap_s - cue_words[0].start_s
    shown_s = max(min(cue_words[-1].end_s + rules.linger_s - cue_words[0].start_s, available_s), 0.05)
    cost = ONE_MORE_CUE
    cost += ANOTHER_SENTENCE * sum(ends_sentence(word.text) for word in cue_words[:-1])
    cost += 200.0 * max(shown_s - rules.most_s, 0.0)
    cost += SECOND_LATE * max(_least_s(len(text), rules) - max(available_s, 0.0), 0.0)
    cost += 0.5 * max(len(text) - rules.characters_in(shown_s), 0.0)
    if end < len(words):
        cost += 1.5 * break_cost(words[end - 1].text, words[end].text, language)
    return cost


def _fits(text: str, rules: CueRules, language: str) -> bool:
    """Can it be one cue: in its lines, and read in the longest time that a cue is shown?"""
    lines = break_lines(text, rules, language).split("\n")
    fit = len(lines) <= rules.lines and max(map(len, lines)) <= rules.line_characters
    return fit and len(text) <= rules.most_cps * rules.most_s


def _least_s(count: int, rules: CueRules) -> float:
    """The shortest time that a cue of so many characters may be shown."""
    return max(rules.least_s, count / rules.most_cps)


def _cue(words: Sequence[Word], rules: CueRules, language: str, speaker: str) -> Cue:
    text = break_lines(set_spaces(" ".join(word.text for word in words), language), rules, language)
    return Cue(words[0].start_s, words[-1].end_s, escape(text), speaker, tuple(words))


def _spaced(cues: Sequence[Cue], rules: CueRules, duration_s: float) -> list[Cue]:
    """The times at which cues are shown: see step 3 above."""
    placed: list[Cue] = []
    for index, cue in enumerate(cues):
        earliest_s = placed[-1].end_s + rules.gap_s if placed else 0.0
        start_s = max(cue.start_s, earliest_s)
        next_s = cues[index + 1].start_s if index + 1 < len(cues) else duration_s + rules.gap_s
        end_s = _end_s(replace(cue, start_s=start_s), next_s, rules)
        placed.append(replace(cue, start_s=start_s, end_s=end_s))
    return [
        replace(cue, start_s=round(cue.start_s, 3), end_s=round(cue.end_s, 3))
        for cue in _within(placed, rules, duration_s)
    ]


def _end_s(cue: Cue, next_s: float, rules: CueRules) -> float:
    """When a cue is taken away. It begins at `cue.start_s`, its words end at `cue.end_s`, the next cue begins at `next_s`."""
    limit_s, reading_s = next_s - rules.gap_s, cue.start_s + _reading_s(cue, rules)
    spoken_s = max(cue.end_s, cue.start_s) + rules.linger_s
    end_s = min(max(spoken_s, cue.start_s + rules.least_s, reading_s), cue.start_s + rules.most_s)
    if limit_s - end_s < rules.close_gap_s and limit_s <= cue.start_s + rules.most_s:
        end_s = limit_s  # a short gap flickers
    end_s = min(end_s, limit_s)
    needed_s = cue.start_s + _least_s(characters(cue.text), rules)
    if rules.accessible:
        needed_s = max(needed_s, min(reading_s, limit_s + PACE_LATE_S))
    latest_s = max(limit_s + MOST_LATE_S, cue.start_s + LEAST_SHOWN_S)
    return max(end_s, min(needed_s, latest_s, cue.start_s + rules.most_s))


def _within(cues: Sequence[Cue], rules: CueRules, duration_s: float) -> list[Cue]:
    """The cues, with those that would end after the recording moved ahead, and those before them as far as needed."""
    placed = list(cues)
    latest_s = duration_s
    for index in range(len(placed) - 1, -1, -1):
        cue = placed[index]
        if cue.end_s <= latest_s:
            return placed
        start_s = min(cue.start_s, latest_s - _least_s(characters(cue.text), rules))
        placed[index] = replace(cue, start_s=start_s, end_s=latest_s)
        latest_s = start_s - rules.gap_s
    return placed if latest_s >= -rules.gap_s else _squeezed(cues, duration_s)


def _squeezed(cues: Sequence[Cue], duration_s: float) -> list[Cue]:
    """The cues of a recording with more text than anybody reads while it lasts: each cue has its share of that time."""
    ends = list(accumulate(characters(cue.text) for cue in cues))
    instants = [0.0, *(duration_s * end / ends[-1] for end in ends)]
    return [replace(cue, start_s=a, end_s=b) for cue, (a, b) in zip(cues, pairwise(instants), strict=True)]


def _reading_s(cue: Cue, rules: CueRules) -> float:
    """How long the text takes to read at the speed that needs no warning."""
    count = characters(cue.text)
    seconds = count / rules.slow_down_cps
    while rules.characters_in(seconds) < count and seconds < rules.most_s:
        seconds += 0.1
    return seconds
