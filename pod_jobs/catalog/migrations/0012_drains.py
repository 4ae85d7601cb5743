"""Workers that take no new job until somebody says so. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, BigIntegerField, CharField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class Drain(Model):
        id = AutoField()
        scope = CharField(10)
        name = CharField(100, default="")
        who = CharField(100)
        why = TextField(default="")
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("scope", "name"), True),)

    db.create_tables([Drain])
