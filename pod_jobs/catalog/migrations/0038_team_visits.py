"""When people last opened the overview of the team. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, BigIntegerField, Database, ForeignKeyField, Model
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

    class TeamVisit(Table):
        user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
        seen_at = BigIntegerField()
        before_at = BigIntegerField(null=True)

    db.create_tables([TeamVisit])
