"""One index for the search in captions on every database, instead of the text index of each.

A frozen copy: catalog/caption_models.py may go on, this may not. The janitor fills the new tables (caption_index.index_some).
"""

from peewee import (
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    MySQLDatabase,
    PostgresqlDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class LongTextField(TextField):
    """MariaDB's TEXT ends at 64 KB; a long lecture does not."""

    field_type = "LONGTEXT"


def up(migrator: SchemaMigrator, db: Database) -> None:
    is_mariadb, is_postgresql = isinstance(db, MySQLDatabase), isinstance(db, PostgresqlDatabase)
    by_code_points = "utf8mb4_bin" if is_mariadb else '"C"' if is_postgresql else None

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Video(Table):
        id = AutoField()

    class CaptionTrack(Table):
        id = AutoField()

    class CaptionText(Table):
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE", primary_key=True)
        video = ForeignKeyField(Video, on_delete="CASCADE", index=False)
        form = IntegerField()
        folded = LongTextField() if is_mariadb else TextField()

        class Meta:
            indexes = ((("video", "track"), False),)

    class CaptionTerm(Table):
        term = CharField(32, collation=by_code_points)
        video_id = IntegerField()
        track_id = IntegerField()

        class Meta:
            primary_key = CompositeKey("term", "video_id", "track_id")
            without_rowid = not (is_mariadb or is_postgresql)

    class CaptionPassage(Table):
        id = BigIntegerField(primary_key=True)
        track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
        cues = TextField()

    if not (is_mariadb or is_postgresql):
        db.execute_sql("DROP TABLE caption_fts")
    db.execute_sql("DROP TABLE caption_window")
    db.create_tables([CaptionText, CaptionTerm, CaptionPassage])
