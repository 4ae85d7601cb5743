"""An index for the team's overview: which tasks have waited longest."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_index("task", ("state", "queued_at")))
