"""What the encode of an upload will be ordered with."""

from peewee import Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("upload", "options", TextField(null=True)))
