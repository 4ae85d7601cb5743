from typing import Any

import pytest

from pod_jobs.xapi import profile, session, validity
from pod_jobs.xapi.verdicts import FAULTS_LIMIT
from tests.unit.xapi import samples
from tests.unit.xapi.samples import ACTOR, plain

GROUP = {"objectType": "Group", "member": [ACTOR]}
SUB = {
    "objectType": "SubStatement",
    "actor": ACTOR,
    "verb": {"id": "http://a.example/v"},
    "object": {"id": "http://a.example/o"},
}
REF = {"objectType": "StatementRef", "id": samples.SESSION}
ATTACHMENT = {
    "usageType": "http://a.example/u",
    "display": {"en": "a"},
    "contentType": "text/plain",
    "length": 3,
    "sha2": "0" * 64,
    "fileUrl": "https://a.example/f",
}

OBJECT = {"id": "http://a.example/o"}


def choice(*ids: str) -> dict[str, Any]:
    """A question with a choice for each id."""
    return OBJECT | {"definition": {"interactionType": "choice", "choices": [{"id": name} for name in ids]}}


VALID: list[dict[str, Any]] = [
    {},
    {"actor": GROUP},
    {"actor": {"mbox": "mailto:a@b.example"}},
    {"actor": {"objectType": "Group", "openid": "https://a.example/me", "member": []}},
    {"object": SUB},
    {"object": REF},
    {"object": ACTOR},
    {"object": REF, "verb": {"id": validity.VOIDED}},
    {"result": {"score": {"scaled": -1, "raw": 5.5, "min": 5, "max": 6}, "completion": False, "duration": "PT1S"}},
    {"context": {"contextActivities": {"parent": {"id": "http://a.example/p"}}, "statement": REF, "team": GROUP}},
    {"context": {"extensions": {"http://a.example/e": {"anything": [None, {"": None}]}}, "language": "fr"}},
    *({"result": {"score": {"scaled": 1, "raw": raw, "min": 5, "max": 6}}} for raw in (5, 6)),
    *({"result": {"score": {"raw": -3.5, bound: -3.5}}} for bound in ("min", "max")),
    {"attachments": [ATTACHMENT]},
    *({"attachments": [{**ATTACHMENT, "length": length}]} for length in (0, 3.0)),
    {"object": choice("a", "b")},
    {
        "authority": {"objectType": "Group", "member": [ACTOR, ACTOR]},
        "version": "1.0.3",
        "stored": "2026-01-01T00:00:00Z",
    },
]


@pytest.mark.parametrize("changes", VALID, ids=repr)
def test_valid_statements_have_no_faults(changes: dict[str, Any]) -> None:
    assert validity.faults(plain(**changes)) == []


INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"actor": None}, "required", "$.actor"),
    ({"verb": {"display": {"en": "x"}}}, "required", "$.verb.id"),
    ({"object": {"definition": {}}}, "required", "$.object.id"),
    ({"actor": "a"}, "type", "$.actor"),
    ({"actor": {**ACTOR, "name": 3}}, "type", "$.actor.name"),
    ({"actor": {"name": "nobody"}}, "identifier", "$.actor"),
    ({"actor": {**ACTOR, "mbox": "mailto:a@b.example"}}, "identifier", "$.actor"),
    ({"actor": {"mbox": "a@b.example"}}, "identifier", "$.actor.mbox"),
    ({"actor": {"account": {"name": "a"}}}, "identifier", "$.actor.account.homePage"),
    ({"actor": {"objectType": "agent", "mbox": "mailto:a@b.example"}}, "object-type", "$.actor.objectType"),
    ({"actor": {"objectType": "Group"}}, "group", "$.actor.member"),
    ({"actor": {"objectType": "Group", "member": [GROUP]}}, "object-type", "$.actor.member[0].objectType"),
    ({"verb": {"id": "attended"}}, "iri", "$.verb.id"),
    ({"verb": {"id": "http://a.example/v", "display": {"english_": "x"}}}, "language", "$.verb.display.english_"),
    ({"verb": {"id": "http://a.example/v", "display": {}}}, "language", "$.verb.display"),
    ({"object": {"id": 3}}, "iri", "$.object.id"),
    ({"object": {"objectType": "Video", "id": "http://a.example/o"}}, "object-type", "$.object.objectType"),
    ({"object": {"objectType": [], "id": "http://a.example/o"}}, "object-type", "$.object.objectType"),
    ({"object": OBJECT | {"definition": {"name": {"en": None}}}}, "null", "$.object.definition.name.en"),
    (
        {"object": OBJECT | {"definition": {"interactionType": "guess"}}},
        "interaction",
        "$.object.definition.interactionType",
    ),
    (
        {"object": choice("a", "b", "a")},
        "interaction",
        "$.object.definition.choices[2].id",
    ),
    ({"object": OBJECT | {"definition": {"extensions": {"key": 1}}}}, "iri", "$.object.definition.extensions.key"),
    ({"object": {**SUB, "object": SUB}}, "sub-statement", "$.object.object"),
    ({"object": {**SUB, "id": samples.SESSION}}, "sub-statement", "$.object.id"),
    ({"verb": {"id": validity.VOIDED}}, "voiding", "$.object"),
    ({"id": "7"}, "uuid", "$.id"),
    ({"timestamp": "yesterday"}, "timestamp", "$.timestamp"),
    ({"result": {"success": "true"}}, "type", "$.result.success"),
    ({"result": {"duration": "43"}}, "duration", "$.result.duration"),
    ({"result": {"score": {"scaled": 1.1}}}, "score", "$.result.score.scaled"),
    ({"result": {"score": {"min": 2, "max": 1}}}, "score", "$.result.score.min"),
    ({"result": {"score": {"min": 2, "max": 2}}}, "score", "$.result.score.min"),
    ({"result": {"score": {"raw": True}}}, "type", "$.result.score.raw"),
    ({"result": {"score": {"scaled": -1.1}}}, "score", "$.result.score.scaled"),
    ({"result": {"score": {"raw": 1, "min": 2}}}, "score", "$.result.score.raw"),
    ({"result": {"score": {"raw": 3, "max": 2}}}, "score", "$.result.score.raw"),
    ({"result": {"score": {"raw": float("inf")}}}, "type", "$.result.score.raw"),
    ({"result": {"score": {"min": "2", "max": 1}}}, "type", "$.result.score.min"),
    ({"attachments": [{**ATTACHMENT, "length": -1}]}, "type", "$.attachments[0].length"),
    (
        {"object": OBJECT | {"definition": {"interactionType": []}}},
        "interaction",
        "$.object.definition.interactionType",
    ),
    ({"object": OBJECT | {"definition": {"choices": []}}}, "interaction", "$.object.definition.choices"),
    (
        {"object": OBJECT | {"definition": {"interactionType": "likert", "choices": []}}},
        "interaction",
        "$.object.definition.choices",
    ),
    ({"context": {"registration": 3}}, "uuid", "$.context.registration"),
    ({"context": {"team": ACTOR}}, "object-type", "$.context.team.objectType"),
    ({"context": {"contextActivities": {"Parent": []}}}, "property", "$.context.contextActivities.Parent"),
    ({"context": {"language": "french!"}}, "language", "$.context.language"),
    ({"context": {"platform": "x"}, "object": ACTOR}, "context", "$.context.platform"),
    ({"attachments": [{**ATTACHMENT, "length": 1.5}]}, "type", "$.attachments[0].length"),
    ({"attachments": [{}]}, "attachment", "$.attachments[0].usageType"),
    (
        {"attachments": [{name: value for name, value in ATTACHMENT.items() if name != "fileUrl"}]},
        "attachment",
        "$.attachments[0].fileUrl",
    ),
    ({"authority": GROUP}, "authority", "$.authority"),
    ({"version": "2.0.0"}, "version", "$.version"),
    ({"Verb": {}}, "property", "$.Verb"),
]


@pytest.mark.parametrize(("changes", "rule", "path"), INVALID, ids=[f"{rule} {path}" for _, rule, path in INVALID])
def test_each_rule_names_the_place(changes: dict[str, Any], rule: str, path: str) -> None:
    assert (rule, path) in [(fault.rule, fault.path) for fault in validity.faults(plain(**changes))]


def test_every_rule_can_be_broken_here() -> None:
    assert {rule for _, rule, _ in INVALID} == set(validity.RULES)


@pytest.mark.parametrize("value", [None, [], "text", 3, {}, float("nan"), {"object": {"objectType": "SubStatement"}}])
def test_anything_can_be_judged(value: Any) -> None:
    assert validity.faults(value)
    assert [verdict for verdict in profile.verdicts(value) if verdict.faults]


def test_a_flood_of_faults_is_cut() -> None:
    nulls = {f"p{i}": None for i in range(10_000)}
    assert len(validity.faults(plain(result=nulls))) == FAULTS_LIMIT


def test_the_rule_books_share_no_names() -> None:
    names = [*validity.RULES, *profile.RULES, *session.RULES]
    assert len(names) == len(set(names))


def test_a_reason_never_repeats_a_long_text() -> None:
    [fault] = validity.faults(plain(verb={"id": "name of somebody " * 1000}))
    assert len(fault.reason) < 100


@pytest.mark.service
def test_statements_that_adl_lrs_and_learning_locker_judged() -> None:
    valid, invalid = samples.corpus("valid.jsonl"), samples.corpus("invalid.jsonl")
    assert [case["reason"] for case in valid if validity.faults(case["statement"])] == []
    assert [case["reason"] for case in invalid if not validity.faults(case["statement"])] == []
    assert (len(valid), len(invalid)) == (363, 556)
