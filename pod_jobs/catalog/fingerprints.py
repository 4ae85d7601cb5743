"""Which failures are the same: those of one kind of task, with one error code and the same general reason."""

import hashlib
import re

CHARACTERS = 16  # of a fingerprint, in hexadecimal
LAST_LINES = 3  # of a long reason: ffmpeg warns of many things before it says why it ends
# What differs from one recording to the next -> what stands for it. The order matters: a path may hold numbers. A reason may be
# the words of a hostile file, so no pattern may try a text of one kind of character again from each place in it.
_PARTICULARS = (
    (re.compile(r"(?<!\w)\w++://\S+"), "…"),
    (re.compile(r"([\"'])(?:(?!\1)[^/\n])*+/(?:(?!\1).)*+\1"), "…"),  # a path in quotes may hold spaces
    (
        re.compile(r"(?<![\w.])/[^\s:,;'\"()]+|(?<![^\s/:,;'\"()])(?:[^\s/:,;'\"()]++/){2,}[^\s:,;'\"()]*"),
        "…",
    ),
    (re.compile(r" @ (?:0x)?[0-9a-f]+\]"), "]"),  # [h264 @ 0x55d0c8]
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "#"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "…"),
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b"), "…"),
    (re.compile(r"\b[a-z_]+-[0-9]+-g[0-9]+(?:-[ax][0-9a-f]+)?\b"), "…"),  # a run: encode-7-g1
    (re.compile(r"(?<![A-Za-z_0-9])[-+]?[0-9]+(?:[.,:][0-9]+)*"), "#"),
)


def general_form(reason: str | None) -> str:
    """The reason of a failure without numbers, paths and ids; of several lines the last ones that differ from one another."""
    form = reason or ""
    for pattern, sign in _PARTICULARS:
        form = pattern.sub(sign, form)
    lines = dict.fromkeys(" ".join(line.split()) for line in form.splitlines() if line.strip())
    return "\n".join(list(lines)[-LAST_LINES:])


def fingerprint(kind: str, code: str | None, reason: str | None) -> str:
    """CHARACTERS letters and digits that are the same for failures of one group."""
    text = "\0".join((kind, code or "", general_form(reason)))
    return hashlib.sha256(text.encode()).hexdigest()[:CHARACTERS]
