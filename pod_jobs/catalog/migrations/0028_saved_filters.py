"""Filters of the list of tasks that people save under a name. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, CharField, Database, ForeignKeyField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class User(Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "app_user"

    class SavedFilter(Model):
        id = AutoField()
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(60)
        name_hash = CharField(64)
        fields = TextField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("user", "name_hash"), True),)

    db.create_tables([SavedFilter])
