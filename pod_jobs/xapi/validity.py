"""Checks that something is a statement of xAPI 1.0.3 (predecessor of IEEE 9274.1; adlnet/xAPI-Spec, part two "Data").

parts.py describes the properties. This file puts them together, and adds the rules between properties.
"""

from typing import Any

from pod_jobs.xapi import parts
from pod_jobs.xapi.checkers import Checker, array_of, shape, text, timestamp, uuid, version
from pod_jobs.xapi.verdicts import Fault, Faults, Path, Rule, Severity

HELD, INVALID = Severity.HELD, Severity.INVALID
RULES: dict[str, Rule] = {
    "required": Rule(HELD, "actor, verb and object are there, with their ids"),
    "null": Rule(HELD, "null stands nowhere but inside extensions"),
    "iri": Rule(HELD, "every id, type and extension key is an absolute IRI"),
    "uuid": Rule(HELD, "every statement id and registration is a UUID"),
    "type": Rule(INVALID, "every property has the JSON type that xAPI gives it"),
    "property": Rule(INVALID, "there is no property that xAPI does not know, in its own capitals"),
    "object-type": Rule(INVALID, "objectType is one of those allowed at its place"),
    "identifier": Rule(INVALID, "an actor has exactly one of mbox, mbox_sha1sum, openid and account, well formed"),
    "group": Rule(INVALID, "a group has members or an identifier; its members are agents"),
    "language": Rule(INVALID, "languages are RFC 5646 tags, and language maps are not empty"),
    "timestamp": Rule(INVALID, "instants are ISO 8601 with a known offset"),
    "duration": Rule(INVALID, "durations are ISO 8601"),
    "score": Rule(INVALID, "-1 <= scaled <= 1 and min <= raw <= max"),
    "interaction": Rule(INVALID, "interaction activities have a known type and well-formed components"),
    "context": Rule(INVALID, "revision and platform accompany activities only; the team is a group"),
    "sub-statement": Rule(INVALID, "a sub-statement has no id, stored, version, authority, and none inside it"),
    "voiding": Rule(INVALID, "what is voided is a StatementRef"),
    "attachment": Rule(INVALID, "attachments are described fully and lie at a fileUrl"),
    "authority": Rule(INVALID, "an authority is an agent, or a group of exactly two agents"),
    "version": Rule(INVALID, "version is 1.0 or 1.0.x"),
}

VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def faults(statement: Any) -> list[Fault]:
    """Every fault of one statement, in the order of its properties; [] for a valid statement.

    What an LRS adds (stored, authority, version) is checked if present. A missing id or timestamp is no fault.
    """
    collector = Faults(RULES)
    _statement(statement, (), collector)
    return collector.found


def _object(value: Any, path: Path, faults: Faults) -> None:
    kind = value.get("objectType", "Activity") if isinstance(value, dict) else "Activity"
    checker = OBJECTS.get(kind) if isinstance(kind, str) else None
    if checker is None:
        faults.add("object-type", (*path, "objectType"), "not a kind of object")
    else:
        checker(value, path, faults)


def _sub_statement(value: Any, path: Path, faults: Faults) -> None:
    for name in ("id", "stored", "version", "authority"):
        if name in value:
            faults.add("sub-statement", (*path, name), "not inside a sub-statement")
    if isinstance(inner := value.get("object"), dict) and inner.get("objectType") == "SubStatement":
        faults.add("sub-statement", (*path, "object"), "a sub-statement inside another")  # not followed further down
    else:
        _sub_shape({k: v for k, v in value.items() if k not in ("id", "stored", "version", "authority")}, path, faults)
        _between(value, path, faults)


def _statement(value: Any, path: Path, faults: Faults) -> None:
    _statement_shape(value, path, faults)
    if isinstance(value, dict):
        for name in _core:
            if name in value and not isinstance(value[name], dict):
                faults.add("required", (*path, name), "not an object")
        _between(value, path, faults)


def _between(value: dict[str, Any], path: Path, faults: Faults) -> None:
    """Check the rules between properties."""
    target, verb, context = (
        item if isinstance(item := value.get(k), dict) else {} for k in ("object", "verb", "context")
    )
    kind = target.get("objectType", "Activity")
    if verb.get("id") == VOIDED and kind != "StatementRef":
        faults.add("voiding", (*path, "object"), "not a StatementRef")
    for name in ("revision", "platform"):
        if name in context and kind != "Activity":
            faults.add("context", (*path, "context", name), "only where the object is an activity")


OBJECTS: dict[str, Checker] = {
    "Activity": parts.activity,
    "Agent": parts.agent,
    "Group": parts.group,
    "SubStatement": _sub_statement,
    "StatementRef": parts.statement_ref,
}
_core: dict[str, Checker] = {"actor": parts.actor, "verb": parts.verb, "object": _object}
_more: dict[str, Checker] = {
    "result": parts.result,
    "context": parts.context,
    "timestamp": timestamp,
    "attachments": array_of(parts.attachment),
}
_stamps: dict[str, Checker] = {"id": uuid, "stored": timestamp, "authority": parts.authority, "version": version}
_statement_shape = shape(_core, _more | _stamps, rule="required")
_sub_shape = shape(_core, _more | {"objectType": text}, rule="required")
