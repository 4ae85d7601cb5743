"""Titles as they are searched, whatever accents and case; requests for help are found among the failed tasks."""

from peewee import CharField, Database
from playhouse.migrate import SchemaMigrator, migrate

from pod_jobs.captions.folding import fold

AT_ONCE = 1000


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("video", "title_folded", CharField(250, default="")))
    last = 0
    while rows := db.execute_sql(
        f"SELECT id, title FROM video WHERE id > {last} ORDER BY id LIMIT {AT_ONCE}"  # noqa: S608  # our numbers
    ).fetchall():
        for number, title in rows:
            words = (fold(title)[:250], number)
            db.execute_sql(f"UPDATE video SET title_folded = {db.param} WHERE id = {db.param}", words)  # noqa: S608
        last = rows[-1][0]
    migrate(
        migrator.add_index("video", ("title_folded",)),
        migrator.add_index("task", ("state", "help_asked_at")),
        migrator.drop_index("task", "task_help_asked_at"),
    )
