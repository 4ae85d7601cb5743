"""The waiting tasks in the order in which they will begin (catalog/waiting_order.py says which).

However many wait, only the first of each party are read, by seeks in the index of the outbox.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from peewee import MySQLDatabase, fn

from pod_jobs.catalog import models
from pod_jobs.catalog.database import locked_row, transaction
from pod_jobs.catalog.models import Outbox, PartyTurn, Task
from pod_jobs.catalog.new_task import Purpose
from pod_jobs.catalog.waiting_order import Begun, Waiting, in_order, standing_of

ANY_KIND = ""  # of the row that stands for a party while its room is counted
SAME = "o.kind = {p} AND o.standing = {p} AND o.is_short = {p}"
ALONG = "ORDER BY o.kind, o.standing, o.is_short, o.party, o.id LIMIT 1"  # the index; no database finds a MIN() by it
# Each step of a recursion is one seek in the index. A GROUP BY would read every waiting task, except in MariaDB: it cannot seek
# for what comes after a value of another row, but skips along an index whose first columns are grouped and lie in a range.
PARTIES = f"""
    SELECT (SELECT o.party FROM outbox o WHERE {SAME} {ALONG})
    UNION ALL
    SELECT (SELECT o.party FROM outbox o WHERE {SAME} AND o.party > parties.party {ALONG})
    FROM parties WHERE parties.party IS NOT NULL"""  # noqa: S608
PARTIES_IN_MARIADB = """
    SELECT o.party FROM outbox o WHERE o.kind BETWEEN {p} AND {p} AND o.standing = {p} AND o.is_short = {p}
    GROUP BY o.kind, o.standing, o.is_short, o.party"""
FIRST_OF_EACH = f"""
    WITH RECURSIVE parties (party) AS (%s), firsts (party, id, nth) AS (
        SELECT parties.party, (SELECT o.id FROM outbox o WHERE {SAME} AND o.party = parties.party {ALONG}), 1
        FROM parties WHERE parties.party IS NOT NULL
        UNION ALL
        SELECT firsts.party,
            (SELECT o.id FROM outbox o WHERE {SAME} AND o.party = firsts.party AND o.id > firsts.id {ALONG}), nth + 1
        FROM firsts WHERE firsts.id IS NOT NULL AND nth < {{p}}
    )
    SELECT party, id FROM firsts WHERE id IS NOT NULL"""  # noqa: S608


@dataclass(frozen=True)
class Turn:
    """A task that will begin. `row`: its row in the outbox; None when RQ has its job already."""

    task: int
    row: Outbox | None


@dataclass(frozen=True)
class Limits:
    """Of the settings: waiting.short_passes, and how many tasks of a party may run at once, where that is limited."""

    most_shorts: int = 0
    running: Mapping[str, int] = field(default_factory=dict)


def upcoming(kinds: Collection[str], limit: int, limits: Limits, handed: Sequence[int] = ()) -> list[Turn]:
    """The tasks of these kinds that begin next, at most `limit`, in their order. `handed`: the ids of those whose jobs wait in
    RQ, in its order; they count as older than all others. A party that has no room gets no turn."""
    most_shorts, room = limits.most_shorts, _room(limits.running)
    of_rq, each = _handed(handed), 2
    begun = Begun(_last_turns(kinds), _shorts_in_a_row(kinds, most_shorts), most_shorts)
    while True:
        groups = _groups(kinds, limit, each, room)
        waiting = [*of_rq, *(task for group in groups for task in group)]
        more = {_after(group[-1]) for group in groups if len(group) == each}  # stand for those that were not read
        chosen = list(islice(_with_room(in_order([*waiting, *more], begun), room, of_rq), limit))
        if more.isdisjoint(chosen):
            break
        each = max(4 * each, 2 * limit // len(groups))
    numbers = [task.number for task in chosen if task not in of_rq]
    rows = {row.id: row for row in Outbox.select().where(Outbox.id.in_(numbers))} if numbers else {}
    turns = []
    for task in chosen:
        if task in of_rq:
            turns.append(Turn(of_rq[task], None))
        elif row := rows.get(int(task.number)):  # otherwise it has left the outbox since it was found
            turns.append(Turn(row.task_id, row))
    return turns


def remove_from_outbox(job_id: str) -> None:
    """Delete the row of a job from the outbox: RQ has it."""
    Outbox.delete().where(Outbox.job_id == job_id).execute()


@contextmanager
def with_its_party_locked(row: Outbox, limits: Limits) -> Iterator[bool]:
    """A transaction in which nobody else hands over a task of the same party, whose running tasks are limited. Tells whether
    there is room for this one, which may have left the outbox since it was found."""
    with transaction():
        _lock(row.party)
        waits = Outbox.select().where(Outbox.id == row.id).exists()
        yield waits and _room({row.party: limits.running[row.party]})[row.party] > 0


def has_no_place(task: Task, most: int) -> bool:
    """Do `most` other tasks of its party run? Call inside a transaction: until its end, no other one can be told that it has a
    place."""
    _lock(task.party)
    others = (Task.party == task.party, Task.state == "running", Task.id != task.id)
    return bool(Task.select().where(*others).count() >= most)


def _lock(party: str) -> None:
    locked_row(PartyTurn, {"kind": ANY_KIND, "party": party}, {"began_at": datetime.now(UTC)})


def kinds_waiting() -> list[str]:
    """The kinds of tasks that wait in the catalog alone."""
    return _descending(Outbox.kind, Outbox.select(fn.MAX(Outbox.kind)))


def standing_of_task(task: Task, *, at_front: bool = False) -> int:
    """`standing_of` this task. `at_front`: its worker died, and it has waited before."""
    return standing_of(task.priority, makes_way=task.purpose == Purpose.OFFER, at_front=at_front)


def _handed(ids: Sequence[int]) -> dict[Waiting, int]:
    """What each of these tasks counts as -> its id, in the order of `ids`."""
    rows = {row.id: row for row in Task.select().where(Task.id.in_(list(ids)))} if ids else {}
    id_of = {}
    for place, number in enumerate(ids):
        if task := rows.get(number):
            # a task that runs and whose job waits is back in its queue because its worker died
            standing = standing_of_task(task, at_front=task.state == "running")
            id_of[Waiting(place - len(ids), standing, task.party, task.is_short)] = number
    return id_of


def _room(most: Mapping[str, int]) -> dict[str, int]:
    """Party -> how many more of its tasks may begin. Those that RQ has been handed count as begun, but not one whose next try is
    to come: its source may be away for a day. When it is due and others run in its place, tasks.start lets it wait again."""
    room, now = {}, datetime.now(UTC)
    for party, allowed in most.items():
        has_row = Outbox.select().where(Outbox.task_id == Task.id)
        is_handed = (Task.state == "waiting") & ~fn.EXISTS(has_row)
        begun = (Task.state == "running") | (is_handed & (Task.retry_at.is_null() | (Task.retry_at <= now)))
        room[party] = max(0, allowed - Task.select().where(Task.party == party, begun).count())
    return room


def _with_room(waiting: Iterable[Waiting], room: Mapping[str, int], of_rq: Collection[Waiting]) -> Iterator[Waiting]:
    """Without the tasks that their party has no room for. Those `of_rq` have been counted."""
    left = dict(room)
    for task in waiting:
        if task not in of_rq and task.party in left:
            left[task.party] -= 1
            if left[task.party] < 0:
                continue
        yield task


def _groups(kinds: Collection[str], limit: int, each: int, room: Mapping[str, int]) -> list[list[Waiting]]:
    """At most `each` tasks of each party, kind and length, of the highest standings, until they are `limit` or all; none of a
    party without room."""
    groups: dict[tuple[str, int, bool, str], list[Waiting]] = {}
    standings = {kind: _standings(kind) for kind in kinds}
    for standing in sorted({standing for of_kind in standings.values() for standing in of_kind}, reverse=True):
        for kind in (kind for kind in kinds if standing in standings[kind]):
            for short in (False, True):
                for party, number in _first_of_each((kind, standing, short), each):
                    if room.get(party, 1):
                        waiting = Waiting(number, standing, party, short)
                        groups.setdefault((kind, standing, short, party), []).append(waiting)
        count = Counter[str]()
        for (*_, party), group in groups.items():
            count[party] = min(count[party] + len(group), room.get(party, limit))
        if count.total() >= limit:
            break
    return list(groups.values())


def _first_of_each(same: tuple[str, int, bool], each: int) -> list[tuple[Any, ...]]:
    """(party, number) of the first waiting tasks of each party among those of the same kind, standing and length."""
    if isinstance(models.database.obj, MySQLDatabase):
        return _rows(FIRST_OF_EACH % PARTIES_IN_MARIADB, same[0], *same * 3, each)
    return _rows(FIRST_OF_EACH % PARTIES, *same * 4, each)


def _after(task: Waiting) -> Waiting:
    """What comes next of the same party, standing and length, without a row of its own."""
    return replace(task, number=task.number + 0.5)


def _standings(kind: str) -> list[int]:
    return _descending(Outbox.standing, Outbox.select(fn.MAX(Outbox.standing)).where(Outbox.kind == kind))


def _descending(column: Any, query: Any) -> list[Any]:
    """The different values of a column, the highest first, by one seek for each. `query` asks for the highest."""
    values: list[Any] = []
    while (value := (query.where(column < values[-1]) if values else query).scalar()) is not None:
        values.append(value)
    return values


def _last_turns(kinds: Collection[str]) -> dict[str, datetime]:
    """Party -> when a task of it last began, of these kinds."""
    last: dict[str, datetime] = {}
    for row in PartyTurn.select().where(PartyTurn.kind.in_(list(kinds))):
        last[row.party] = max(last.get(row.party, row.began_at), row.began_at)
    return last


def _shorts_in_a_row(kinds: Collection[str], most: int) -> int:
    """How many of the last tasks of these kinds to begin were short, up to `most` and back to the last one that was not."""
    began: list[tuple[datetime, bool]] = []
    for kind in kinds if most else ():
        query = Task.select(Task.started_at, Task.is_short).where(Task.kind == kind, Task.started_at.is_null(False))
        began += [(row.started_at, row.is_short) for row in query.order_by(Task.started_at.desc()).limit(most)]
    shorts = [is_short for _, is_short in sorted(began, reverse=True)[:most]]
    return shorts.index(False) if False in shorts else len(shorts)


def had_a_turn(task: Task, now: datetime) -> None:
    """A run of the task begins: its party comes after all others now. Call inside a transaction."""
    same = (PartyTurn.kind == task.kind, PartyTurn.party == task.party)
    if not PartyTurn.update(began_at=now).where(*same).execute():
        PartyTurn.insert(kind=task.kind, party=task.party, began_at=now).on_conflict_ignore().execute()


def _rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query in which {p} stands for a value."""
    database = models.database.obj
    return list(database.execute_sql(query.replace("{p}", database.param), values).fetchall())
