"""Acceptance: turns what a browser or an application sent into the frozen bytes that every record store (LRS) gets.

Frozen bytes are sent unchanged, now and at each resend: an LRS compares a resend with what it stored, and the same instant
in another zone, or one more key, is a conflict. So the actor, the id and the timestamp are set here, once and for all, and
what only an LRS may say (stored, authority, version) is removed.

Nothing from a page is trusted. Another person's actor and voiding are refused, and an id only serves to recognise a
resend. It is mapped to an id that depends on the actor too, so that nobody can occupy an id that somebody else will use.
The session-id, which must be the id of the session's `initialized`, is mapped in the same way. The id of `terminated`
follows from the session-id, so that a session ends once.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from pod_jobs.xapi import formats, profile, validity
from pod_jobs.xapi.actors import Actor
from pod_jobs.xapi.ending import end_id
from pod_jobs.xapi.verdicts import Fault, Path, Severity, json_path, value_at

EXACT_INTEGER = 2**53 - 1  # beyond it a JSON number is no longer the same everywhere (RFC 7493, section 2.2)
OF_THE_LRS = ("stored", "authority", "version")
CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
SCRIPT = re.compile(r"</script|<\w+\b[^<>]*\s(?:on\w+|src)\s*=", re.IGNORECASE)
PERHAPS_SCRIPT = re.compile(rb"</script|<\w[^<>]*(?:on|src)", re.IGNORECASE)  # in JSON, where a line's end is "\\n"
NAMES = ("name", "display")  # texts that pages of other programs show
LONG_NUMBER = re.compile(rb"\d{16}")  # EXACT_INTEGER has 16 digits
SESSION_ID = profile.EXTENSION + "session-id"
LABELS = {  # name of each rule that a statement may break and still be accepted -> what holds when it is kept
    name: rule.text
    for name, rule in {**validity.RULES, **profile.RULES}.items()
    if rule.severity in (Severity.INVALID, Severity.PROFILE)
}


@dataclass(frozen=True)
class Limits:
    """How large, deep and far in the future one statement may be."""

    statement_bytes: int = 65_536  # of the frozen body
    depth: int = 32  # objects and arrays inside each other
    future_s: float = 300.0  # how far a clock may be ahead; the statement then gets the present time


@dataclass(frozen=True)
class Page:
    """Statements come from a browser. `actor` is the person whom the server knows behind it."""

    actor: Actor


@dataclass(frozen=True)
class Application:
    """Statements come from a trusted program that writes for many people. Its actors and ids are kept."""


Origin = Page | Application


@dataclass(frozen=True)
class Frozen:
    """An accepted statement, whose `body` never changes again.

    `labels`: names of the broken rules (of validity.RULES and profile.RULES, without advice), in their order there.
    """

    id: str
    timestamp: datetime
    body: bytes
    verb: str
    registration: str | None
    of_profile: bool  # it claims the Video Profile
    labels: tuple[str, ...]
    suspect: bool  # it breaks xAPI itself, so an LRS may refuse it: it is sent apart from the others


@dataclass(frozen=True)
class Problem:
    """Why a statement was not accepted: the name of the rule, the JSON path of the fault, and the reason."""

    rule: str
    path: str
    reason: str


def parse_request(body: bytes) -> list[Any] | Problem:
    """The raw statements of a request's body, which is an array or one object. NaN and the like are left to `accept`."""
    try:
        value = json.loads(body)
    except RecursionError:
        return Problem("depth", "$", "nested too deeply")
    except ValueError as error:  # no JSON, no UTF-8, or a number with thousands of digits
        if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            return Problem("number", "$", "a number is too long")
        return Problem("json", "$", str(error)[:200])
    return value if isinstance(value, list) else [value]


def accept(
    raw: Any,
    origin: Origin,
    now: datetime,
    limits: Limits | None = None,
    new_id: Callable[[], UUID] = uuid4,
) -> Frozen | Problem:
    """Freeze one raw statement, or say why it cannot be accepted. `raw` is not changed."""
    limits = limits or Limits()
    if not isinstance(raw, dict):
        return Problem("type", "$", "a statement is an object")
    if problem := _presumptuous(raw, origin):
        return problem
    timestamp = _timestamp(raw, now, limits)
    if isinstance(timestamp, Problem):
        return timestamp
    statement = _stamped(raw, origin, timestamp, new_id)
    body = _frozen_body({name: value for name, value in statement.items() if name not in OF_THE_LRS}, limits)
    if isinstance(body, Problem):
        return body
    faults = validity.faults(statement)
    held = next((fault for fault in faults if fault.severity is Severity.HELD), None)
    if held:
        return Problem(held.rule, held.path, held.reason)
    return _frozen(statement, timestamp, body, faults)


def is_resend(raw: Any, origin: Origin, stored: Frozen, limits: Limits | None = None) -> bool:
    """Is `raw`, whose id is in use already, the same statement again, from a page that missed our answer?"""
    again = accept(raw, origin, stored.timestamp, limits)
    return isinstance(again, Frozen) and again.body == stored.body


def stored(statement_id: str, body: str) -> Frozen:
    """A stored statement, with id, instant and bytes alone: `is_resend` compares one that is sent again with these."""
    instant = formats.parse_timestamp(json.loads(body)["timestamp"])
    assert instant is not None  # noqa: S101  # we wrote it ourselves
    return Frozen(statement_id, instant, body.encode(), "", None, False, (), False)


def canonical(statement: Any) -> bytes:
    """The canonical spelling of a JSON value. Errors: ValueError for what JSON or UTF-8 cannot hold."""
    return CANONICAL.encode(statement).encode()


def mapped_id(actor: Actor, client_id: str) -> str:
    """The statement id for an id that a page made up: the same at a resend, and another one for another actor."""
    digest = hashlib.sha256(b"v1|" + canonical(actor) + b"|" + client_id.lower().encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def _frozen_body(statement: dict[str, Any], limits: Limits) -> bytes | Problem:
    """The frozen bytes. They show for nearly every statement that it is safe; the others are searched by `_unsafe`."""
    try:
        body = canonical(statement)
    except (ValueError, RecursionError) as error:  # NaN, half a surrogate pair, or nested too deeply
        return _unsafe(statement, limits) or Problem("json", "$", str(error)[:200])
    nodes = body.count(b"{") + body.count(b"[")
    if nodes > limits.depth or b"\\u0000" in body or LONG_NUMBER.search(body) or PERHAPS_SCRIPT.search(body):
        problem = _unsafe(statement, limits)
        if problem:
            return problem
    if len(body) > limits.statement_bytes:
        return Problem("size", "$", f"{len(body)} bytes; the limit is {limits.statement_bytes}")
    return body


def _unsafe(raw: dict[str, Any], limits: Limits) -> Problem | None:
    """Find what no part of a statement may contain."""
    waiting: list[tuple[Any, Path]] = [(raw, ())]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict | list):
            if len(path) >= limits.depth:
                return Problem(
                    "depth", json_path(path), f"more than {limits.depth} objects and arrays inside each other"
                )
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                if isinstance(key, str) and (reason := _bad_text(key)):
                    return Problem("text", json_path((*path, key)), reason)
                waiting.append((item, (*path, key)))
        elif isinstance(value, str):
            if reason := _bad_text(value) or _bad_name(value, path):
                return Problem("text", json_path(path), reason)
        elif isinstance(value, int | float) and not _exact(value):
            return Problem("number", json_path(path), "not a number that JSON carries exactly")
    return None


def _exact(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= EXACT_INTEGER


def _bad_text(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "half a surrogate pair"
    return ""


def _bad_name(text: str, path: Path) -> str:
    """Refuse a script in a name. An answer may hold one, for instance to a question about scripts."""
    return "a script in a name" if any(name in path for name in NAMES) and SCRIPT.search(text) else ""


def plain_name(text: str) -> str:
    """`text` as a name that is accepted: if it holds a script, its angle brackets become ‹ ›."""
    return text.replace("<", "‹").replace(">", "›") if SCRIPT.search(text) else text


def _presumptuous(raw: dict[str, Any], origin: Origin) -> Problem | None:
    """Find what a page may not say."""
    if isinstance(origin, Application):
        return None
    if "actor" in raw and raw["actor"] != origin.actor:
        return Problem("actor", "$.actor", "the server names the actor; leave it out")
    if value_at(raw, "verb", "id") == validity.VOIDED:
        return Problem("voiding", "$.verb.id", "a page cannot void statements")
    if "id" in raw and not (isinstance(raw["id"], str) and formats.is_uuid(raw["id"])):
        return Problem("uuid", "$.id", "not a UUID")
    return None


def _timestamp(raw: dict[str, Any], now: datetime, limits: Limits) -> datetime | Problem:
    """When the statement happened, to the millisecond, and never after `now`."""
    instant = now
    if "timestamp" in raw:
        sent_at = formats.parse_timestamp(raw["timestamp"]) if isinstance(raw["timestamp"], str) else None
        if sent_at is None:
            return Problem("timestamp", "$.timestamp", "not an ISO 8601 instant with a known offset")
        if sent_at > now + timedelta(seconds=limits.future_s):
            return Problem("timestamp", "$.timestamp", "in the future")
        instant = min(sent_at, now)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _stamped(raw: dict[str, Any], origin: Origin, timestamp: datetime, new_id: Callable[[], UUID]) -> dict[str, Any]:
    """A copy of `raw` with actor, id and timestamp set. Other faults are left to the checks."""
    statement = {**raw, "timestamp": formats.format_timestamp(timestamp)}
    if "id" not in raw:
        statement["id"] = str(new_id())
    elif isinstance(raw["id"], str):
        statement["id"] = raw["id"].lower()
    if isinstance(origin, Application):
        return statement
    statement["actor"] = origin.actor
    if "id" in raw:
        statement["id"] = mapped_id(origin.actor, raw["id"])
    session_id = value_at(raw, "context", "extensions", SESSION_ID)
    if isinstance(session_id, str) and formats.is_uuid(session_id):
        session_id = mapped_id(origin.actor, session_id)
        extensions = {**raw["context"]["extensions"], SESSION_ID: session_id}
        statement["context"] = {**raw["context"], "extensions": extensions}
        if value_at(raw, "verb", "id") == profile.TERMINATED:
            statement["id"] = end_id(session_id)
    return statement


def _frozen(statement: dict[str, Any], timestamp: datetime, body: bytes, faults: list[Fault]) -> Frozen:
    broken = [f for f in [*faults, *profile.faults(statement)] if f.severity is not Severity.ADVICE]
    return Frozen(
        id=statement["id"],
        timestamp=timestamp,
        body=body,
        verb=statement["verb"]["id"],
        registration=value_at(statement, "context", "registration"),
        of_profile=profile.claims_profile(statement),
        labels=tuple(dict.fromkeys(fault.rule for fault in broken)),
        suspect=any(fault.severity is Severity.INVALID for fault in broken),
    )
