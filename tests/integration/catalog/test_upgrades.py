"""An instance of every earlier schema is upgraded: rows that were written under each of them are read by this version."""

from itertools import count
from pathlib import Path
from typing import Any

from peewee import AutoField, BooleanField, Database, Field, FloatField, ForeignKeyField, IntegerField, Table
from playhouse.migrations import Runner

from pod_jobs.catalog import copying, database
from pod_jobs.catalog.models import InstantField, JsonField
from pod_jobs.catalog.revisions import Watched
from tests.integration.catalog.conftest import later

STATES = ("waiting", "running", "done", "error", "cancelled")
NUMBERS = count(1)
# Values that a migration reads; {} is a number that no other row has
KNOWN: dict[tuple[str, str], Any] = {
    ("task", "kind"): "encode",
    ("task", "error_code"): "worker-died-twice",
    ("attempt", "error_code"): "ffmpeg-failed",
    ("attempt", "outcome"): "error",
    ("video", "title"): "Été {}",
    ("outbox", "job_id"): "encode-{}-g1",
}
GONE = {("outbox", "makes_way"): False, ("outbox", "at_front"): False}  # columns of earlier schemas


def write_rows(catalog: Database, last: dict[str, Any]) -> None:
    """A row in each table that there is, with the columns that it has. `last`: table -> the key of the last row there."""
    tables = set(catalog.get_tables())
    for model in copying.TABLES:
        name = model._meta.table_name
        if name not in tables:
            continue
        there = {column.name for column in catalog.get_columns(name)}
        fields = [field for field in model._meta.sorted_fields if not isinstance(field, AutoField)]
        row = {field.column_name: value_of(name, field, last) for field in fields}
        row |= {column: value for (table, column), value in GONE.items() if table == name}
        raw = Table(name)
        raw.insert({getattr(raw.c, column): value for column, value in row.items() if column in there}).execute(catalog)
        (key,) = copying._keys(model)[:1]
        last[name] = raw.select(getattr(raw.c, key)).order_by(getattr(raw.c, key).desc()).limit(1).scalar(catalog)


def value_of(table: str, field: Field, last: dict[str, Any]) -> Any:
    number = next(NUMBERS)
    if (known := KNOWN.get((table, field.column_name))) is not None:
        return known.format(number)
    if (table, field.column_name) == ("task", "state"):
        return STATES[number % len(STATES)]
    if isinstance(field, ForeignKeyField):
        return last[field.rel_model._meta.table_name]
    if isinstance(field, InstantField):
        return field.db_value(later(number))
    return plain_value(field, number)


def plain_value(field: Field, number: int) -> Any:
    if isinstance(field, JsonField):
        return "{}"
    if isinstance(field, BooleanField):
        return True
    if isinstance(field, FloatField):
        return number / 2
    return number if isinstance(field, IntegerField) else f"{number}"[-(getattr(field, "max_length", None) or 99) :]


def new_database(url: str, folder: Path) -> Database:
    """An empty one beside that of `url`, on the same server."""
    if url.startswith("sqlite"):
        return database.build(f"sqlite:///{folder}/earlier.sqlite3")
    here = database.build(url)
    with here.connection_context():
        here.execute_sql("DROP DATABASE IF EXISTS earlier")
        here.execute_sql("CREATE DATABASE earlier" + ("" if url.startswith("postgresql") else " CHARACTER SET utf8mb4"))
    return database.build(url.replace(":///catalog", ":///earlier"))


def test_rows_of_every_earlier_schema_are_there_after_the_upgrade(database_url: str, tmp_path: Path) -> None:
    catalog = new_database(database_url, tmp_path)
    runner = Runner(catalog, directory=str(database.MIGRATIONS))
    written: dict[str, int] = {}
    last: dict[str, Any] = {}
    assert isinstance(catalog, Watched)
    with catalog.connection_context(), catalog.unwatched():
        for migration in runner.migrations()[:-1]:
            runner.up(migration.name)
            write_rows(catalog, last)
            for name in last:
                written[name] = written.get(name, 0) + 1
    assert database.migrate(catalog) == [runner.migrations()[-1].name]
    assert copying.faults(catalog) == []
    with catalog.connection_context():
        kept = {name: Table(name).select().count(catalog) for name in written}
    assert {name: count for name, count in kept.items() if count < written[name]} == {}
    assert written["video"] == len(runner.migrations()) - 1 and len(written) > 30
