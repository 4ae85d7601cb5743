"""Cues as JSON from pages and programs."""

from typing import Any

import pytest

from pod_jobs.captions.cues import Cue, Word
from pod_jobs.captions.documents import checked_cues, cues_from, documents_of
from pod_jobs.errors import BadCaptions

CUES = [Cue(0.5, 2.0, "Un", "Ada", (Word(0.5, 1.0, "Un", 0.25),)), Cue(2.1, 3.0, "deux\n<i>trois</i>")]


def test_there_and_back() -> None:
    assert cues_from(documents_of(CUES)) == CUES
    assert checked_cues(documents_of(CUES)) == CUES


def test_what_is_sent_is_cleaned_and_ordered() -> None:
    sent = [[5, 6, "<script>x</script> a < b", "  <b>Bob</b>\nX ", []], [1, 2, "first", "", []]]
    assert checked_cues(sent) == [Cue(1, 2, "first"), Cue(5, 6, "x a &lt; b", "Bob X")]


@pytest.mark.parametrize(
    "document",
    [
        [1, 0, "x", "", []],
        [1, 1, "x", "", []],
        [float("nan"), 2, "x", "", []],
        [-1, 2, "x", "", []],
        [1, 10**400, "x", "", []],
        [1, 2, "x", "", [[1, 10**400, "x", 1]]],
        [1, 2, 3, "", []],
        [1, 2, "x", None, []],
        [1, 2, "x", "", [[1, 2]]],
        [1, 2, "x" * 20_000, "", []],
        {"start": 1},
        None,
    ],
)
def test_what_is_no_cue_is_refused_by_its_number(document: Any) -> None:
    with pytest.raises(BadCaptions, match="caption 2"):
        checked_cues([[0, 1, "good", "", []], document])


def test_a_long_name_of_a_speaker_is_refused_and_not_cut() -> None:
    assert checked_cues([[1, 2, "x", f"<b> {'N' * 100} </b>", []]])[0].speaker == "N" * 100
    with pytest.raises(BadCaptions, match="caption 1: 101 characters") as caught:
        checked_cues([[1, 2, "x", "N" * 101, []]])
    assert (caught.value.code, caught.value.facts["line"]) == ("captions-speaker-too-long", "1")


def test_not_even_a_list() -> None:
    with pytest.raises(BadCaptions):
        checked_cues({"cues": []})
