"""Sign-ins that last: one row each, so that one can be ended."""

from peewee import AutoField, BigIntegerField, CharField, Database, ForeignKeyField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Table):
        id = AutoField()

        class Meta:
            table_name = "app_user"

    class Session(Table):
        id = AutoField()
        user = ForeignKeyField(User, on_delete="CASCADE")
        key_hash = CharField(64, unique=True)
        expires_at = BigIntegerField(index=True)

        class Meta:
            table_name = "app_session"

    db.create_tables([Session])
