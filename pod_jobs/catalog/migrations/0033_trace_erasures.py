"""People whose learning traces are to be erased as soon as no lane is worked. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, BigIntegerField, Database, ForeignKeyField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class User(Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "app_user"

    class TraceErasure(Model):
        user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([TraceErasure])
