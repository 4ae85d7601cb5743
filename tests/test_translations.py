"""Every text of the pages and every sentence of an error has its French twin, set as French is set."""

import re
from string import Formatter

from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from pod_jobs.errors import SENTENCES
from pod_jobs.settings import ROOT
from pod_jobs.xapi import session

FRENCH = ROOT / "pod_jobs" / "web" / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
COUNTED = re.compile(r"\{(count|now|minutes)\}\s(de vos )?[^\W\d]+[sx]\b")  # a figure with a plural behind it
NEVER_ONE = {"{count} channels", "{count} workers", "A password needs at least {count} characters."}
NEVER_ONE |= {SENTENCES["warning-programs"], SENTENCES["warning-sounds"]}
BARE_MARK = re.compile(r"(?<![\u00a0\u202f])[;!?»]|(?<=\w) ?:(?= |$)|« ")  # without a no-break space beside it


def texts() -> set[str]:
    with (ROOT / "babel.cfg").open() as config:
        mapping, options = parse_mapping_cfg(config)
    found = {message for _, _, message, _, _ in extract_from_dir(str(ROOT), mapping, options)}
    rules = {rule.text for rule in session.RULES.values()} | {str(reason) for reason in session.Reason}
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
