"""What people may say of a recording's speech."""

from typing import Any

import pytest

from pod_jobs.errors import Malformed
from pod_jobs.jobs.speech.wish import MOST_TERM_CHARACTERS, MOST_TERMS, read_terms, read_upload_wish, read_wish
from pod_jobs.speech.engine import MOST_GLOSSARY_CHARACTERS

LONGEST = "x" * MOST_TERM_CHARACTERS


@pytest.mark.parametrize(
    ("document", "wish"),
    [
        ({}, {}),
        ({"language": ""}, {"language": ""}),
        ({"language": "fra"}, {"language": "fr"}),
        ({"glossary": []}, {"glossary": []}),
        ({"glossary": [" Esup \t Pod ", LONGEST]}, {"glossary": ["Esup Pod", LONGEST]}),
        *(({"automatic": one}, {"automatic": one}) for one in (True, False, None)),
    ],
)
def test_what_is_understood(document: dict[str, Any], wish: dict[str, Any]) -> None:
    assert read_wish(document) == read_upload_wish(document) == wish


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], "fr", {"translate": True}, {"lang": "fr"}),
        *({"language": one} for one in (None, 3, "xx-unknown", ["fr"])),
        *({"glossary": one} for one in (None, "Pod", [3], [""], [" "], ["x" + LONGEST])),
        *({"automatic": one} for one in (0, 1, "yes")),
    ],
)
def test_what_is_not(document: Any) -> None:
    with pytest.raises(Malformed):
        read_wish(document)


def test_a_glossary_has_so_many_terms_and_characters() -> None:
    assert len(read_terms(["x"] * MOST_TERMS)) == MOST_TERMS
    with pytest.raises(Malformed):
        read_terms(["x"] * (MOST_TERMS + 1))
    count, rest = divmod(MOST_GLOSSARY_CHARACTERS, MOST_TERM_CHARACTERS + len(", "))
    full = [LONGEST] * count + ["x" * rest]
    assert len(", ".join(full)) == MOST_GLOSSARY_CHARACTERS and read_terms(full) == full
    with pytest.raises(Malformed) as refused:
        read_terms([*full[:-1], full[-1] + "x"])
    assert refused.value.code == "glossary-long"


def test_an_upload_may_order_a_translation() -> None:
    assert read_upload_wish({"translate": True, "language": "fr"}) == {"translate": True, "language": "fr"}
    assert read_upload_wish({"translate": False}) == {}
    for document in ({"translate": 1}, {"translate": None}, "x", None, {"translate": True, "lang": "fr"}):
        with pytest.raises(Malformed):
            read_upload_wish(document)
