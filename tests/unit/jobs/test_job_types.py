"""What the table says of each job type, and which payloads it takes."""

from typing import Any

import pytest

from pod_jobs.jobs.job_type import (
    LARGEST_NUMBER,
    JobType,
    Text,
    encodings,
    orderings,
    queues_of_tasks,
    table_of,
    words_of,
)
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.jobs.verify import VERIFY


def kinds_with(name: str) -> set[str]:
    return {kind for kind, job_type in JOB_TYPES.items() if getattr(job_type, name)}


def test_what_the_types_are_for() -> None:
    assert kinds_with("looks_at_uploads") == {"inspect"}
    assert kinds_with("is_periodic") == {"verify"}
    assert kinds_with("encodes") == set(encodings(JOB_TYPES)) == {"encode", "pod_encode"}
    assert kinds_with("of_task") == set(queues_of_tasks(JOB_TYPES))
    assert set(orderings(JOB_TYPES)) <= kinds_with("of_task")
    assert {kind for kind, ordering in orderings(JOB_TYPES).items() if ordering.needs_speech} == {"transcribe"}


@pytest.mark.parametrize(("language", "words"), [("fr", "Encodage"), ("en", "Encoding"), ("de", "Encoding")])
def test_words_are_french_or_english(language: str, words: str) -> None:
    assert Text("Encoding", "Encodage").in_language(language) == words


@pytest.mark.parametrize(
    ("payload", "fits"),
    [
        ({"task": 0, "generation": LARGEST_NUMBER}, True),
        ({"task": -1, "generation": 1}, False),
        ({"task": LARGEST_NUMBER + 1, "generation": 1}, False),
        ({"task": True, "generation": 1}, False),
        ({"task": "1", "generation": 1}, False),
        ({"task": 1}, False),
        ({"task": 1, "generation": 1, "more": 1}, False),
    ],
)
def test_numbers_of_a_payload(payload: dict[str, Any], fits: bool) -> None:
    assert VERIFY.accepts(payload) is fits


@pytest.mark.parametrize(
    ("report", "fits"), [("7-g1-a1", True), ("7-g1-a1\n", False), ("x7-g1-a1", False), (7, False), (None, False)]
)
def test_texts_of_a_payload(report: Any, fits: bool) -> None:
    assert JOB_TYPES["report"].accepts({"report": report}) is fits


def test_a_table_has_each_kind_once() -> None:
    assert table_of(VERIFY) == {"verify": VERIFY}
    with pytest.raises(ValueError, match="same kind"):
        table_of(VERIFY, JobType("verify", "xapi", print))


def test_a_kind_of_another_version_has_words_too() -> None:
    assert words_of(JOB_TYPES, "gone").in_language("fr")["name"] == "gone"
    assert words_of(JOB_TYPES, "encode") is JOB_TYPES["encode"].words
    assert words_of(JOB_TYPES, "report").in_language("en")["name"] == "report"


def test_a_code_without_a_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="no sentence"):
        JobType("x", "xapi", print, timeout_code="gone")
