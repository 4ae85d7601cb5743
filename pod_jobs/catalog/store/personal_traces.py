"""The learning traces of one person: found for an export, and erased.

Statements have no column for their actor, because nothing else asks for it. So they are searched by a part of their bytes; a
million of them takes seconds.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import lanes, statements
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Lane, Statement, Straggler, TraceErasure
from pod_jobs.errors import Refused

CHUNK = 500  # statements in one query


@dataclass(frozen=True)
class Marks:
    """By which accounts the statements of a person are known.

    `unique`: names that nobody else can have, such as pseudonyms; whatever their home page. `name`: that of the person, which
    belongs to somebody else at other home pages than `home_pages`, and did so before the person was here (`since`).
    """

    unique: Sequence[str]
    name: str
    home_pages: Sequence[str]
    since: datetime

    def fit(self, row: Statement) -> bool:
        """Is the person the actor of this statement?"""
        account = (json.loads(row.body).get("actor") or {}).get("account") or {}
        if account.get("name") in self.unique:
            return True
        is_here = account.get("homePage") in self.home_pages and row.received_at >= self.since
        return account.get("name") == self.name and is_here

    def texts(self) -> list[str]:
        """One of these is in the body of each of the statements."""
        return [f'"name":{json.dumps(name, ensure_ascii=False)}}}' for name in (*self.unique, self.name)]


def of_person(marks: Marks) -> Iterator[Statement]:
    """The statements of a person, oldest first."""
    last = 0
    any_text = reduce(or_, (Statement.body.contains(text) for text in marks.texts()))
    while True:
        page = Statement.select().where(Statement.number > last, any_text).order_by(Statement.number).limit(CHUNK)
        rows = list(page)
        yield from (row for row in rows if marks.fit(row))  # LIKE ignores case
        if len(rows) < CHUNK:
            return
        last = rows[-1].number


def order_erasure(user: User, now: datetime) -> None:
    """Note that the traces of a person are to be erased as soon as no lane is worked."""
    TraceErasure.insert(user=user, at=now).on_conflict_ignore().execute()


def ordered_erasures() -> list[User]:
    """The people whose traces are to be erased, those who asked first before others."""
    return [row.user for row in TraceErasure.select(TraceErasure, User).join(User).order_by(TraceErasure.at)]


def erase(
    user: User,
    marks: Marks,
    lane_names: Sequence[str],
    now: datetime,
    void: Callable[[Statement], NewStatement] | None = None,
) -> int:
    """Delete the statements of a person, and forget the base of the pseudonym, so that nobody can compute it again. Returns how
    many statements there were.

    `void` makes the statement that voids one which a record store has; None = record stores keep what they have.
    Errors: Refused while a worker has a lane, because it may be sending them.
    """
    with transaction():
        rows = list(locked(Lane.select()))
        if busy := [lane for lane in rows if lanes.is_worked(lane, now)]:
            raise Refused(f"lane {busy[0].name} is worked until {busy[0].lease_until}", code="lane-busy")
        traces = list(of_person(marks))
        voids = [void(row) for row in _delivered(traces, rows)] if void else []
        for start in range(0, len(traces), CHUNK):
            numbers = [row.number for row in traces[start : start + CHUNK]]
            Straggler.delete().where(Straggler.number.in_(numbers)).execute()
            Statement.delete().where(Statement.number.in_(numbers)).execute()
        TraceErasure.delete().where(TraceErasure.user == user.id).execute()
        User.update(uuid=str(uuid.uuid4())).where(User.id == user.id).execute()
        for start in range(0, len(voids), CHUNK):
            statements.add(voids[start : start + CHUNK], lane_names, now)
    return len(traces)


def _delivered(traces: Sequence[Statement], rows: Sequence[Lane]) -> list[Statement]:
    """Those that some record store may have."""
    reached = max((lane.cursor for lane in rows), default=0)
    missing: dict[int, int] = {}
    for start in range(0, len(traces), CHUNK):
        numbers = [row.number for row in traces[start : start + CHUNK]]
        counts: Any = Straggler.select(Straggler.number, fn.COUNT(Straggler.lane)).where(Straggler.number.in_(numbers))
        missing.update(dict(counts.group_by(Straggler.number).tuples()))
    return [
        row
        for row in traces
        if row.number <= reached and missing.get(row.number, 0) < sum(row.number <= lane.cursor for lane in rows)
    ]
