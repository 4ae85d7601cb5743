"""The thumbnail that a video's owner chose as its poster."""

from peewee import CharField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("video", "poster", CharField(250, null=True)))
