"""From the words of all pieces to captions."""

import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.jobs.speech.plan import cue_rules, speech_order
from pod_jobs.settings import ROOT, load
from pod_jobs.settings.speech import CorrectionSettings
from pod_jobs.speech.listening import Heard
from pod_jobs.speech.pieces import Piece
from pod_jobs.speech.spans import Voice
from pod_jobs.speech.transcribe import Language, Plan, SpeechRequest, Transcript, finish

SETTINGS = load(ROOT / "var")
SPAN = (0.0, 10.0)


def finished(language: str, order: SpeechRequest, words: str) -> Transcript:
    heard = Heard((Voice(None, (SPAN,)),), b"", 10.0, None)
    planned = Plan(heard, (Piece(0, None, *SPAN, (SPAN,)),), Language(language, 0.7))
    spoken = [Word(1.0 + n * 0.5, 1.4 + n * 0.5, word) for n, word in enumerate(words.split())]
    return finish(planned, {0: spoken}, order, "base")


def said(language: str, order: SpeechRequest) -> str:
    (cue,) = finished(language, order, "moudle").cues
    return cue.text


@pytest.mark.parametrize("words", ["", "...", "Sous-titrage Société Radio-Canada"])
def test_where_no_word_is_left_no_language_is_told(words: str) -> None:
    """Music that was taken for speech."""
    found = finished("fr", SpeechRequest(cue_rules(SETTINGS)), words)
    assert (found.cues, found.language, found.spoken, found.speech_s) == ((), "", None, 10.0)
    assert finished("fr", SpeechRequest(cue_rules(SETTINGS)), "Bonjour").spoken == Language("fr", 0.7)


@pytest.mark.parametrize(
    ("language", "translate", "right"),
    [("fr", False, "Moodle"), ("de", False, "Mudel"), ("es", False, "moudle"), ("fr", True, "Model")],
)
def test_a_word_is_corrected_in_captions_of_its_language(language: str, translate: bool, right: str) -> None:
    corrections = (("moudle", "Moodle", "fr"), ("moudle", "Mudel", "de"), ("moudle", "Model", "en"))
    order = SpeechRequest(cue_rules(SETTINGS), corrections=corrections, translate=translate)
    assert said(language, order) == right


def test_what_people_agreed_to_comes_before_the_settings_whose_corrections_are_for_all_languages() -> None:
    speech = SETTINGS.speech.model_copy(update={"correction": (CorrectionSettings(heard="moudle", right="Mood"),)})
    settings = SETTINGS.model_copy(update={"speech": speech})
    order = speech_order(settings, "", (), [["moudle", "Moodle", "fr"]])
    assert [said(language, order) for language in ("fr", "es")] == ["Moodle", "Mood"]
