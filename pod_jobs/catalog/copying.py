"""Copies a catalog from one database to another of any kind, compares the two row by row, and looks for broken rows.

Rows go over as the source stores them (instants as integers, JSON as text), a page of rows at a time, so that memory stays
flat however many there are. Search indexes that a database keeps by itself, with triggers, are not copied: it makes them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import (  # type: ignore[attr-defined]  # the stubs lack sort_models
    AutoField,
    BooleanField,
    Database,
    Expression,
    FloatField,
    IntegrityError,
    Model,
    PostgresqlDatabase,
    SqliteDatabase,
    fn,
    sort_models,
)
from peewee import Table as RawTable

from pod_jobs.catalog import models, revisions, trace_models
from pod_jobs.catalog.database import (
    build,
    faults_translated,
    migrate,
    newer_migrations,
    newer_words,
    pending,
    renew_statistics,
)
from pod_jobs.errors import Refused, SettingsError

PAGE = 500  # rows that are read, written or compared at once
NEARLY = 1e-5  # how far two floats may be apart, as a share: PostgreSQL and MariaDB keep 4 bytes of them, SQLite 8
MOST_DIFFERENCES = 20

# Those that others refer to come first
TABLES: tuple[type[Model], ...] = tuple(sort_models([*revisions.TABLES, *trace_models.TABLES]))

Row = tuple[Any, ...]
Progress = Callable[[str, int], None]  # name of a table, and how many of its rows are done


def copy(source: Database, target: Database, progress: Progress = lambda table, rows: None) -> dict[str, int]:
    """Copy every row of `source` to `target`, which is migrated first, in one transaction. Returns table -> rows.

    The source may be in use: its state at one moment is copied. Errors: Refused when the target holds data already, or the
    source lacks migrations; SettingsError, ServiceUnavailable as of `migrate`.
    """
    migrate(target)
    with faults_translated(), source.connection_context(), target.connection_context(), snapshot(source):
        _demand_same_version(source)
        if models.User.select().count(target) or models.Video.select().count(target):
            raise Refused("the database to copy to is not empty; give one without users and videos")
        counts = {}
        with target.atomic():
            for model in reversed(TABLES):
                _raw(model).delete().execute(target)  # the rows with which migrations begin
            for model in TABLES:
                try:
                    counts[_name(model)] = _copy_table(model, source, target, progress)
                except IntegrityError as error:  # MariaDB takes "Lea" and "léa" for one name
                    raise Refused(f"{_name(model)}: the other database takes two rows for one ({error})") from error
        renew_statistics(target)
    return counts


def copy_to_file(source: Database, path: Path, progress: Progress = lambda table, rows: None) -> dict[str, int]:
    """Copy every row to a new SQLite file, which others cannot read and which needs no second file beside it. Returns and
    errors: as of `copy`; FileExistsError."""
    path.touch(mode=0o600, exist_ok=False)
    target = build(f"sqlite:///{path}")
    counts = copy(source, target, progress)
    with target.connection_context():
        target.execute_sql("PRAGMA journal_mode = delete")  # writes what is in the log into the file
    return counts


def differences(source: Database, target: Database, progress: Progress = lambda table, rows: None) -> list[str]:
    """Compare every row; each difference is told in a line without its values, which may be secret. At most 20 lines.

    Errors: as of `copy`.
    """
    lines: list[str] = []
    with (
        faults_translated(),
        source.connection_context(),
        target.connection_context(),
        snapshot(source),
        snapshot(target),
    ):
        for database in (source, target):
            _demand_same_version(database)
        for model in TABLES:
            done = 0
            for page in _pages(model, source):
                lines += _differences_of_page(model, page, _by_key(model, target, page))
                done += len(page)
                progress(_name(model), done)
                if len(lines) >= MOST_DIFFERENCES:
                    return lines[:MOST_DIFFERENCES]
            if (rows_there := model.select().count(target)) != done:
                lines.append(f"{_name(model)}: {done} rows here and {rows_there} there")
    return lines


def faults(database: Database) -> list[str]:
    """What is wrong with the database of a catalog, a line each: its version, its file, rows that cannot be read.

    Errors: SettingsError when the database refuses us; ServiceUnavailable.
    """
    with faults_translated(), database.connection_context(), snapshot(database):
        if newer := newer_migrations(database):
            return [newer_words(newer)]
        if missing := pending(database):
            return [f"migrations are missing: {', '.join(missing)}; the next start applies them"]
        lines = []
        if isinstance(database, SqliteDatabase):
            answer = database.execute_sql(f"PRAGMA integrity_check({MOST_DIFFERENCES})").fetchall()
            lines += [str(line) for (line,) in answer if line != "ok"]
            orphans = database.execute_sql("PRAGMA foreign_key_check").fetchall()
            lines += [f"{table}: row {row} refers to a {other} that is not there" for table, row, other, _ in orphans]
        for model in TABLES:
            lines += _unreadable(model, database)
        return lines[:MOST_DIFFERENCES]


@contextmanager
def snapshot(database: Database) -> Iterator[None]:
    """Within the block `database` shows its state of one moment, whatever others write meanwhile. Needs an open connection."""
    if isinstance(database, SqliteDatabase):
        begin = ["BEGIN"]
    elif isinstance(database, PostgresqlDatabase):
        begin = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
    else:
        begin = [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ]
    for statement in begin:
        database.execute_sql(statement)
    try:
        yield
    finally:
        database.execute_sql("ROLLBACK")


def _demand_same_version(database: Database) -> None:
    if newer := newer_migrations(database):
        raise SettingsError(newer_words(newer))
    if missing := pending(database):
        raise Refused(f"the database lacks migrations ({', '.join(missing)}): start this version once with it")


def _copy_table(model: type[Model], source: Database, target: Database, progress: Progress) -> int:
    table, done = _raw(model), 0
    for page in _pages(model, source):
        table.insert(page, columns=[getattr(table.c, name) for name in _columns(model)]).execute(target)
        done += len(page)
        progress(_name(model), done)
    if done and isinstance(target, PostgresqlDatabase) and isinstance(model._meta.primary_key, AutoField):
        name, (key,) = _name(model), _keys(model)
        highest = table.select(fn.MAX(getattr(table.c, key))).scalar(target)
        target.execute_sql("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", (name, key, highest))
    return done


def _name(model: type[Model]) -> str:
    return str(model._meta.table_name)


def _columns(model: type[Model]) -> list[str]:
    return [field.column_name for field in model._meta.sorted_fields]


def _keys(model: type[Model]) -> list[str]:
    """The columns of the primary key."""
    key = model._meta.primary_key
    fields = [model._meta.fields[name] for name in getattr(key, "field_names", ())] or [key]
    return [field.column_name for field in fields]


def _raw(model: type[Model]) -> RawTable:
    """The table without the fields' conversions."""
    return RawTable(_name(model))


def _pages(model: type[Model], database: Database) -> Iterator[list[Row]]:
    """All rows in the order of the primary key; each page begins behind the last row of the one before."""
    table, keys = _raw(model), _keys(model)
    order = [getattr(table.c, name) for name in keys]
    places = [_columns(model).index(name) for name in keys]
    query = table.select(*(getattr(table.c, name) for name in _columns(model))).order_by(*order).limit(PAGE)
    page = _rows(model, query.execute(database))
    while page:
        yield page
        last = [page[-1][place] for place in places]
        page = _rows(model, query.where(_behind(order, last)).execute(database))


def _behind(order: Sequence[Any], last: Sequence[Any]) -> Expression:
    """Is a row behind the one with the key `last`? For two columns: a >= x and (a > x or b > y), which can use the index."""
    first = order[0] > last[0]
    return first if len(order) == 1 else (order[0] >= last[0]) & (first | _behind(order[1:], last[1:]))


def _rows(model: type[Model], rows: Any) -> list[Row]:
    """Rows as tuples; booleans as bool, which SQLite and MariaDB store as numbers and PostgreSQL takes for nothing else."""
    fields = model._meta.sorted_fields
    booleans = {field.column_name for field in fields if isinstance(field, BooleanField)}
    return [
        tuple(bool(row[name]) if name in booleans and row[name] is not None else row[name] for name in _columns(model))
        for row in rows
    ]


def _by_key(model: type[Model], database: Database, page: Sequence[Row]) -> dict[Row, Row]:
    """The rows of `database` that have the keys of `page`'s rows, by key. They are asked for one by one and not as a range,
    because each database sorts texts in its own way."""
    columns, keys = _columns(model), _keys(model)
    places = [columns.index(name) for name in keys]
    placeholders = f"({', '.join([database.param] * len(keys))})"
    values = "VALUES " if isinstance(database, SqliteDatabase) else ""  # SQLite has row values only like this
    query = (
        f"SELECT {_quoted(database, columns)} FROM {_quoted(database, [_name(model)])} "  # noqa: S608  # our own names
        f"WHERE ({_quoted(database, keys)}) IN ({values}{', '.join([placeholders] * len(page))})"
    )
    fetched = database.execute_sql(query, [value for row in page for value in _key(row, places)]).fetchall()
    rows = _rows(model, (dict(zip(columns, row, strict=True)) for row in fetched))
    return {_key(row, places): row for row in rows}


def _quoted(database: Database, names: Sequence[str]) -> str:
    return ", ".join(f"{database.quote[0]}{name}{database.quote[1]}" for name in names)


def _key(row: Row, places: Sequence[int]) -> Row:
    return tuple(row[place] for place in places)


def _differences_of_page(model: type[Model], page: Sequence[Row], others: dict[Row, Row]) -> Iterator[str]:
    places = [_columns(model).index(name) for name in _keys(model)]
    floats = {field.column_name for field in model._meta.sorted_fields if isinstance(field, FloatField)}
    for row in page:
        key = _key(row, places)
        label = f"{_name(model)} {', '.join(map(str, key))}"
        other = others.get(key)
        if other is None:
            yield f"{label}: is missing there"
            continue
        pairs = zip(_columns(model), row, other, strict=True)
        columns = [name for name, mine, theirs in pairs if not _same(mine, theirs, name in floats)]
        if columns:
            yield f"{label}: differs in {', '.join(columns)}"


def _same(value: Any, other: Any, is_float: bool) -> bool:
    if is_float and value is not None and other is not None:
        return math.isclose(value, other, rel_tol=NEARLY, abs_tol=NEARLY)
    return bool(value == other)


def _unreadable(model: type[Model], database: Database) -> Iterator[str]:
    places = [_columns(model).index(name) for name in _keys(model)]
    for page in _pages(model, database):
        for row in page:
            for field, value in zip(model._meta.sorted_fields, row, strict=True):
                try:
                    field.python_value(value)
                except (ValueError, TypeError, OverflowError) as error:
                    yield f"{_name(model)} {', '.join(map(str, _key(row, places)))}: {field.column_name}: {error}"
