"""Fencing of the janitor. A frozen copy, as in 0002_statements.py."""

from peewee import BigIntegerField, Database, IntegerField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class Leadership(Model):
        id = IntegerField(primary_key=True)
        term = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Leadership])
