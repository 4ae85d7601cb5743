"""From words to cues."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pod_jobs.captions.cues import Word, plain_text
from pod_jobs.captions.layout import break_lines, build_cues
from pod_jobs.captions.rules import Breach, CueRules, check
from pod_jobs.captions.typography import ends_sentence, set_spaces

RULES = CueRules(42, 2, slow_down_cps=17, most_cps=21, least_s=0.84, most_s=7, gap_s=0.08, linger_s=0.5)


def spoken(text: str, start_s: float = 0.0, word_s: float = 0.35, pauses: dict[str, float] | None = None) -> list[Word]:
    words, at_s = [], start_s
    for one in text.split(" "):
        words.append(Word(at_s, at_s + word_s, one))
        at_s += word_s + (pauses or {}).get(one, 0.0)
    return words


def shown(words: list[Word], language: str = "en", rules: CueRules = RULES) -> list[str]:
    return [cue.text for cue in build_cues(words, rules, language)]


def test_sentences_are_cues_of_their_own() -> None:
    assert shown(spoken("This is the first thing I want to say. And this is the second one that matters.")) == [
        "This is the first thing I want to say.",
        "And this is the second one that matters.",
    ]


def test_a_pause_ends_a_cue() -> None:
    cues = build_cues(spoken("so we wait", 0.0) + spoken("and go on", 10.0), RULES, "en")
    assert [cue.text for cue in cues] == ["so we wait", "and go on"]
    assert cues[0].end_s == pytest.approx(3 * 0.35 + RULES.linger_s)
    assert cues[1].start_s == 10.0


def test_short_gaps_are_closed_and_nothing_ends_after_the_recording() -> None:
    words = spoken("We talk about this now.") + spoken("Then we look at the rest of it.", 5 * 0.35 + 0.9)
    first, second = build_cues(words, RULES, "en", duration_s=5.0)
    assert second.start_s - first.end_s == pytest.approx(RULES.gap_s)
    assert second.end_s <= 5.0


@pytest.mark.parametrize(
    ("text", "language", "lines"),
    [
        (
            "l’étude de la structure des protéines et de leur repliement",
            "fr",
            ["l’étude de la structure des protéines", "et de leur repliement"],
        ),
        (
            "nous avons vu hier comment Marie Curie découvrit le radium",
            "fr",
            ["nous avons vu hier comment", "Marie Curie découvrit le radium"],
        ),
        (
            "the students will read the article before the next class",
            "en",
            ["the students will read the article", "before the next class"],
        ),
    ],
)
def test_lines_break_where_a_reader_would(text: str, language: str, lines: list[str]) -> None:
    assert break_lines(text, RULES, language).split("\n") == lines


@pytest.mark.parametrize(
    ("plain", "set_"),
    [
        ("Pourquoi ? Parce que !", "Pourquoi\u202f? Parce que\u202f!"),
        ("Il dit: « oui »; puis non?!", "Il dit\u00a0: «\u00a0oui\u00a0»\u202f; puis non\u202f?!"),
        ("à 12:30 précises", "à 12:30 précises"),
        ("http://pod.example", "http://pod.example"),
    ],
)
def test_french_spaces(plain: str, set_: str) -> None:
    assert set_spaces(plain, "fr") == set_
    assert set_spaces(set_, "fr") == set_


def test_a_short_form_ends_no_sentence() -> None:
    assert not ends_sentence("M.") and not ends_sentence("Dr.") and ends_sentence("fin.") and ends_sentence("etc.")


def test_an_address_longer_than_a_line_is_cut() -> None:
    long = "https://pod.example/" + "a" * 60
    cues = build_cues([Word(0, 3, long)], RULES, "en")
    assert "".join(plain_text(cue.text).replace("\n", "") for cue in cues).replace(" ", "") == long
    assert not [breach for breach in check(cues, RULES) if breach.rule == "line-too-long"]


def test_the_charter_s_pace_is_slower() -> None:
    charter = replace(RULES, line_characters=37, accessible=True)
    assert [charter.characters_in(s) for s in (1, 2, 3, 4, 6)] == [12, 20, 36, 60, 90]
    assert RULES.characters_in(2) == 34
    text = "Une phrase qui se lit."
    (cue,) = build_cues(spoken(text, word_s=0.2), charter, "fr")
    assert cue.end_s - cue.start_s == pytest.approx(2.2, abs=0.11)
    assert check([cue], charter) == []


ACCESSIBLE = replace(RULES, line_characters=37, accessible=True)
texts = st.builds(
    str.__add__,
    st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=14)
    | st.sampled_from(("de", "l’eau", "«", "mot:", "x" * 90)),
    st.sampled_from(("", "", "", ",", ".", " ?", "\u00a0!")),
).map(lambda text: text.replace(" ", "\u00a0"))
pauses_s = st.sampled_from((0, 0, 0, 0.2, 0.7, 3))
rules = st.sampled_from((RULES, ACCESSIBLE))
languages = st.sampled_from(("fr", "en"))


def stream(drawn: list[tuple[str, float, float]]) -> list[Word]:
    """Words one after the other: (text, how long it is said, the pause after it)."""
    at_s, words = 0.0, []
    for text, length_s, pause_s in drawn:
        words.append(Word(at_s, at_s + length_s, text))
        at_s += length_s + pause_s
    return words


def squeezed(text: str) -> str:
    return "".join(text.split())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(texts, st.sampled_from((0, 0, 0.05, 0.2, 0.5, 9)), pauses_s), min_size=1, max_size=60),
    rules,
    languages,
)
def test_whatever_is_heard_no_word_is_lost_and_no_cue_overlaps_or_overflows(
    drawn: list[tuple[str, float, float]], rules: CueRules, language: str
) -> None:
    words = stream(drawn)
    cues = build_cues(words, rules, language, duration_s=max(words[-1].end_s, 0.1))
    shown = squeezed("".join(plain_text(cue.text) for cue in cues))
    assert shown == squeezed("".join(word.text for word in words))
    assert {one.rule for one in check(cues, rules) if not one.is_warning} <= {"too-fast"}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(texts, st.floats(0.12, 0.5), pauses_s), min_size=1, max_size=80), rules, languages)
def test_no_cue_breaks_a_rule_where_people_speak_as_fast_as_others_read(
    drawn: list[tuple[str, float, float]], rules: CueRules, language: str
) -> None:
    words = stream([(text, max(length_s, (len(text) + 1) / 20), pause_s) for text, length_s, pause_s in drawn])
    cues = build_cues(words, rules, language, duration_s=words[-1].end_s + 1)
    assert [one for one in check(cues, rules) if one.rule != "too-fast" or not one.is_warning] == []


def test_words_of_one_instant_are_shown_after_each_other() -> None:
    text = "une phrase que le modèle a mise tout entière au même instant, et encore une autre après elle"
    words = [*spoken("bonjour à tous"), *spoken(text, 1.05, word_s=0), *spoken("plus tard", 9.0)]
    cues = build_cues(words, RULES, "fr")
    assert [one for one in check(cues, RULES) if not one.is_warning] == []
    assert cues[-1].start_s == 9.0


def test_what_ends_after_the_recording_comes_earlier() -> None:
    words = [*spoken("bonjour à tous"), *spoken("une phrase qui est dite tout à la fin du cours", 8.0, word_s=0.05)]
    cues = build_cues(words, RULES, "fr", duration_s=8.6)
    assert [one for one in check(cues, RULES) if not one.is_warning] == []
    assert cues[-1].end_s == 8.6 and cues[-1].start_s < 8.0


def test_breaches_are_found() -> None:
    (short,) = build_cues([Word(0, 0.2, "Oui.")], RULES, "fr", duration_s=0.5)
    (breach,) = check([short], RULES)
    assert breach == Breach(0, "too-short", breach.found, 0.84, is_warning=True)
    assert breach.found == pytest.approx(0.5)


def test_a_line_may_be_full() -> None:
    rules = replace(RULES, line_characters=10, lines=1)
    assert shown(spoken("abcde fghi"), rules=rules) == ["abcde fghi"]
    assert shown(spoken("abcde fghij"), rules=rules) == ["abcde", "fghij"]


def test_a_recording_that_just_holds_its_cues_does_not_press_them_together() -> None:
    """All is said beyond its end, so that the cues are moved ahead."""
    rules = replace(RULES, least_s=1.0, gap_s=0.25)
    words = [*spoken("Oui, c’est bien cela.", 3.0), *spoken("Non.", 9.0)]
    cues = build_cues(words, rules, "fr", duration_s=2.25)
    assert [(one.start_s, one.end_s) for one in cues] == [(0.0, 1.0), (1.25, 2.25)]
