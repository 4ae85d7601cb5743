"""Revisions of the catalog: a reader who remembers a revision learns by one short query whether anything has changed since.

A revision is a random number that is replaced in the transaction of each change, so that a reader never sees a new row beside
an old revision. No function of the store has to think of it: `Watched` sees every query that a database executes. A number is
random, and does not count, because a database that was restored from a backup must not come to a number again that somebody
remembers.

The row `catalog` is replaced by each change, the row `owner-7` by those to the videos of that user, and to what depends on
them. The row `owners` stands for all owners, where it could not be told whose videos changed.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from peewee import (
    OP,
    BigIntegerField,
    CharField,
    Database,
    Delete,
    Expression,
    ForeignKeyField,
    Insert,
    Model,
    MySQLDatabase,
    SqliteDatabase,
    _WriteQuery,
)

from pod_jobs.catalog import caption_models, models, site_models, team_models, trace_models
from pod_jobs.catalog.id_lists import IdList, among
from pod_jobs.catalog.models import Table, Video

CATALOG, OWNERS = "catalog", "owners"
RESOLVED = 500  # rows whose owners are looked up; when more change at once, they count as those of all owners

# Tables that no page which is asked again and again shows, and that change when nothing else does
UNWATCHED: tuple[type[Model], ...] = (
    models.SignInLink,
    models.Session,
    models.ApiToken,
    models.Leadership,
    models.InstanceFact,
    models.Upload,
    models.Audit,
    caption_models.CaptionDraft,
    caption_models.CaptionText,
    caption_models.CaptionTerm,
    caption_models.CaptionPassage,
    caption_models.CaptionRespelling,
    caption_models.CaptionCorrection,
    team_models.SavedFilter,
    team_models.OrderSlice,
    team_models.TeamVisit,
    *trace_models.TABLES,
)


class Revision(Table):
    """The present revision of a subject. It is neither copied nor compared with that of another database."""

    subject = CharField(40, primary_key=True)
    number = BigIntegerField()


# All but those of learning traces
TABLES: tuple[Any, ...] = (
    *models.TABLES,
    models.InstanceFact,
    *caption_models.TABLES,
    *site_models.TABLES,
    *team_models.TABLES,
)


@dataclass
class Changes:
    """What a transaction has changed so far. `rows`: model -> keys of rows whose owners are looked up before the commit."""

    owners: set[int] = field(default_factory=set)
    rows: dict[Any, set[Any]] = field(default_factory=dict)
    of_all: bool = False


def owner(user_id: int) -> tuple[str, ...]:
    """The subjects of what a person sees who sees only his own videos."""
    return f"owner-{user_id}", OWNERS


def read(subjects: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """The present revisions of these subjects; equal to those of an earlier moment if nothing has changed since."""
    wanted, database = list(subjects), models.database.obj
    return tuple(sorted(database.execute_sql(_sql_of_read(database, len(wanted)), wanted)))


@lru_cache(maxsize=20)
def _sql_of_read(database: Database, count: int) -> str:
    """The query for so many subjects. It is made once, because to make it takes longer than to run it, and each poll begins with
    it."""
    query: Any = Revision.select(Revision.subject, Revision.number).where(Revision.subject.in_([""] * count))
    return str(query.sql()[0])


class Watched(Database):
    """Makes changes to watched tables replace revisions in the same transaction. To be inherited together with one of peewee's
    database classes."""

    migrating = False
    _state: Any  # of this thread's connection; peewee's stubs lack it

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """For migrations: before them there may be no table of revisions, and nobody may read what is in between."""
        self.migrating = True
        try:
            yield
        finally:
            self.migrating = False

    def execute(self, query: Any, **options: Any) -> Any:
        if self.migrating or not isinstance(query, _WriteQuery) or _name(query.table) in _UNWATCHED_NAMES:
            return super().execute(query, **options)
        with self._in_transaction():
            changes = Changes()
            _look_before(query, changes, super().execute)
            cursor = super().execute(query, **options)
            if cursor.rowcount != 0:
                self._note(changes)
        return cursor

    def commit(self) -> None:
        if (changes := self._changes()) is not None:
            self._state.changes = None
            self._replace(changes)
        super().commit()

    def rollback(self) -> None:
        self._state.changes = None
        super().rollback()

    @contextmanager
    def _in_transaction(self) -> Iterator[None]:
        if self.in_transaction():
            yield
        else:
            with self.atomic("IMMEDIATE") if isinstance(self, SqliteDatabase) else self.atomic():
                yield

    def _changes(self) -> Changes | None:
        """Those of this thread's transaction."""
        return getattr(self._state, "changes", None)

    def _note(self, changes: Changes) -> None:
        noted = self._changes() or Changes()
        noted.owners |= changes.owners
        noted.of_all |= changes.of_all
        for model, keys in changes.rows.items():
            noted.rows.setdefault(model, set()).update(keys)
        self._state.changes = noted

    def _replace(self, changes: Changes) -> None:
        """Last in the transaction, so that others wait for these rows only as long as a commit takes, and in one order, so that
        no two wait for each other."""
        for model, keys in changes.rows.items():
            if len(keys) > RESOLVED:
                changes.of_all = True
            else:
                changes.owners |= _owners(model, _has_key(model, keys), super().execute)
        owner_subjects = {f"owner-{number}" for number in changes.owners} if not changes.of_all else {OWNERS}
        number = secrets.randbits(63)
        rows = [{"subject": subject, "number": number} for subject in sorted({CATALOG, *owner_subjects})]
        target = {} if isinstance(self, MySQLDatabase) else {"conflict_target": [Revision.subject]}
        super().execute(Revision.insert_many(rows).on_conflict(preserve=[Revision.number], **target))


def _look_before(query: Any, changes: Changes, execute: Any) -> None:
    """Whose videos the query will change: rows that it names by their keys, owners of all others that it will find."""
    model = _MODELS.get(_name(query.table))
    if model is None:
        changes.of_all = True
        return
    if model not in _WAYS:
        return
    if isinstance(query, Insert):
        _look_at_values(model, query._insert, changes)  # type: ignore[attr-defined]  # the stubs lack it
        return
    changed = getattr(query, "_update", {})
    moves = _owner_field(model) in changed  # also a save(), which repeats all values
    if moves:
        _look_at_values(model, changed, changes)
    keys = _keys(model, query._where)
    if keys is not None and not moves and not isinstance(query, Delete):
        changes.rows.setdefault(model, set()).update(keys)
    elif query._where is not None:
        changes.owners |= _owners(model, query._where, execute)
    else:
        changes.of_all = True


def _look_at_values(model: Any, values: Any, changes: Changes) -> None:
    """The owners, or rows that have one, that new values of a row refer to."""
    refers = _owner_field(model)
    for row in [values] if isinstance(values, Mapping) else values if isinstance(values, list) else [{}]:
        value = row.get(refers, row.get(refers.name)) if isinstance(row, Mapping) else None
        if value is None and refers.null and isinstance(row, Mapping):
            continue  # a task of no video
        key = value.get_id() if isinstance(value, Model) else value
        if not isinstance(key, int | str):
            changes.of_all = True
        elif model is Video:
            changes.owners.add(int(key))
        else:
            changes.rows.setdefault(refers.rel_model, set()).add(key)


def _keys(model: Any, where: Any) -> set[Any] | None:
    """The keys of the rows that a condition chooses, if it says nothing but `key = …`, as the one of save() does, or `among`."""
    if not isinstance(where, Expression) or where.lhs is not model._meta.primary_key:
        return None
    if where.op == "=" and isinstance(where.rhs, int | str):
        return {where.rhs}
    return set(where.rhs.ids) if where.op == OP.IN and isinstance(where.rhs, IdList) else None


def _has_key(model: Any, keys: set[Any]) -> Any:
    key = model._meta.primary_key
    return among(key, keys) if all(isinstance(value, int) for value in keys) else key.in_(list(keys))


def _owners(model: Any, where: Any, execute: Any) -> set[int]:
    """The owners of the videos that these rows belong to."""
    query: Any = model.select(Video.owner).where(where).distinct()
    for step in _WAYS[model]:
        query = query.join(step.rel_model, on=(step == step.rel_field))
    return {int(row[0]) for row in execute(query).fetchall()}


def _owner_field(model: Any) -> Any:
    """The field by which a row has its owner: that of a video, or the reference to what belongs to a video."""
    way = _WAYS[model]
    return way[0] if way else Video.owner


def _way(model: Any) -> tuple[ForeignKeyField, ...] | None:
    """The references that lead from a row to its video; () for a video, None for what belongs to no video."""
    if model is Video:
        return ()
    for reference in model._meta.refs:
        if reference.rel_model is not models.User and (rest := _way(reference.rel_model)) is not None:
            return (reference, *rest)
    return None


def _name(table: Any) -> str:
    """The name of a table that a query is about, as a model or as peewee's plain Table."""
    meta = getattr(table, "_meta", None)
    return str(meta.table_name if meta is not None else table.__name__)


_MODELS = {_name(model): model for model in TABLES}
_WAYS = {model: way for model in TABLES if (way := _way(model)) is not None}
_UNWATCHED_NAMES = {_name(model) for model in (*UNWATCHED, Revision)}
