"""Orders of other sites. A frozen copy: catalog/site_models.py may go on, this may not."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Task(Table):
        id = AutoField()

    class SiteOrder(Table):
        task = ForeignKeyField(Task, primary_key=True, on_delete="CASCADE")
        public_id = CharField(36, unique=True)
        site = CharField(20)
        fingerprint = CharField(64)
        asked = TextField()
        notify_url = TextField()
        token = TextField()
        plain_manifest = BooleanField()
        created_at = BigIntegerField()
        answered_at = BigIntegerField(null=True)
        ends = IntegerField(default=0)
        callback = CharField(10, default="none")
        due_at = BigIntegerField(null=True, index=True)
        tries = IntegerField(default=0)
        is_unclear = BooleanField(default=False)
        reason = TextField(default="")
        tried_at = BigIntegerField(null=True)
        delivered_at = BigIntegerField(null=True)
        fetched_at = BigIntegerField(null=True)

        class Meta:
            indexes = ((("site", "fingerprint"), False), (("callback", "due_at"), False))

    db.create_tables([SiteOrder])
