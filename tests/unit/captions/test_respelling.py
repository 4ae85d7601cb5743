"""What people write otherwise than it was heard."""

import time

import pytest

from pod_jobs.captions.cues import Cue
from pod_jobs.captions.respelling import MOST_CHARACTERS, MOST_COMPARED, bare, folded, respellings


def changed(before: str, after: str) -> list[tuple[str, str]]:
    return respellings([Cue(1.0, 2.0, before)], [Cue(1.0, 2.0, after)])


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("la transcription d’ampode.", "la transcription dans Pod.", [("d'ampode", "dans Pod")]),
        ("un serveur est sup pod, voilà", "un serveur Esup-Pod, voilà", [("est sup pod", "Esup-Pod")]),
        ("avec pod et\nmoudle", "avec Pod et\nMoodle", [("pod", "Pod"), ("moudle", "Moodle")]),
        ("bonjour à tous", "Bonjour à tous !", []),  # the beginning of a sentence
        ("bien. bonjour", "bien. Bonjour", []),
        ("le pod est là", "le pod est là.", []),  # punctuation alone
        ("il a dit", "il à dit", []),  # too short to be sure
        ("un deux trois quatre", "rien de tout cela", []),  # a new sentence
        ("le pode", "le <i>Pod</i> &amp; vous", [("pode", "Pod & vous")]),
        ("pode pode", "Pod Pod", [("pode pode", "Pod Pod")]),
        ("pode et pode", "Pod et Pod", [("pode", "Pod")]),
        ("le mot", "le", []),
        ("le mot", f"le {'x' * (MOST_CHARACTERS + 1)}", []),
        ("le mot", f"le {'x' * MOST_CHARACTERS}", [("mot", "x" * MOST_CHARACTERS)]),
    ],
)
def test_words_that_were_replaced(before: str, after: str, found: list[tuple[str, str]]) -> None:
    assert changed(before, after) == found


def test_a_caption_is_known_by_its_beginning() -> None:
    heard = [Cue(1.0, 3.0, "le pode et la suite"), Cue(4.0, 5.0, "un pode")]
    split = [Cue(1.0, 2.0, "le Pod et", "Ada"), Cue(2.0, 3.0, "la suite", "Ada"), Cue(4.1, 5.0, "un Moodle")]
    assert respellings(heard, split) == [("pode", "Pod")]
    two_voices = [Cue(1.0, 3.0, "le pode"), Cue(1.0, 3.0, "un mot")]
    assert respellings(two_voices, [Cue(1.0, 3.0, "un mot"), Cue(1.0, 3.0, "le Pod")]) == []


@pytest.mark.parametrize(
    ("heard", "written", "found"),
    [
        ("il est sur. On va sur la place", "il est sûr. On va sur la place", []),
        ("un pode, deux pode", "un Pod, deux pode", []),
        ("un pode, deux Pode", "un Pod, deux Pod", [("pode", "Pod")]),
        ("un pod, deux pod", "un Pod, deux Pod", [("pod", "Pod")]),
        ("un pod, deux pod", "un Pod, deux pod", []),
        ("un est sup, deux est sup", "un Esup, deux est sup", []),
        ("un pode et podes", "un Pod et podes", [("pode", "Pod")]),
        ("un pode ici", "un Pode UPHF ici", [("pode", "Pode UPHF")]),
        ("un pode ici, le pode", "un Pode UPHF ici, le pode", []),
        ("un est — sup, deux est sup", "un Esup, deux est sup", []),
    ],
)
def test_what_was_left_somewhere_is_not_always_wrong(heard: str, written: str, found: list[tuple[str, str]]) -> None:
    assert changed(heard, written) == found


def test_no_captions_take_long() -> None:
    before = [Cue(n, n + 1, "a " * 2_000) for n in range(1_000)]
    after = [Cue(n, n + 1, "b a " * 1_000) for n in range(1_000)]
    started = time.process_time()
    assert respellings(before, after) == []
    assert time.process_time() - started < 2


def test_many_changes_of_a_long_text_do_not_take_long() -> None:
    between = Cue(1_000, 1_001, " ".join(["mot"] * 300_000))
    heard, right = (
        [Cue(n, n + 1, " un ".join(f"{word}{n}x{each}" for each in range(6))) for n in range(500)]
        for word in ("pode", "Pod")
    )
    started = time.process_time()
    assert len(respellings([*heard, between], [*right, between])) > 2_000
    assert time.process_time() - started < 2


def test_punctuation_within_a_word_does_not_take_long() -> None:
    started = time.process_time()
    assert bare("«a" + "-" * 30_000 + "b»") == "a" + "-" * 30_000 + "b"
    assert time.process_time() - started < 2


def test_only_changes_near_each_other_are_compared() -> None:
    between = " mot" * (MOST_COMPARED - 2)
    pairs = [("pode", "Pod"), ("moudle", "Moodle")]
    assert changed(f"oui pode{between} moudle non", f"oui Pod{between} Moodle non") == pairs
    assert changed(f"oui pode{between} mot moudle non", f"oui Pod{between} mot Moodle non") == []


def test_folded() -> None:
    assert folded(" «\u00a0L’Ésup  pode\u00a0», ") == "l'ésup pode"
