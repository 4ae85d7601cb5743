"""An index for the team's page of machines: what ended today."""

from peewee import Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_index("attempt", ("ended_at",)))
