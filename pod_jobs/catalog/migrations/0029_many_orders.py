"""Orders for many tasks that can be taken back, and tasks that are to be deleted. A frozen copy, as in 0002_statements.py."""

from peewee import AutoField, BigIntegerField, CharField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    class User(Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "app_user"

    class ManyOrder(Model):
        id = AutoField()
        user = ForeignKeyField(User, on_delete="CASCADE")
        action = CharField(20)
        tasks = IntegerField(default=0)
        at = BigIntegerField(index=True)
        undone_by = CharField(100, null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class OrderSlice(Model):
        id = AutoField()
        order = ForeignKeyField(ManyOrder, on_delete="CASCADE")
        changed = TextField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([ManyOrder, OrderSlice])
    migrate(
        migrator.add_column("task", "delete_at", BigIntegerField(null=True)),
        migrator.add_index("task", ("delete_at",)),
    )
