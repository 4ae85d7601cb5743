"""What a recogniser invents is taken out, and what is misheard is written right."""

import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.speech.cleaning import clean, correct, without_bursts

SPANS = [(0.0, 100.0)]


def words(text: str, start_s: float = 0.0) -> list[Word]:
    return [Word(start_s + n * 0.4, start_s + n * 0.4 + 0.3, one) for n, one in enumerate(text.split())]


def cleaned(text: str, language: str = "fr") -> str:
    return " ".join(word.text for word in clean(words(text), language, SPANS))


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        ("Bonjour à tous. Sous-titrage Société Radio-Canada", "Bonjour à tous."),
        ("Voilà. Sous-titres réalisés par la communauté d'Amara.org", "Voilà."),
        ("Merci d'avoir regardé cette vidéo !", ""),
        ("Thank you for watching.", ""),
        (
            "Nous parlons du sous-titrage des cours par l'université.",
            "Nous parlons du sous-titrage des cours par l'université.",
        ),
        ("On verra les sous-titres plus tard.", "On verra les sous-titres plus tard."),
        ("... — !", ""),
        ("oui oui oui oui oui oui", "oui"),
        ("très très bien", "très très bien"),
        ("non non non merci", "non non non merci"),
        ("non non non non merci", "non merci"),
        ("et puis on et puis on et puis on et puis on et puis on s'arrête", "et puis on s'arrête"),
        ("le mot 谢谢 vient", "le mot vient"),
        ("la constante π vaut 3,14", "la constante π vaut 3,14"),
    ],
)
def test_inventions(heard: str, kept: str) -> None:
    assert cleaned(heard) == kept


def test_other_scripts_stay_in_their_languages() -> None:
    assert cleaned("Привет мир", "ru") == "Привет мир"


def test_words_in_silence_go_and_stretched_ones_are_cut() -> None:
    kept = clean([Word(1.0, 4.0, "Bonjour"), Word(9.0, 9.5, "fantôme")], "fr", [(1.5, 2.5)])
    assert kept == [Word(1.5, 2.5, "Bonjour")]
    spans = [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]
    assert clean([Word(1.0, 4.0, "Bonjour")], "fr", spans) == [Word(2.0, 3.0, "Bonjour")], (
        "what it only touches is not its"
    )


def test_words_beside_what_was_heard_stay_when_they_are_near() -> None:
    heard = [(10.0, 11.0)]
    for start, end, stays in ((8.5, 9.0, False), (8.5, 9.1, True), (11.9, 12.5, True), (12.0, 12.5, False)):
        assert bool(clean([Word(start, end, "Bonjour")], "fr", heard)) is stays


def test_corrections() -> None:
    heard = words("la transcription d'ampode, sur est sup pod.")
    found = correct(heard, [("d'ampode", "d’Esup-Pod"), ("est sup pod", "Esup-Pod")])
    assert " ".join(word.text for word in found) == "la transcription d’Esup-Pod, sur Esup-Pod."
    assert (found[-1].start_s, found[-1].end_s) == (heard[4].start_s, heard[6].end_s)


def test_the_longest_correction_wins_then_the_first_and_none_is_corrected_again() -> None:
    corrections = [("pode", "Pod"), ("est", "Est"), ("est sup pode", "Esup-Pod"), ("Pode", "Pot"), ("pod", "Poids")]
    found = correct(words("le pode est sup pode est sup"), [*corrections, ("", "x"), ("le", " ")])
    assert " ".join(word.text for word in found) == "le Pod Esup-Pod Est sup"


def test_words_that_nobody_can_say_so_fast_were_invented() -> None:
    spoken = words("ask what you can do for your country,")
    invented = [Word(spoken[-1].end_s, spoken[-1].end_s, one) for one in "and so my fellow Americans".split()]
    after = words("So my fellow", spoken[-1].end_s + 1)
    assert without_bursts([*spoken, *invented, *after]) == [*spoken, *after]
    assert clean([*spoken, *invented, *after], "en", SPANS) == [*spoken, *after]
    few = [Word(1.0, 1.0, one) for one in "il y a un".split()]  # a model's times are not exact
    assert without_bursts(few) == few
