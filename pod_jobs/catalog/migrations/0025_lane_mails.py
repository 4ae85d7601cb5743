"""What administrators were told of a lane by mail."""

from peewee import BigIntegerField, CharField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("lane", "told", CharField(10, default="")),
        migrator.add_column("lane", "told_at", BigIntegerField(null=True)),
    )
