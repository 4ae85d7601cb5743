"""Accepted statements: adds them under rising numbers, counts them by label, finds and purges them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import EXCLUDED, MySQLDatabase, fn

from pod_jobs.catalog.database import locked_row, transaction
from pod_jobs.catalog.models import User, database
from pod_jobs.catalog.store import lanes
from pod_jobs.catalog.trace_models import Lane, Statement, StatementCounter, Straggler, TraceCount, TraceOptOut

INSERT_ROWS = 50  # SQLite accepts 32,766 values in one command, older versions 999
VERB_CHARACTERS = 250
CONFORM = "conform"  # counts statements without a label
PURGE_ROWS = 2_000  # in one transaction


@dataclass(frozen=True)
class NewStatement:
    """A pod_jobs.xapi.statement.Frozen in the form of the tables."""

    id: str
    body: str
    verb: str
    registration: str | None
    labels: tuple[str, ...]
    suspect: bool
    of_profile: bool
    video: int | None = None


def add(new: Sequence[NewStatement], lane_names: Sequence[str], now: datetime) -> dict[str, str]:
    """Add the statements whose ids are unknown, all or none. Returns id -> stored body for ids that were in use already.

    `new` must not have an id twice. Numbers follow the order of the commits, because the counter's row is locked until the
    commit. Lanes that have no row yet begin with these statements.
    """
    with transaction():
        last = _lock_counter()
        lanes.ensure(lane_names, last, now)
        bodies = _bodies([statement.id for statement in new])
        fresh = [statement for statement in new if statement.id not in bodies]
        if not fresh:
            return bodies
        rows = [_row(statement, number, now) for number, statement in enumerate(fresh, last + 1)]
        for start in range(0, len(rows), INSERT_ROWS):
            _insert(rows[start : start + INSERT_ROWS])
        StatementCounter.update(number=last + len(fresh)).execute()
        _count(fresh, now)
    return bodies


def of_registration(registration: str, limit: int = 1000) -> list[Statement]:
    """Oldest first."""
    query = Statement.select().where(Statement.registration == registration)
    return list(query.order_by(Statement.number).limit(limit))


def with_verb(verb: str, since: datetime, until: datetime, after: int, limit: int) -> list[Statement]:
    """Statements of this verb that came between the two instants and have a number above `after`; the lowest first."""
    within = (Statement.received_at >= since) & (Statement.received_at < until)
    query = Statement.select().where(within, Statement.verb == verb)
    return list(query.where(Statement.number > after).order_by(Statement.number).limit(limit))


def unknown(ids: Sequence[str]) -> set[str]:
    """Those of `ids` under which nothing is stored."""
    return set(ids) - set(_bodies(ids)) if ids else set()


def latest_registrations(video: int | None, limit: int = 20) -> list[tuple[str, int, int, datetime]]:
    """The latest registrations (of a video): registration, video, number of statements, arrival of the last one."""
    where = [Statement.registration.is_null(False), Statement.video.is_null(False)]
    if video is not None:
        where.append(Statement.video == video)
    newest = fn.MAX(Statement.number)
    query = (
        Statement.select(
            Statement.registration,
            fn.MAX(Statement.video).alias("of_video"),
            fn.COUNT(Statement.number).alias("statements"),
            fn.MAX(Statement.received_at).alias("last_at"),
        )
        .where(*where)
        .group_by(Statement.registration)
        .order_by(newest.desc())
        .limit(limit)
    )
    rows: list[Any] = list(query)
    return [(row.registration, row.of_video, row.statements, row.last_at) for row in rows]


def label_counts(first_day: str) -> list[TraceCount]:
    """Sums from `first_day` (2026-03-01) on, one row per verb and label."""
    total = fn.SUM(TraceCount.statements).alias("statements")
    query = TraceCount.select(TraceCount.verb, TraceCount.label, total).where(TraceCount.day >= first_day)
    return list(query.group_by(TraceCount.verb, TraceCount.label).order_by(TraceCount.verb, TraceCount.label))


def purge(limit: datetime, lane_names: Sequence[str]) -> int:
    """Delete statements that are older than `limit` and decided on all lanes of `lane_names`. Returns how many; call until it
    returns 0."""
    if not lane_names:
        decided = lanes.last_number()
    else:
        decided = Lane.select(fn.MIN(Lane.cursor)).where(Lane.name.in_(list(lane_names))).scalar() or 0
    stragglers = Straggler.select(Straggler.number)
    old = Statement.select(Statement.number).where(
        Statement.number <= decided, Statement.received_at < limit, Statement.number.not_in(stragglers)
    )
    numbers = [row.number for row in old.order_by(Statement.number).limit(PURGE_ROWS)]
    for start in range(0, len(numbers), 500):
        Statement.delete().where(Statement.number.in_(numbers[start : start + 500])).execute()
    return len(numbers)


def opt_out(user: User, out: bool, now: datetime) -> None:
    """Stop keeping traces of a person (`out`), or keep them again."""
    if out:
        TraceOptOut.insert(user=user, at=now).on_conflict_ignore().execute()
    else:
        TraceOptOut.delete().where(TraceOptOut.user == user).execute()


def has_opted_out(user_id: int) -> bool:
    """Has this person opted out of traces?"""
    return TraceOptOut.select().where(TraceOptOut.user == user_id).exists()


def opted_out() -> list[User]:
    """The people who have opted out of traces."""
    return list(User.select().join(TraceOptOut))


def _lock_counter() -> int:
    """The latest number. Nobody else can raise it until the transaction ends."""
    return int(locked_row(StatementCounter, {"id": 1}, {"number": 0}).number)


def _bodies(ids: Sequence[str]) -> dict[str, str]:
    """Id -> body, for those of `ids` that are stored."""
    backend = database.obj
    marks = ", ".join([backend.param] * len(ids))
    return dict(backend.execute_sql(f"SELECT id, body FROM statement WHERE id IN ({marks})", list(ids)))  # noqa: S608


def _insert(rows: Sequence[dict[str, object]]) -> None:
    """Insert the rows in a third of the time of Statement.insert_many, which builds a tree for each value."""
    backend = database.obj
    fields = [Statement._meta.fields[name] for name in rows[0]]
    names = ", ".join(field.column_name for field in fields)
    place = f"({', '.join([backend.param] * len(fields))})"
    values = [field.db_value(row[field.name]) for row in rows for field in fields]
    backend.execute_sql(f"INSERT INTO statement ({names}) VALUES {', '.join([place] * len(rows))}", values)  # noqa: S608


def _row(statement: NewStatement, number: int, now: datetime) -> dict[str, object]:
    return {
        "number": number,
        "id": statement.id,
        "body": statement.body,
        "verb": statement.verb[:VERB_CHARACTERS],
        "registration": statement.registration,
        "labels": list(statement.labels),
        "suspect": statement.suspect,
        "of_profile": statement.of_profile,
        "video": statement.video,
        "received_at": now,
    }


def _count(fresh: Sequence[NewStatement], now: datetime) -> None:
    """Add to the sums of the day. The counter is locked, so nobody else changes these rows."""
    sums = Counter(
        (statement.verb[:VERB_CHARACTERS], label)
        for statement in fresh
        for label in ("", *(statement.labels or (CONFORM,)))
    )
    day = now.strftime("%Y-%m-%d")
    rows = [{"day": day, "verb": verb, "label": label, "statements": n} for (verb, label), n in sorted(sums.items())]
    query = TraceCount.insert_many(rows)
    if isinstance(database.obj, MySQLDatabase):
        more = {TraceCount.statements: TraceCount.statements + fn.VALUES(TraceCount.statements)}
        query.on_conflict(update=more).execute()
    else:
        more = {TraceCount.statements: TraceCount.statements + EXCLUDED.statements}
        keys = (TraceCount.day, TraceCount.verb, TraceCount.label)
        query.on_conflict(conflict_target=keys, update=more).execute()
