"""The learning traces of one person: found for an export, and erased.

Statements have no column for their actor, because nothing else asks for it. So they are searched by a part of their bytes; a
million of them takes seconds.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from peewee import fn

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import lanes, statements
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Lane, Statement, Straggler
from pod_jobs.errors import Refused

CHUNK = 500  # statements in one query


def of_person(marks: Sequence[str]) -> Iterator[Statement]:
    """The statements whose body contains one of `marks`, oldest first."""
    last = 0
    while marks:
        any_mark = Statement.body.contains(marks[0])
        for mark in marks[1:]:
            any_mark |= Statement.body.contains(mark)
        page = Statement.select().where(Statement.number > last, any_mark).order_by(Statement.number).limit(CHUNK)
        found = list(page)
        yield from (row for row in found if any(mark in row.body for mark in marks))  # LIKE ignores case
        if len(found) < CHUNK:
            return
        last = found[-1].number


def erase(
    user: User,
    marks: Sequence[str],
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
        found = list(of_person(marks))
        voids = [void(row) for row in _delivered(found, rows)] if void else []
        for start in range(0, len(found), CHUNK):
            numbers = [row.number for row in found[start : start + CHUNK]]
            Straggler.delete().where(Straggler.number.in_(numbers)).execute()
            Statement.delete().where(Statement.number.in_(numbers)).execute()
        User.update(uuid=str(uuid.uuid4())).where(User.id == user.id).execute()
        for start in range(0, len(voids), CHUNK):
            statements.add(voids[start : start + CHUNK], lane_names, now)
    return len(found)


def _delivered(found: Sequence[Statement], rows: Sequence[Lane]) -> list[Statement]:
    """Those that some record store may have."""
    reached = max((lane.cursor for lane in rows), default=0)
    missing: dict[int, int] = {}
    for start in range(0, len(found), CHUNK):
        numbers = [row.number for row in found[start : start + CHUNK]]
        counts: Any = Straggler.select(Straggler.number, fn.COUNT(Straggler.lane)).where(Straggler.number.in_(numbers))
        missing.update(dict(counts.group_by(Straggler.number).tuples()))
    return [
        row
        for row in found
        if row.number <= reached and missing.get(row.number, 0) < sum(row.number <= lane.cursor for lane in rows)
    ]
