"""Until when an LRS may still work on the last request of a lane."""

from peewee import BigIntegerField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("lane", "busy_until", BigIntegerField(null=True)))
