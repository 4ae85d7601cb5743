"""What the traces page shows of people: nothing by which somebody can be recognised."""

from typing import Any

import pytest

from pod_jobs.web.api import trace_documents
from pod_jobs.web.api.trace_documents import HIDDEN, without_names


@pytest.mark.parametrize(
    "statement",
    [
        {"actor": {"name": "Ann"}},
        {"object": {"objectType": "Agent", "name": "Ann"}},
        {"object": {"objectType": "Group", "member": [{"name": "Ann"}]}},
        {"actor": {"account": {"homePage": "https://univ.example", "name": "Ann"}}},
    ],
)
def test_no_name_is_shown(statement: dict[str, Any]) -> None:
    assert "Ann" not in str(without_names(statement)) and HIDDEN in str(without_names(statement))


def test_a_name_within_another_leaves_no_rest_of_it() -> None:
    body = {"actor": {"name": "Ann"}, "context": {"instructor": {"name": "Anna Lee"}}}
    assert trace_documents._masked("Ann was taught by Anna Lee", body) == f"{HIDDEN} was taught by {HIDDEN}"
