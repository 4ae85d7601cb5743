"""Words that people correct in captions, and which of them are always corrected. A frozen copy, as in 0002_statements.py."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    ForeignKeyField,
    Model,
    MySQLDatabase,
)
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    exact = "utf8mb4_bin" if isinstance(db, MySQLDatabase) else None  # "pod" and "Pod" are two spellings

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Table):
        id = AutoField()

        class Meta:
            table_name = "app_user"

    class CaptionTrack(Table):
        id = AutoField()

    class CaptionRespelling(Table):
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
        heard = CharField(60, collation=exact)
        spelling = CharField(60, collation=exact)

        class Meta:
            primary_key = CompositeKey("track", "heard", "spelling")
            indexes = ((("heard", "spelling"), False),)

    class CaptionCorrection(Table):
        id = AutoField()
        owner = ForeignKeyField(User, on_delete="CASCADE", null=True)
        language = CharField(8)
        heard = CharField(60, collation=exact)
        spelling = CharField(60, collation=exact)
        is_used = BooleanField()
        created_at = BigIntegerField()

    db.create_tables([CaptionRespelling, CaptionCorrection])
