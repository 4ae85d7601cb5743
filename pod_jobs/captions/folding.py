"""Text as it is compared when somebody searches: accents, case, ligatures and apostrophes make no difference.

The three databases fold text in three ways of their own (one keeps the œ of "cœur", one folds nothing, one drops short words),
so text is folded here, before it is stored and before it is asked for.
"""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})
_NOT_WORDS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """ "L’Été, un CŒUR" -> "l ete un coeur": words of letters and digits, separated by single spaces."""
    lowered = unicodedata.normalize("NFKD", text.casefold()).translate(_LIGATURES)
    bare = "".join(c for c in lowered if not unicodedata.combining(c))
    return _NOT_WORDS.sub(" ", bare).strip()
