"""The JSON objects of learning traces in the API. None of them shows a name of a person."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_decimal, gettext

from pod_jobs.catalog.store.dead_letters import LaneSight
from pod_jobs.catalog.trace_models import Statement, Straggler, TraceCount
from pod_jobs.web.api.documents import instant
from pod_jobs.xapi import session as session_rules
from pod_jobs.xapi.profile import EXTENSION
from pod_jobs.xapi.statement import LABELS
from pod_jobs.xapi.verdicts import Fault, Severity, Verdict, value_at

Document = dict[str, Any]
PERSONAL = ("mbox", "mbox_sha1sum", "openid")
PEOPLE = ("actor", "authority", "instructor", "team")
HIDDEN = "…"
LONGEST_SILENCE = timedelta(hours=6)  # of somebody who still watches: a player that plays on reports nothing


def lane(sight: LaneSight) -> Document:
    row = sight.lane
    return {
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "since": instant(row.since),
        "next_try_at": instant(row.not_before),
        "waiting": sight.waiting,
        "oldest_at": instant(sight.oldest_at),
        "dead": sight.dead,
        "stored": row.stored,
        "last_stored_at": instant(row.last_stored_at),
        "per_minute": sight.per_minute,
        "worker": row.holder if row.lease_until is not None else None,
        "lease_until": instant(row.lease_until),
    }


def dead_letter(row: Straggler, statement: Statement) -> Document:
    return {**waiting(statement, row.reason), "code": row.code, "at": instant(row.at)}


def waiting(statement: Statement, reason: str) -> Document:
    body = json.loads(statement.body)
    return {
        "number": statement.number,
        "id": statement.id,
        "verb": statement.verb,
        "reason": _masked(reason, body),
        "received_at": instant(statement.received_at),
        "labels": statement.labels,
        "body": without_names(body),
    }


def labels(counts: Sequence[TraceCount]) -> Document:
    """Sums per verb. `conform` counts the statements that break no rule. A statement may break several rules, so the counts in
    `broken` can add up to more than the number of statements."""
    verbs: dict[str, Document] = {}
    for count in counts:
        verb = verbs.setdefault(count.verb, {"verb": count.verb, "statements": 0, "conform": 0, "broken": {}})
        if count.label == "":
            verb["statements"] = int(count.statements)
        elif count.label == "conform":
            verb["conform"] = int(count.statements)
        else:
            verb["broken"][count.label] = int(count.statements)
    listed = sorted(verbs.values(), key=lambda verb: -verb["statements"])
    total, conform = (sum(verb[name] for verb in listed) for name in ("statements", "conform"))
    rules = _rules(name for verb in listed for name in verb["broken"])
    return {"statements": total, "conform": conform, "verbs": listed, "rules": rules}


def session_line(registration: str, video: int, statements: int, last_at: datetime) -> Document:
    return {"registration": registration, "video": video, "statements": statements, "last_at": instant(last_at)}


def session(rows: Sequence[Statement], now: datetime) -> Document:
    """One registration: each statement in short, then the verdicts of the rules about the registration as a whole."""
    bodies = [json.loads(row.body) for row in rows]
    may_go_on = now - rows[-1].received_at < LONGEST_SILENCE
    return {
        "registration": rows[0].registration,
        "video": rows[0].video,
        "statements": [_moment(row, body) for row, body in zip(rows, bodies, strict=True)],
        "rules": _rules(name for row in rows for name in row.labels),
        "verdicts": [_verdict(verdict) for verdict in session_rules.verdicts(bodies, may_go_on=may_go_on)],
    }


def names_in(value: Any, *, of_person: bool = False) -> set[str]:
    """The names that `without_names` hides in a statement or a part of one."""
    if isinstance(value, list):
        return {name for item in value for name in names_in(item, of_person=of_person)}
    if not isinstance(value, dict):
        return set()
    shown = without_names(value, of_person=of_person)
    names = {value[key] for key in value if shown[key] == HIDDEN and isinstance(value[key], str)}
    for key, item in value.items():
        is_account = key == "account" and isinstance(item, dict) and shown[key].get("name") == HIDDEN
        if not is_account:
            names |= names_in(item, of_person=key in PEOPLE or key == "member")
        elif isinstance(item.get("name"), str):  # an account that breaks xAPI may have none, or a number
            names.add(item["name"])
    return names - {HIDDEN, ""}


def without_names(value: Any, *, of_person: bool = False) -> Any:
    """A copy of a statement, or of a part of one, in which nobody can be recognised. `of_person`: the part describes a person."""
    if isinstance(value, list):
        return [without_names(item, of_person=of_person) for item in value]
    if not isinstance(value, dict):
        return value
    of_person = of_person or value.get("objectType") in ("Agent", "Group")
    shown: Document = {}
    for key, item in value.items():
        if of_person and key in ("name", *PERSONAL):
            shown[key] = HIDDEN
        elif of_person and key == "account" and isinstance(item, dict):
            shown[key] = {**item, "name": HIDDEN}
        else:
            shown[key] = without_names(item, of_person=key in PEOPLE or (of_person and key == "member"))
    return shown


def _masked(reason: str, body: Document) -> str:
    """A record store's reason without the names in the statement, which it may have quoted."""
    for name in sorted(names_in(body), key=len, reverse=True):
        reason = reason.replace(name, HIDDEN)
    return reason


def _rules(names: Iterable[str]) -> Document:
    """Name of a rule -> what holds when it is kept, in the reader's language; the name itself if it is of another version."""
    return {name: gettext(LABELS[name]) if name in LABELS else name for name in sorted(set(names))}


def _moment(row: Statement, body: Document) -> Document:
    return {
        "number": row.number,
        "verb": row.verb,
        "timestamp": body["timestamp"],
        "received_at": instant(row.received_at),
        "labels": row.labels,
        "result": _extensions(body, "result"),
        "context": _extensions(body, "context"),
        "completion": value_at(body, "result", "completion"),
        "body": without_names(body),
    }


def _extensions(body: Document, part: str) -> Document:
    """The values of the profile's extensions by their short names; none if this part of the statement breaks xAPI."""
    extensions = value_at(body, part, "extensions")
    named = extensions.items() if isinstance(extensions, dict) else ()
    return {key.removeprefix(EXTENSION): value for key, value in named if key.startswith(EXTENSION)}


def _verdict(verdict: Verdict) -> Document:
    return {
        "rule": verdict.rule,
        "text": gettext(verdict.text),
        "word": verdict.word,
        "advice": verdict.severity is Severity.ADVICE,
        "faults": [_fault(fault) for fault in verdict.faults],
        "note": gettext("The session is still open.") if verdict.word == "open" else "",
    }


def _fault(fault: Fault) -> str:
    """A fault in the reader's language, such as "Report 4: out of order". Reports count from 1, as the page numbers them."""
    figures = {name: format_decimal(figure) for name, figure in fault.figures.items()}
    index = re.match(r"\$\[([0-9]+)\]", fault.path)
    place = int(index[1]) + 1 if index else "?"
    return gettext("Report {place}: {reason}").format(place=place, reason=gettext(fault.template).format(**figures))
