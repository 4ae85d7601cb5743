"""Text as the search compares it. static/js/shared/passages.js does the same in the browser."""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})
_NOT_WORDS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Words of plain letters and digits with single spaces between them: "L’Été, un CŒUR" -> "l ete un coeur".

    The three databases fold text differently: one keeps the œ, one folds nothing. Therefore captions are folded here before
    they are stored, and so are the words of a search."""
    lowered = unicodedata.normalize("NFKD", text.casefold()).translate(_LIGATURES)
    bare = "".join(c for c in lowered if not unicodedata.combining(c))
    return _NOT_WORDS.sub(" ", bare).strip()
