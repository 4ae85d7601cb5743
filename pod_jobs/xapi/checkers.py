"""Checkers: small functions of (value, path, faults) that describe JSON, combined by `shape` and `array_of`.

A checker adds to `faults` what is wrong with the value, and changes nothing else. validity.py uses them.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

from pod_jobs.xapi import formats
from pod_jobs.xapi.verdicts import Faults, Path

Checker = Callable[[Any, Path, Faults], None]


def text(value: Any, path: Path, faults: Faults) -> None:
    if not isinstance(value, str):
        wrong(value, path, faults, "text")


def boolean(value: Any, path: Path, faults: Faults) -> None:
    if not isinstance(value, bool):
        wrong(value, path, faults, "true or false")


def number(value: Any, path: Path, faults: Faults) -> None:
    if not is_number(value):
        wrong(value, path, faults, "a number")


def is_number(value: Any) -> bool:
    """Is it a JSON number? Python's JSON also accepts NaN and Infinity, and Python takes true for an int."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and isfinite(value))


def whole_number(value: Any, path: Path, faults: Faults) -> None:
    if not is_number(value) or value != int(value) or value < 0:
        wrong(value, path, faults, "a whole number")


def formatted(rule: str, is_right: Callable[[str], bool], name: str) -> Checker:
    """A checker for text of a format. `name` says what it should have been; `rule` is the rule that it breaks."""

    def check(value: Any, path: Path, faults: Faults) -> None:
        if value is None:
            faults.add("null", path, "null")
        elif not isinstance(value, str) or not is_right(value):
            faults.add(rule, path, f"{_shown(value)} is not {name}")

    return check


def shape(required: dict[str, Checker], optional: dict[str, Checker] | None = None, rule: str = "type") -> Checker:
    """A checker for an object with these properties and no others. A missing property breaks `rule`."""
    checkers = required | (optional or {})

    def check(value: Any, path: Path, faults: Faults) -> None:
        if not isinstance(value, dict):
            return wrong(value, path, faults, "an object")
        for name in required:
            if name not in value:
                faults.add(rule, (*path, name), "missing")
        for name, item in value.items():
            checker = checkers.get(name)
            if checker is None:
                faults.add("property", (*path, name), "not a property of xAPI")
            else:
                checker(item, (*path, name), faults)

    return check


def array_of(checker: Checker) -> Checker:
    def check(value: Any, path: Path, faults: Faults) -> None:
        if not isinstance(value, list):
            return wrong(value, path, faults, "an array")
        for index, item in enumerate(value):
            checker(item, (*path, index), faults)

    return check


def language_map(value: Any, path: Path, faults: Faults) -> None:
    if not isinstance(value, dict):
        return wrong(value, path, faults, "a language map")
    if not value:
        faults.add("language", path, "the language map is empty")
    for tag, item in value.items():
        if not formats.is_language(tag):
            faults.add("language", (*path, tag), "not a language tag")
        text(item, (*path, tag), faults)


def extensions(value: Any, path: Path, faults: Faults) -> None:
    """Check that the keys are IRIs. The values may be anything."""
    if not isinstance(value, dict):
        return wrong(value, path, faults, "an object")
    for key in value:
        if not formats.is_iri(key):
            faults.add("iri", (*path, key), "the key of an extension is an IRI")


def wrong(value: Any, path: Path, faults: Faults, expected: str) -> None:
    """Add the fault for a null, or for a value of another type than `expected`."""
    if value is None:
        faults.add("null", path, "null")
    else:
        faults.add("type", path, f"{_shown(value)} is not {expected}")


def _shown(value: Any) -> str:
    """A value for use in a reason: shortened, because it may be somebody's text."""
    names = {dict: "an object", list: "an array", bool: "true or false"}
    return names.get(type(value)) or ascii(value)[:60]


iri = formatted("iri", formats.is_iri, "an IRI")
irl = formatted("iri", formats.is_irl, "an IRL")
uuid = formatted("uuid", formats.is_uuid, "a UUID")
timestamp = formatted("timestamp", lambda t: formats.parse_timestamp(t) is not None, "an instant with a known offset")
duration = formatted("duration", formats.is_duration, "an ISO 8601 duration")
language = formatted("language", formats.is_language, "a language tag")
version = formatted("version", lambda t: formats.VERSION.fullmatch(t) is not None, "1.0 or 1.0.x")
