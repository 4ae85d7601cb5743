"""The revisions by which unchanged pages are known. A frozen copy, as in 0002."""

from peewee import BigIntegerField, CharField, Database, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class Revision(Model):
        subject = CharField(40, primary_key=True)
        number = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Revision])
