"""Captions and their search. A frozen copy: catalog/caption_models.py may go on, this may not."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    MySQLDatabase,
    PostgresqlDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class LongTextField(TextField):
    """MariaDB's TEXT ends at 64 KB; the captions of a long lecture with all their words do not."""

    field_type = "LONGTEXT"


def up(migrator: SchemaMigrator, db: Database) -> None:
    long_text = LongTextField if isinstance(db, MySQLDatabase) else TextField

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Table):
        id = AutoField()

        class Meta:
            table_name = "app_user"

    class Video(Table):
        id = AutoField()

    class SpeechWish(Table):
        video = ForeignKeyField(Video, on_delete="CASCADE", primary_key=True)
        language = CharField(8)
        glossary = TextField()
        automatic = BooleanField(null=True)

    class CaptionTrack(Table):
        id = AutoField()
        video = ForeignKeyField(Video, on_delete="CASCADE")
        language = CharField(8)
        label = CharField(100)
        origin = CharField(10)
        translated = BooleanField()
        state = CharField(10)
        version = IntegerField()
        needs_check = BooleanField()
        model = CharField(100)
        newer_automatic = IntegerField(null=True)
        peaks_path = CharField(250)
        edited_by = ForeignKeyField(User, on_delete="SET NULL", null=True)
        created_at = BigIntegerField()
        updated_at = BigIntegerField(index=True)

        class Meta:
            indexes = ((("video", "language", "origin", "label"), True),)

    class CaptionVersion(Table):
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
        number = IntegerField()
        cues = long_text()
        author = ForeignKeyField(User, on_delete="SET NULL", null=True)
        note = CharField(40)
        created_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("track", "number")

    class CaptionDraft(Table):
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
        user = ForeignKeyField(User, on_delete="CASCADE")
        base = IntegerField()
        cues = long_text()
        updated_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("track", "user")

    class CaptionWindow(Table):
        id = AutoField()
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
        video = ForeignKeyField(Video, on_delete="CASCADE", index=True)
        start_s = FloatField()
        cues = TextField()
        folded = TextField()

    db.create_tables([SpeechWish, CaptionTrack, CaptionVersion, CaptionDraft, CaptionWindow])
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql("CREATE INDEX caption_window_text ON caption_window USING gin (to_tsvector('simple', folded))")
    elif isinstance(db, MySQLDatabase):
        db.execute_sql("CREATE FULLTEXT INDEX caption_window_text ON caption_window (folded)")
    else:
        db.execute_sql(
            "CREATE VIRTUAL TABLE caption_fts USING fts5(folded, content='caption_window', content_rowid='id',"
            " tokenize='unicode61 remove_diacritics 0', prefix='2 3')"
        )
