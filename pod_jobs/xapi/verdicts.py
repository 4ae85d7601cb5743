"""Verdicts on a statement: which rule, how severe, where, and why. Plain values for the rules of xAPI and of the profile."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Path = tuple[str | int, ...]  # ("object", "definition", "name"): the keys and indexes from the statement down

FAULTS_LIMIT = 50  # faults of one statement: enough to repair it, and 64 kB of nulls make no long list


class Severity(StrEnum):
    """What a broken rule means for the statement."""

    HELD = "held"  # every LRS must refuse it: it is not accepted
    INVALID = "invalid"  # xAPI forbids it, some LRSs store it: accepted, sent apart from the others
    PROFILE = "profile"  # a "must" of the Video Profile: accepted, counted
    ADVICE = "advice"  # a "should" of the Video Profile


@dataclass(frozen=True)
class Rule:
    severity: Severity
    text: str  # what holds when the rule is kept


@dataclass(frozen=True)
class Fault:
    """A broken rule: its name, the JSON path of the fault ("$.actor.account.name"), and the reason with the figures for
    its braces."""

    rule: str
    severity: Severity
    path: str
    template: str
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return self.template.format(**self.figures) if self.figures else self.template


@dataclass(frozen=True)
class Verdict:
    """One line of `pod-jobs xapi check`: a rule, and its faults when it is broken."""

    rule: str
    severity: Severity
    text: str
    faults: tuple[Fault, ...]
    is_open: bool = False  # it cannot be judged yet

    @property
    def word(self) -> str:
        """ok; open (it cannot be judged yet); held (no LRS may take it); label (it does not conform)."""
        if not self.faults:
            return "open" if self.is_open else "ok"
        return "held" if self.severity is Severity.HELD else "label"


@dataclass
class Faults:
    """Collects the faults of one statement against one set of rules."""

    rules: dict[str, Rule]
    found: list[Fault] = field(default_factory=list)

    def add(self, rule: str, path: Path, template: str, **figures: float) -> None:
        if len(self.found) < FAULTS_LIMIT:
            self.found.append(Fault(rule, self.rules[rule].severity, json_path(path), template, figures))


def json_path(path: Path) -> str:
    """("object", "id") -> "$.object.id". A key that is no plain name is quoted: "$.result.extensions['https://…']"."""
    parts = ["$"]
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif key.isidentifier():
            parts.append(f".{key}")
        else:
            parts.append(f"[{_quoted(key)}]")
    return "".join(parts)


def value_at(value: Any, *keys: str) -> Any:
    """The value under these keys; None if there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _quoted(key: str) -> str:
    """At most 200 characters of a key, safe to print and to encode."""
    shown = key[:200].replace("\\", "\\\\").replace("'", "\\'")
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown)
    return f"'{shown}'"
