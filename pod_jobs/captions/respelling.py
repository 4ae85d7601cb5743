"""Which words people write otherwise than they were recognised: names, above all, that a model never knows. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import islice

from pod_jobs.captions.cues import Cue, plain_text

MOST_WORDS = 3  # of a name; longer changes are new sentences
MOST_COMPARED = 12  # words from the first to the last change of a caption: comparing takes longer with their square
MOST_CHANGED = 500  # captions that are looked at
LEAST_CHARACTERS, MOST_CHARACTERS = 3, 60
Run = tuple[str, ...]  # words, one after the other
_EDGE = re.compile(r"\W*")  # at the beginning: r"\W+$" takes longer with the square of the punctuation within


def bare(text: str) -> str:
    """The text without the punctuation around it."""
    rest = _EDGE.sub("", text, count=1)
    return _EDGE.sub("", rest[::-1], count=1)[::-1]


def folded(text: str) -> str:
    """Words as they are compared when a correction looks for what was misheard. Accents and punctuation within a word stay,
    unlike in the folding of a search: they may be all that was misheard."""
    return " ".join(word for word in map(bare, text.replace("’", "'").casefold().split()) if word)


def respellings(before: Sequence[Cue], after: Sequence[Cue]) -> list[tuple[str, str]]:
    """(heard, right) of each word or short run of words that a person replaced wherever it was heard, in order, each once.
    `heard` is folded. What was left somewhere is a word of the language, and not always wrong."""
    starts = Counter(map(_start_ms, before))
    earlier = {start: cue.text for cue in before if starts[start := _start_ms(cue)] == 1}
    changed = ((text, cue.text) for cue in after if (text := earlier.get(_start_ms(cue), cue.text)) != cue.text)
    pairs = dict.fromkeys(pair for texts in islice(changed, MOST_CHANGED) for pair in _replaced(*map(_words, texts)))
    if not pairs:
        return []
    trimmed, fold = cache(bare), cache(folded)  # a text has few different words
    words = [word for cue in after for each in _words(cue.text) if (word := trimmed(each))]
    rights = {pair: tuple(word for word in map(bare, pair[1].split()) if word) for pair in pairs}
    spelt = _count(words, set(rights.values()))
    said = _count(list(map(fold, words)), {tuple(heard.split()) for heard, _ in pairs})
    return [pair for pair, right in rights.items() if not _is_left(pair[0], right, said, spelt)]


def _is_left(heard: str, right: Run, said: Counter[Run], spelt: Counter[Run]) -> bool:
    """Is it written somewhere else than within its new spelling?"""
    run = tuple(heard.split())
    within = _count(list(map(folded, right)), {run})[run]
    return said[run] > spelt[right] * within


def _count(words: Sequence[str], runs: Collection[Run]) -> Counter[Run]:
    """How often each of these runs of at most MOST_WORDS words is in `words`: in one pass, because a text may be long and change
    much."""
    sizes: dict[str, set[int]] = {}
    for run in runs:
        sizes.setdefault(run[0], set()).add(len(run))
    found = (tuple(words[n : n + size]) for n, word in enumerate(words) for size in sizes.get(word, ()))
    return Counter(run for run in found if run in runs)


def _start_ms(cue: Cue) -> int:
    """What tells a caption from others: one that was split still begins where it began."""
    return round(cue.start_s * 1000)


def _words(text: str) -> list[str]:
    return plain_text(text).replace("’", "'").split()


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    old_bare, new_bare = list(map(bare, old)), list(map(bare, new))
    head = _same(old_bare, new_bare)
    tail = _same(old_bare[head:][::-1], new_bare[head:][::-1])
    old_bare, new_bare = old_bare[head : len(old) - tail], new_bare[head : len(new) - tail]
    if max(len(old_bare), len(new_bare)) > MOST_COMPARED:
        return
    for act, old_from, old_to, new_from, new_to in SequenceMatcher(None, old_bare, new_bare).get_opcodes():
        if act != "replace" or max(old_to - old_from, new_to - new_from) > MOST_WORDS:
            continue
        heard = folded(" ".join(old_bare[old_from:old_to]))
        right = bare(" ".join(new[head + new_from : head + new_to]))
        before = new[head + new_from - 1][-1] if head + new_from else "."
        is_capital_alone = before in ".!?…" and right[:1].casefold() + right[1:] == heard
        if (
            LEAST_CHARACTERS <= len(heard) <= MOST_CHARACTERS
            and 0 < len(right) <= MOST_CHARACTERS
            and not is_capital_alone
        ):
            yield heard, right


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words at the beginning are the same."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
