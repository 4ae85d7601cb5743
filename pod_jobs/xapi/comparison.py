"""Compares the statement that a record store has under an id with the one that we sent.

xAPI 1.0.3, part two, section 2.3.1: a record store may add id, timestamp, stored, authority and version, may write an
instant in another zone, and may fill in defaults. The words of a verb and the definition of an activity do not count.
"""

from typing import Any

from pod_jobs.xapi import formats

OF_THE_LRS = ("stored", "authority", "version", "attachments")
LISTS = ("parent", "grouping", "category", "other")


def are_equivalent(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether two statements say the same."""
    return _normal(ours) == _normal(theirs)


def _normal(statement: dict[str, Any]) -> dict[str, Any]:
    normal = {name: _part(name, value) for name, value in statement.items() if name not in OF_THE_LRS}
    for name in ("id", "timestamp"):
        if isinstance(normal.get(name), str):
            normal[name] = _instant(normal[name]) if name == "timestamp" else normal[name].lower()
    return normal


def _part(name: str, value: Any) -> Any:
    if name in LISTS and isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        items = [_part("", item) for item in value]
        return sorted(items, key=repr) if name == "member" else items
    if not isinstance(value, dict) or name == "extensions":
        return value
    left_out = {"verb": ("display",)}.get(name, ("definition",))
    part = {key: _part(key, item) for key, item in value.items() if key not in left_out}
    if part.get("objectType") in ("Agent", "Activity"):  # these are defaults, clear from where they stand
        del part["objectType"]
    return part


def _instant(text: str) -> str:
    instant = formats.parse_timestamp(text)
    return formats.format_timestamp(instant) if instant else text
