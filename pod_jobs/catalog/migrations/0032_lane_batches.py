"""The size of batches that gets through to an LRS, after larger ones were lost on the way."""

from peewee import BigIntegerField, Database, IntegerField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("lane", "batch_bytes", IntegerField(null=True)),
        migrator.add_column("lane", "batch_until", BigIntegerField(null=True)),
    )
