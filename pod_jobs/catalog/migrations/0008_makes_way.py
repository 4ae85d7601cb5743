"""What waits in the catalog while its queue has other work."""

from peewee import BooleanField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("outbox", "makes_way", BooleanField(default=False)))
