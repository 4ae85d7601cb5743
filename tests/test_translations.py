"""Every text of the pages and every sentence of an error has its French twin, set as French is set."""

import re
from collections.abc import Iterable
from dataclasses import fields
from string import Formatter

from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from pod_jobs.errors import SENTENCES
from pod_jobs.jobs.job_type import Text
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import ROOT
from pod_jobs.xapi import session
from pod_jobs.xapi.statement import LABELS

FRENCH = ROOT / "pod_jobs" / "web" / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
COUNTED = re.compile(r"\{(count|now|minutes)\}\s(de vos )?[^\W\d]+[sx]\b")  # a figure with a plural behind it
NEVER_ONE = {"{count} channels", "{count} workers", "A password needs at least {count} characters."}
NEVER_ONE |= {SENTENCES["warning-programs"], SENTENCES["warning-sounds"], SENTENCES["warning-more-pictures"]}
BARE_MARK = re.compile(r"(?<![\u00a0\u202f])[;!?»]|(?<=\w) ?:(?= |$)|« ")  # without a no-break space beside it


def texts() -> set[str]:
    with (ROOT / "babel.cfg").open() as config:
        mapping, options = parse_mapping_cfg(config)
    found = {message for _, _, message, _, _ in extract_from_dir(str(ROOT), mapping, options)}
    rules = {rule.text for rule in session.RULES.values()} | {str(reason) for reason in session.Reason}
    rules |= set(LABELS.values())
    return {text for text in found if isinstance(text, str)} | set(SENTENCES.values()) | rules


def french() -> dict[str, str]:
    with FRENCH.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale="fr") if message.id}


def names(text: str) -> set[str]:
    braces = {name for _, name, _, _ in Formatter().parse(text) if name}
    return braces | set(re.findall(r"%\((\w+)\)s", text))


def test_nothing_lacks_its_french() -> None:
    known = french()
    assert texts(), "the texts are found"
    assert sorted(text for text in texts() if not known.get(text)) == []


def test_nothing_is_translated_in_vain() -> None:
    assert sorted(set(french()) - texts()) == []


def test_the_names_in_braces_are_kept() -> None:
    assert {text: other for text, other in french().items() if names(text) != names(other)} == {}


def test_no_text_speaks_of_several_where_it_may_be_one() -> None:
    counted = {text for text, other in french().items() if COUNTED.search(text) or COUNTED.search(other)}
    assert counted - {"{count} fps"} == NEVER_ONE
    assert COUNTED.search("{count} traces") and COUNTED.search("{now} livrées")


def test_apostrophes_are_set() -> None:
    assert [text for text in french().values() if "'" in text] == []


def test_no_break_spaces() -> None:
    assert [text for text in french().values() if BARE_MARK.search(text)] == []
    assert BARE_MARK.search("Vraiment ?") and BARE_MARK.search("Titre : x")


# words that the pages do not use -> the one that they use instead; docs/glossary.md has the others
NOT_ENGLISH = {
    r"hosts?": "machine",
    r"cancell?ed": "stopped",
    r"(the|an|this) encode": "encoding",
    r"in order": "delivering",
    r"(re)?transcod\w*": "encoding",
}
NOT_FRENCH = {
    r"exécutants?": "processus",
    r"hôtes?": "machine",
    r"annulée?s? (par|aussitôt)|(est|été|sont|ou) annulée?s?": "arrêtée",
    r"échouées?": "en échec",
    r"en ordre": "en service",
    r"transcod\w*": "encodage",
}
UNDONE = {
    "Ceci a déjà été annulé.",
    "Ceci ne peut plus être annulé\u00a0: plus d’une minute s’est écoulée.",
}  # not a task


def words_of_job_types() -> list[tuple[str, str]]:
    """What pages say of tasks, in English and French."""
    words = [kind.words for kind in JOB_TYPES.values() if kind.words is not None]
    pairs = [getattr(one, field.name) for one in words for field in fields(one)]
    steps = [text for one in words for text in one.steps.values()]
    return [(text.en, text.fr) for text in (*pairs, *steps) if isinstance(text, Text)]


def misnamed(said: Iterable[str], banned: dict[str, str]) -> list[str]:
    """Of these texts, those that have a word of `banned` outside of names in braces, and the word to use."""
    plain = {text: re.sub(r"\{\w+\}|%\(\w+\)s", "", text) for text in said}
    return [
        f"{text!r}: {wanted}"
        for text, words in plain.items()
        for word, wanted in banned.items()
        if re.search(rf"\b({word})\b", words, re.IGNORECASE) and text not in UNDONE
    ]


def test_each_thing_has_one_word() -> None:
    tasks = words_of_job_types()
    assert misnamed([*sorted(texts()), *(english for english, _ in tasks)], NOT_ENGLISH) == []
    assert misnamed([*french().values(), *(other for _, other in tasks)], NOT_FRENCH) == []
    assert tasks and misnamed(["The task was cancelled on {host}."], NOT_ENGLISH) == [
        "'The task was cancelled on {host}.': stopped"
    ]
