"""Periodic tasks that people paused, and which task ordered which."""

from peewee import BigIntegerField, CharField, Database, IntegerField, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("periodic", "paused_by", CharField(100, null=True)),
        migrator.add_column("periodic", "paused_at", BigIntegerField(null=True)),
        migrator.add_column("periodic", "why", TextField(default="")),
        migrator.add_column("task", "parent", IntegerField(null=True)),
        migrator.add_index("task", ("parent",)),
    )
