"""Until when the try of a callback that is under way is the only one for its task."""

from peewee import BigIntegerField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("site_order", "claimed_until", BigIntegerField(null=True)))
