"""Captions as plain values: a word of speech, a cue, and the text of a cue.

The text of a cue is a small part of WebVTT's cue text: lines separated by "\\n", `<i>` and `<b>` as the only tags, and `&`,
`<` and `>` of the text itself as `&amp;`, `&lt;` and `&gt;`. `clean_text` makes that of anything; what it returns may be
written into a WebVTT file as it is.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

TAGS = ("i", "b")
_TAG = re.compile(r"<(/?)([^<>]*)>")
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
# Control characters except the tab and the line end; and direction marks and overrides, which would turn round what stands
# beside a cue (U+200E and U+200F alone are harmless)
_REMOVED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Word:
    """One word as it was heard, with the punctuation that belongs to it. Times in seconds; `confidence` from 0 to 1."""

    start_s: float
    end_s: float
    text: str
    confidence: float = 1.0


@dataclass(frozen=True)
class Cue:
    """A caption. Times in seconds; `text` as `clean_text` returns it; `words` are known for recognised speech only."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class NewCaptions:
    """Captions of one language that a machine or a file brought. `origin`: speech, upload or source; `peaks_path`: the curve of
    loudness, relative to the media folder. `output`: of a track of the source, the name of the output that holds it."""

    origin: str
    language: str
    cues: Sequence[Cue]
    label: str = ""
    translated: bool = False
    needs_check: bool = False
    model: str = ""
    peaks_path: str = ""
    output: str = ""


def clean_text(text: str) -> str:
    """Any cue text as safe cue text: tags other than <i> and <b> are removed, and what is no tag is escaped."""
    open_tags: list[str] = []
    parts: list[str] = []
    for is_tag, piece in _split(text):
        if not is_tag:
            parts.append(escape(_characters(html_unescape(piece))))
            continue
        closing, name = _tag(piece)
        if name not in TAGS:
            continue
        if not closing and name not in open_tags:
            open_tags.append(name)
            parts.append(f"<{name}>")
        elif closing and name in open_tags:
            while open_tags and (last := open_tags.pop()):
                parts.append(f"</{last}>")
                if last == name:
                    break
    parts += [f"</{name}>" for name in reversed(open_tags)]
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if plain_text(line))


def left_out(text: str) -> tuple[str, ...]:
    """What `clean_text` takes out of `text`: the names of tags in their order, then "U+202B" for each such character."""
    names = (_tag(piece)[1] for is_tag, piece in _split(text) if is_tag)
    signs = (f"U+{ord(sign):04X}" for sign in _REMOVED.findall(html_unescape(text)))
    return (*(name for name in names if name not in TAGS), *signs)


def plain_text(text: str) -> str:
    """The text of a cue for people: without tags, entities resolved, lines kept."""
    return html_unescape(_TAG.sub("", text))


def escape(text: str) -> str:
    """Plain text as cue text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def html_unescape(text: str) -> str:
    """Entities resolved once; a bare ampersand stays what it is."""
    return _ENTITY.sub(lambda match: _character(match.group()), text)


@lru_cache(1000)
def _character(entity: str) -> str:
    return html.unescape(entity)


def _split(text: str) -> Iterator[tuple[bool, str]]:
    """(is a tag, piece) in order. A `<` that no `>` of the same cue closes is text."""
    position = 0
    for match in _TAG.finditer(text):
        yield False, text[position : match.start()]
        yield _looks_like_a_tag(match.group(2)), match.group()
        position = match.end()
    yield False, text[position:]


def _looks_like_a_tag(inside: str) -> bool:
    """`<b>`, `<v Ada>`, `<00:01.000>`, `<>`, but not the `<` of "a < b and b > c"."""
    return not inside or bool(re.match(r"[A-Za-z0-9/!?]", inside))


def _tag(piece: str) -> tuple[bool, str]:
    match = _TAG.fullmatch(piece)
    inside = match.group(2) if match else ""
    return bool(match and match.group(1)), re.split(r"[\s.]", inside.lower(), maxsplit=1)[0]


def _characters(text: str) -> str:
    """Normalised to NFC, without control characters (but line ends) and direction overrides."""
    return unicodedata.normalize("NFC", _REMOVED.sub("", text))
