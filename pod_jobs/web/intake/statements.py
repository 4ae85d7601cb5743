"""Takes in learning traces: who may send them, which are kept, and what the sender is told of each one.

A page (session and CSRF token) and a lecturer's token send statements of their own person. The token of a user who may
`send-anybodys-traces` sends statements of any person. Redis is not used: accepting a statement needs only the database.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import current_app

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import statements, videos
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.instance import learning_traces
from pod_jobs.settings import Settings
from pod_jobs.web.guards.problems import translated
from pod_jobs.xapi import formats
from pod_jobs.xapi.actors import Actor
from pod_jobs.xapi.statement import Application, Frozen, Origin, Page, Problem, accept, is_resend, stored
from pod_jobs.xapi.verdicts import value_at

REQUEST_BYTES = 1_000_000
REQUEST_STATEMENTS = 200
STATUS_OF_RULE = {"json": 400, "size": 413, "id": 409}
EXTENSION = "pod_jobs.allowances"

Document = dict[str, Any]


@dataclass
class Entry:
    """One statement of a request: as it was sent, who sent it, and the decision about it."""

    raw: Any
    origin: Origin
    outcome: Frozen | Problem

    def document(self) -> Document:
        if isinstance(self.outcome, Frozen):
            return {"accepted": True, "id": self.outcome.id, "labels": list(self.outcome.labels)}
        sent_id = value_at(self.raw, "id")
        shown = sent_id if isinstance(sent_id, str) and formats.is_uuid(sent_id) else None
        return {"accepted": False, "id": shown, "problem": problem(self.outcome)}


def take_in(raws: Sequence[Any], settings: Settings, user: User, trusted: bool, now: datetime) -> list[Entry]:
    """Check each statement and store the good ones in one transaction. `trusted`: the sender may write for any person."""
    actor = learning_traces.actor_of(settings, user)
    entries = [_judge(raw, actor, trusted, now) for raw in raws]
    _refuse_duplicates(entries)
    good = {entry.outcome.id: entry for entry in entries if isinstance(entry.outcome, Frozen)}
    rows = [
        learning_traces.as_row(settings, entry.outcome, learning_traces.object_id(entry.raw))
        for entry in good.values()
        if isinstance(entry.outcome, Frozen)
    ]
    if not trusted:
        rows = _of_seen_videos(rows, user)
    stored_before = statements.add(rows, settings.xapi.lane_names, now) if rows else {}
    for statement_id, body in stored_before.items():
        entry = good[statement_id]
        if not is_resend(entry.raw, entry.origin, stored(statement_id, body), learning_traces.LIMITS):
            entry.outcome = Problem("id", "$.id", "this id is in use for another statement")
    return entries


def problem(fault: Problem) -> Document:
    """A problem document (RFC 9457) for one statement, with the JSON path of the fault."""
    return {
        "type": "about:blank",
        "title": translated("statement-refused", {}),
        "status": STATUS_OF_RULE.get(fault.rule, 422),
        "detail": f"{fault.path}: {fault.reason}",
        "code": "statement-refused",
        "rule": fault.rule,
        "path": fault.path,
    }


class Allowances:
    """How many statements each person may still send: `per_minute` at once, and as many again in each further minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: dict[int, tuple[float, float]] = {}  # user -> statements left, and the time of that count
        self._lock = threading.Lock()

    def wait_s(self, user_id: int, count: int) -> float:
        """Use up `count` statements and return 0. If too few are left, use none and return the seconds until there are
        enough."""
        if not self._per_minute:
            return 0.0
        with self._lock:
            now = time.monotonic()
            left, at = self._left.get(user_id, (float(self._per_minute), now))
            left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
            enough = left >= min(count, self._per_minute)
            self._left[user_id] = (left - count if enough else left, now)
            return 0.0 if enough else (min(count, self._per_minute) - left) * 60 / self._per_minute


def allowances(settings: Settings) -> Allowances:
    """The allowances of this web process, made at the first call."""
    extension = current_app.extensions.setdefault(EXTENSION, Allowances(settings.xapi.per_minute))
    assert isinstance(extension, Allowances)  # noqa: S101  # for the type checker
    return extension


def _judge(raw: Any, actor: Actor, trusted: bool, now: datetime) -> Entry:
    origin: Origin = Application() if trusted else Page(actor)
    return Entry(raw, origin, accept(raw, origin, now, learning_traces.LIMITS))


def _of_seen_videos(rows: Sequence[NewStatement], user: User) -> list[NewStatement]:
    """Remove the video from rows whose video `user` may not see. The owner of a video sees the attempts at it, and strangers
    must not add to that list."""
    seen = videos.seen_among(user, {row.video for row in rows if row.video is not None})
    return [row if row.video in seen else replace(row, video=None) for row in rows]


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    seen = set()
    for entry in entries:
        if isinstance(entry.outcome, Frozen):
            if entry.outcome.id in seen:
                entry.outcome = Problem("id", "$.id", "twice in this request")
            else:
                seen.add(entry.outcome.id)
