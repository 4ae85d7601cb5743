"""Spaces and breaks of written French and English: where a line may end, and which space must not break.

French puts a no-break space before `: ; ! ? »` and after `«`. A line ends best after punctuation, well before a conjunction,
and never between an article and its noun.
"""

import re

NO_BREAK = "\u00a0"
NARROW_NO_BREAK = "\u202f"

# words that belong to what follows: a line never ends with one of them
HOLDS_ON = {
    "fr": frozenset(
        """le la les un une des du de d l l' d' au aux ce cet cette ces mon ton son ma ta sa mes tes ses notre votre leur nos
        vos leurs à en dans par pour sur sous avec sans chez vers entre je tu il elle on nous vous ils elles ne n' se s' me m'
        te t' y qui que qu' si très plus moins trop tout toute tous toutes m. mme dr""".split()
    ),
    "en": frozenset(
        """a an the my your his her its our their this that these those of to in on at by for with from into as i you he she
        it we they not no very more most so mr mrs ms dr is are was were be been has have had will would can could""".split()
    ),
}
# words that open a new thought: a line ends well before one of them
OPENS = {
    "fr": frozenset(
        "et ou mais donc or ni car que qui quand lorsque parce puisque si comme dont où afin alors".split()
    ),
    "en": frozenset(
        """and or but so because that which who when while if as where since although then than before after during between
        without against""".split()
    ),
}
SENTENCE_ENDS = re.compile(r"[.!?…][\"'”’»)\]\u00a0\u202f]*$")
CLAUSE_ENDS = re.compile(r"[,;:—–][\"'”’»)\]\u00a0\u202f]*$")


def ends_sentence(text: str) -> bool:
    """Does a sentence end with this word? "M.", "Dr." and single initials are no ends."""
    bare = text.strip("\"'”’»)(« ")
    is_short_form = re.fullmatch(r"(?:[A-ZÀ-Ý]|M|Mme|Mr|Mrs|Ms|Dr|Pr|St|etc|cf|p|vs)\.", bare) is not None
    return bool(SENTENCE_ENDS.search(text)) and not (is_short_form and bare not in ("etc.",))


def ends_clause(text: str) -> bool:
    """Does the word end with a comma, a colon or a dash?"""
    return bool(CLAUSE_ENDS.search(text))


def break_cost(before: str, after: str, language: str) -> float:
    """How bad a line or cue ends between these two words: 0 after a sentence, up to 10 where it must not end."""
    if ends_sentence(before):
        return 0.0
    if ends_clause(before):
        return 1.0
    word, following = _bare(before), _bare(after)
    if word in HOLDS_ON.get(language, ()) or before.endswith(("’", "'")):
        return 10.0
    if before[:1].isupper() and after[:1].isupper():
        return 6.0  # a name and a surname
    if word.isdigit() or (following and following[0].isdigit()):
        return 5.0
    return 2.0 if following in OPENS.get(language, ()) else 4.0


def set_spaces(text: str, language: str) -> str:
    """One space between words, and in French the no-break ones that its typography wants."""
    text = re.sub(r"[ \t]+", " ", text).strip()
    if language != "fr":
        return text
    text = re.sub(r"(?<=[^\s\u00a0\u202f?!])[ \u00a0\u202f]*([;!?])(?=[\s»\"”)?!]|$)", rf"{NARROW_NO_BREAK}\1", text)
    text = re.sub(r"(?<=[^\s\u00a0\u202f\d])[ \u00a0\u202f]*:(?=\s|$)", f"{NO_BREAK}:", text)
    text = re.sub(r"«[ \u00a0\u202f]*(?=\S)", f"«{NO_BREAK}", text)
    return re.sub(r"(?<=\S)[ \u00a0\u202f]*»", f"{NO_BREAK}»", text)


def _bare(word: str) -> str:
    return word.strip("\"'”’«»()[].,;:!?…\u00a0\u202f").lower() or word.lower()
