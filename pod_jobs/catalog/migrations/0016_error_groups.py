"""Groups of failures, what each failed task and attempt belongs to, the versions that an attempt ran with, and whose task the
team was asked to look at. A frozen copy, as in 0002_statements.py, but for the fingerprint: groups of old failures must be
those of new ones."""

from collections.abc import Iterator
from typing import Any

from peewee import BigIntegerField, CharField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator, migrate

from pod_jobs.catalog.fingerprints import fingerprint, general_form

SLICE = 1000
# the failed tasks with their latest attempts, and the attempts that failed and are those of tasks that ran again
FAILED_TASKS = """SELECT task.id, task.kind, task.error_code, task.error_reason, task.ended_at,
    (SELECT MAX(attempt.id) FROM attempt WHERE attempt.task_id = task.id)
    FROM task WHERE task.state = 'error' AND task.id > {after} ORDER BY task.id LIMIT {limit}"""
FAILED_ATTEMPTS = """SELECT attempt.id, task.kind, attempt.error_code, attempt.reason, attempt.ended_at, attempt.id
    FROM attempt JOIN task ON task.id = attempt.task_id
    WHERE attempt.outcome = 'error' AND attempt.id > {after} ORDER BY attempt.id LIMIT {limit}"""


def _error_group(db: Database) -> type[Model]:
    class ErrorGroup(Model):
        fingerprint = CharField(16, primary_key=True)
        kind = CharField(20)
        code = CharField(40)
        form = TextField(default="")
        first_at = BigIntegerField()
        known_by = CharField(100, null=True)
        known_at = BigIntegerField(null=True)
        note = TextField(default="")

        class Meta:
            database = db
            legacy_table_names = False

    return ErrorGroup


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.create_tables([_error_group(db)])
    migrate(
        migrator.add_column("task", "error_group", CharField(16, null=True)),
        migrator.add_column("task", "help_asked_at", BigIntegerField(null=True)),
        migrator.add_column("attempt", "error_group", CharField(16, null=True)),
        migrator.add_column("attempt", "version", CharField(40, default="")),
        migrator.add_column("attempt", "ffmpeg", CharField(40, default="")),
        migrator.add_index("task", ("state", "error_group", "ended_at")),
        migrator.add_index("task", ("help_asked_at",)),
        migrator.add_index("attempt", ("error_group", "ended_at")),
    )
    fill(db)


def fill(db: Database) -> None:
    """Note the groups of the failures that are there already."""
    groups: dict[str, dict[str, Any]] = {}
    for rows in _slices(db, FAILED_ATTEMPTS):
        _enter(db, rows, groups, "attempt")
    for rows in _slices(db, FAILED_TASKS):
        _enter(db, rows, groups, "task")
    model = _error_group(db)
    for group in groups.values():
        model.create(**group)


def _slices(db: Database, query: str) -> Iterator[list[tuple[Any, ...]]]:
    after = 0
    while rows := list(db.execute_sql(query.format(after=after, limit=SLICE)).fetchall()):
        yield rows
        after = rows[-1][0]


def _enter(db: Database, rows: list[tuple[Any, ...]], groups: dict[str, dict[str, Any]], table: str) -> None:
    """Note the group of each row: (id in the table, kind, code, reason, ended at, id of the attempt)."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for number, kind, code, reason, ended_at, attempt in rows:
        mark = fingerprint(kind, code, reason)
        group = groups.setdefault(
            mark,
            {
                "fingerprint": mark,
                "kind": kind,
                "code": code or "",
                "form": general_form(reason),
                "first_at": ended_at or 0,
            },
        )
        group["first_at"] = min(group["first_at"], ended_at or 0)
        own, attempts = found.setdefault(mark, ([], []))
        own.append(number)
        if attempt is not None:
            attempts.append(attempt)
    for mark, (own, attempts) in found.items():
        for name, ids in {table: own, "attempt": attempts}.items():
            if ids:  # the mark is hexadecimal, and the ids are whole numbers
                listed = ", ".join(str(int(one)) for one in ids)
                db.execute_sql(f"UPDATE {name} SET error_group = '{mark}' WHERE id IN ({listed})")  # noqa: S608
