"""Indexes for the team's pages: what ended when, and since when an error is known."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_index("task", ("state", "ended_at")),
        migrator.add_index("task", ("error_code", "ended_at")),
    )
