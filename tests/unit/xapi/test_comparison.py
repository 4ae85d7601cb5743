from typing import Any

import pytest

from pod_jobs.xapi.comparison import are_equivalent
from tests.unit.xapi.samples import ACTOR, plain

OTHER = {"account": {"homePage": "https://univ.example", "name": "another"}}
PARENT = {"id": "https://univ.example/p"}
OURS = plain(
    actor={"objectType": "Group", "member": [ACTOR, OTHER]},
    context={"contextActivities": {"parent": PARENT}, "extensions": {"http://a.example/e": {"definition": 1}}},
)

SAME: list[dict[str, Any]] = [
    {"stored": "2026-03-01T11:00:01Z", "version": "1.0.3", "authority": OTHER},
    {"timestamp": "2026-03-01T12:00:00+01:00"},
    {"id": OURS["id"].upper()},
    {"actor": {"objectType": "Group", "member": [{"objectType": "Agent", **OTHER}, {"account": ACTOR["account"]}]}},
    {"verb": {"id": OURS["verb"]["id"], "display": {"de": "besuchte"}}},
    {"object": OURS["object"] | {"objectType": "Activity", "definition": {"name": {"en": "canonical"}}}},
    {"context": OURS["context"] | {"contextActivities": {"parent": [PARENT | {"objectType": "Activity"}]}}},
]


@pytest.mark.parametrize("changes", SAME, ids=[next(iter(changes)) for changes in SAME])
def test_what_an_lrs_may_change(changes: dict[str, Any]) -> None:
    assert are_equivalent(OURS, OURS | changes)


OTHERS: list[dict[str, Any]] = [
    {"timestamp": "2026-03-01T11:00:00.001Z"},
    {"actor": ACTOR},
    {"verb": {"id": "http://a.example/v"}},
    {"object": PARENT},
    {"result": {"success": True}},
    {"context": OURS["context"] | {"extensions": {"http://a.example/e": {"definition": 2}}}},
]


@pytest.mark.parametrize("changes", OTHERS, ids=[next(iter(changes)) for changes in OTHERS])
def test_what_makes_it_another_statement(changes: dict[str, Any]) -> None:
    assert not are_equivalent(OURS, OURS | changes)
