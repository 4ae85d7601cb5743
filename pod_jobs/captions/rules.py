"""How a cue must look to be read in time: lengths, speeds, gaps. Checks cues; pod_jobs/captions/layout.py makes them.

The figures are those of broadcasters and of the French charter for subtitles of 2011 (12 characters in 1 s, 20 in 2 s, 36 in
3 s, 60 in 4 s).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pod_jobs.captions.cues import Cue, plain_text

CHARTER = ((0.0, 0), (1.0, 12), (2.0, 20), (3.0, 36), (4.0, 60))  # (seconds, characters)
CHARTER_PER_S = 15  # characters for each second beyond 4 s
TOLERANCE_S = 0.0015  # times of files are rounded to milliseconds


@dataclass(frozen=True)
class CueRules:
    """Lengths in characters, times in seconds, speeds in characters a second.

    A cue faster than `slow_down_cps` is worth a warning; one faster than `most_cps` breaks the rules. `accessible` asks for
    the charter's pace too. Gaps between cues are `gap_s` at least, and those under `close_gap_s` are closed down to `gap_s`.
    """

    line_characters: int
    lines: int
    slow_down_cps: float
    most_cps: float
    least_s: float
    most_s: float
    gap_s: float
    linger_s: float
    accessible: bool = False
    close_gap_s: float = 0.5

    def characters_in(self, seconds: float) -> float:
        """How many characters may be read in that time before it is worth a warning."""
        if not self.accessible:
            return seconds * self.slow_down_cps
        for (before_s, before), (after_s, after) in pairwise(CHARTER):
            if seconds <= after_s:
                return before + (after - before) * (seconds - before_s) / (after_s - before_s)
        return CHARTER[-1][1] + (seconds - CHARTER[-1][0]) * CHARTER_PER_S


@dataclass(frozen=True)
class Breach:
    """A rule that the cue number `cue` (from 0) breaks. `is_warning`: worth a look, but allowed.

    Rules: "line-too-long", "too-many-lines", "too-fast", "too-short", "too-long", "overlap", "no-gap", "empty".
    """

    cue: int
    rule: str
    found: float
    limit: float
    is_warning: bool = False


def characters(text: str) -> int:
    """What has to be read of a cue: without tags, a line end counts as a space."""
    return len(plain_text(text).replace("\n", " "))


def check(cues: Sequence[Cue], rules: CueRules) -> list[Breach]:
    """Every breach, in the order of the cues."""
    breaches = [breach for number, cue in enumerate(cues) for breach in _of_cue(number, cue, rules)]
    last_of: dict[str, Cue] = {}  # by speaker: two who speak at the same time are shown at the same time
    for number, cue in enumerate(cues):
        before, last_of[cue.speaker] = last_of.get(cue.speaker), cue
        if before is None:
            continue
        gap_s = cue.start_s - before.end_s
        if gap_s < -TOLERANCE_S:
            breaches.append(Breach(number, "overlap", gap_s, 0.0))
        elif gap_s < rules.gap_s - TOLERANCE_S:
            breaches.append(Breach(number, "no-gap", gap_s, rules.gap_s, is_warning=True))
    return sorted(breaches, key=lambda breach: breach.cue)


def _of_cue(number: int, cue: Cue, rules: CueRules) -> Iterator[Breach]:
    lines = plain_text(cue.text).split("\n")
    longest, seconds, count = max(map(len, lines)), cue.end_s - cue.start_s, characters(cue.text)
    if not count:
        yield Breach(number, "empty", 0, 1)
    if longest > rules.line_characters:
        yield Breach(number, "line-too-long", longest, rules.line_characters)
    if len(lines) > rules.lines:
        yield Breach(number, "too-many-lines", len(lines), rules.lines)
    if seconds < rules.least_s - TOLERANCE_S:
        yield Breach(number, "too-short", seconds, rules.least_s, is_warning=True)
    if seconds > rules.most_s + TOLERANCE_S:
        yield Breach(number, "too-long", seconds, rules.most_s)
    speed = count / max(seconds, 0.001)
    if speed > rules.most_cps + 0.05:
        yield Breach(number, "too-fast", speed, rules.most_cps)
    elif count > rules.characters_in(seconds) + 0.5:
        yield Breach(number, "too-fast", speed, rules.characters_in(seconds) / seconds, is_warning=True)
