"""Checkers for the parts of a statement, table by table as in xAPI 1.0.3 (part two, 2.4.2 to 2.4.11)."""

from typing import Any

from pod_jobs.xapi import formats
from pod_jobs.xapi.checkers import (
    array_of,
    boolean,
    duration,
    extensions,
    formatted,
    iri,
    irl,
    is_number,
    language,
    language_map,
    number,
    shape,
    text,
    uuid,
    whole_number,
)
from pod_jobs.xapi.verdicts import Faults, Path

IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
INTERACTIONS = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}
COMPONENTS = ("choices", "scale", "source", "target", "steps")

# -- who -------------------------------------------------------------------------------------------------------------

mailbox = formatted("identifier", lambda t: formats.MAILTO.fullmatch(t) is not None, "mailto: and an address")
sha1 = formatted("identifier", lambda t: formats.SHA1.fullmatch(t) is not None, "a SHA-1 in hexadecimal")
open_id = formatted("identifier", formats.is_iri, "a URI")
account = shape({"homePage": irl, "name": text}, rule="identifier")

_identity = {"mbox": mailbox, "mbox_sha1sum": sha1, "openid": open_id, "account": account}
_agent = shape({}, {"objectType": text, "name": text, **_identity})


def agent(value: Any, path: Path, faults: Faults) -> None:
    """An Agent; objectType may be missing."""
    _agent(value, path, faults)
    if isinstance(value, dict):
        if value.get("objectType", "Agent") != "Agent":
            faults.add("object-type", (*path, "objectType"), "here stands an Agent")
        if _identifiers(value) != 1:
            faults.add("identifier", path, f"{_identifiers(value)} of {', '.join(IDENTIFIERS)} instead of one")


_members = array_of(agent)
_group = shape({"objectType": text}, {"name": text, "member": _members, **_identity})


def group(value: Any, path: Path, faults: Faults) -> None:
    """A Group: anonymous with members, or identified."""
    _group(value, path, faults)
    if isinstance(value, dict):
        if value.get("objectType") != "Group":
            faults.add("object-type", (*path, "objectType"), "here stands a Group")
        if _identifiers(value) > 1:
            faults.add("identifier", path, "more than one identifier")
        if _identifiers(value) == 0 and not value.get("member"):
            faults.add("group", (*path, "member"), "a group without identifier has members")


def actor(value: Any, path: Path, faults: Faults) -> None:
    """An Agent or a Group."""
    kind = value.get("objectType", "Agent") if isinstance(value, dict) else "Agent"
    (group if kind == "Group" else agent)(value, path, faults)


def authority(value: Any, path: Path, faults: Faults) -> None:
    """An Agent; or, with OAuth, an anonymous Group of the application and the person."""
    actor(value, path, faults)
    if isinstance(value, dict) and value.get("objectType") == "Group":
        members = value.get("member")
        if _identifiers(value) or not isinstance(members, list) or len(members) != 2:
            faults.add("authority", path, "a group is two agents without an identifier of its own")


def _identifiers(value: dict[str, Any]) -> int:
    return sum(name in value for name in IDENTIFIERS)


# -- did what, to what -----------------------------------------------------------------------------------------------

verb = shape({"id": iri}, {"display": language_map}, rule="required")
component = shape({"id": text}, {"description": language_map})
_component_list = array_of(component)


def components(value: Any, path: Path, faults: Faults) -> None:
    """An array of components whose ids differ (2.4.4.1)."""
    _component_list(value, path, faults)
    seen: set[str] = set()
    for index, item in enumerate(value if isinstance(value, list) else ()):
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str):
            if name in seen:
                faults.add("interaction", (*path, index, "id"), "another component has this id")
            seen.add(name)


_definition = shape(
    {},
    {
        "name": language_map,
        "description": language_map,
        "type": iri,
        "moreInfo": irl,
        "interactionType": text,
        "correctResponsesPattern": array_of(text),
        **dict.fromkeys(COMPONENTS, components),
        "extensions": extensions,
    },
)


def definition(value: Any, path: Path, faults: Faults) -> None:
    _definition(value, path, faults)
    if not isinstance(value, dict):
        return
    kind = value.get("interactionType")
    if "interactionType" in value and (not isinstance(kind, str) or kind not in INTERACTIONS):
        faults.add("interaction", (*path, "interactionType"), "not an interaction of xAPI")
    for name in COMPONENTS:
        if name in value and not (isinstance(kind, str) and name in INTERACTIONS.get(kind, ())):
            faults.add("interaction", (*path, name), "does not belong to this interactionType")


activity = shape({"id": iri}, {"objectType": text, "definition": definition}, rule="required")
statement_ref = shape({"objectType": text, "id": uuid})


def an_activity(value: Any, path: Path, faults: Faults) -> None:
    """An Activity, where nothing else is allowed."""
    activity(value, path, faults)
    if isinstance(value, dict) and value.get("objectType", "Activity") != "Activity":
        faults.add("object-type", (*path, "objectType"), "here stands an Activity")


def a_reference(value: Any, path: Path, faults: Faults) -> None:
    """A StatementRef, where nothing else is allowed."""
    statement_ref(value, path, faults)
    if isinstance(value, dict) and value.get("objectType") != "StatementRef":
        faults.add("object-type", (*path, "objectType"), "here stands a StatementRef")


# -- with what result, in what context -------------------------------------------------------------------------------

_score = shape({}, {"scaled": number, "raw": number, "min": number, "max": number})


def score(value: Any, path: Path, faults: Faults) -> None:
    _score(value, path, faults)
    if not isinstance(value, dict):
        return
    scaled, low, raw, high = (n if is_number(n := value.get(k)) else None for k in ("scaled", "min", "raw", "max"))
    if scaled is not None and not -1 <= scaled <= 1:
        faults.add("score", (*path, "scaled"), "outside of -1 to 1")
    if low is not None and high is not None and low >= high:
        faults.add("score", (*path, "min"), "not less than max")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        faults.add("score", (*path, "raw"), "outside of min to max")


result = shape(
    {},
    {
        "score": score,
        "success": boolean,
        "completion": boolean,
        "response": text,
        "duration": duration,
        "extensions": extensions,
    },
)


def related(value: Any, path: Path, faults: Faults) -> None:
    """One Activity, or an array of them."""
    (array_of(an_activity) if isinstance(value, list) else an_activity)(value, path, faults)


context = shape(
    {},
    {
        "registration": uuid,
        "instructor": actor,
        "team": group,
        "contextActivities": shape({}, dict.fromkeys(("parent", "grouping", "category", "other"), related)),
        "revision": text,
        "platform": text,
        "language": language,
        "statement": a_reference,
        "extensions": extensions,
    },
)
attachment = shape(
    {
        "usageType": iri,
        "display": language_map,
        "contentType": text,
        "length": whole_number,
        "sha2": text,
        "fileUrl": irl,  # optional in multipart requests only (Communication 1.5.1), and we send plain JSON
    },
    {"description": language_map},
    rule="attachment",
)
