"""Which process holds the claim of a callback."""

from peewee import CharField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("site_order", "claimed_by", CharField(60, default="")))
