"""What each job type says to people, in both languages."""

import pytest

from pod_jobs.jobs.job_type import Words, words_of
from pod_jobs.jobs.table import JOB_TYPES
from tests.test_translations import BARE_MARK

WORDS = {kind: one.words for kind, one in JOB_TYPES.items() if one.words is not None}


@pytest.mark.parametrize("kind", WORDS)
def test_no_text_is_empty_or_set_wrong(kind: str) -> None:
    english, french = (words_of(JOB_TYPES, kind).in_language(language) for language in ("en", "fr"))
    for said in (english, french):
        texts = [*said.pop("steps").values(), *said.values()]
        assert texts and all(texts)
        assert [text for text in texts if "'" in text] == []
    assert [text for text in french.values() if BARE_MARK.search(text)] == []
    assert english["name"] != french["name"]


def test_a_kind_of_another_version_is_called_by_its_kind() -> None:
    words = words_of(JOB_TYPES, "from_the_future")
    assert isinstance(words, Words)
    assert words.in_language("fr")["name"] == "from_the_future"
