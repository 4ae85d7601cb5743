"""The first tables. A frozen copy: catalog/models.py may go on, this may not (a new file adds what changes)."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator
from playhouse.sqlite_ext import AutoIncrementField


def up(migrator: SchemaMigrator, db: Database) -> None:
    # SQLite gives a deleted row's number out again unless told otherwise; a job's id is made of its task's number.
    Id = AutoIncrementField if isinstance(db, SqliteDatabase) else AutoField

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Table):
        id = Id()
        uuid = CharField(36, unique=True)
        name = CharField(100, unique=True)
        password_hash = CharField(255, null=True)
        role = CharField(10)
        language = CharField(5)
        active = BooleanField()
        created_at = BigIntegerField()

        class Meta:
            table_name = "app_user"

    class SignInLink(Table):
        id = Id()
        user = ForeignKeyField(User, on_delete="CASCADE")
        token_hash = CharField(64, unique=True)
        expires_at = BigIntegerField()
        used_at = BigIntegerField(null=True)

    class ApiToken(Table):
        id = Id()
        user = ForeignKeyField(User, on_delete="CASCADE")
        label = CharField(100)
        token_hash = CharField(64, unique=True)
        created_at = BigIntegerField()
        last_used_at = BigIntegerField(null=True)
        revoked_at = BigIntegerField(null=True)

    class Video(Table):
        id = Id()
        owner = ForeignKeyField(User, on_delete="CASCADE")
        title = CharField(250)
        source_name = CharField(250)
        source_path = CharField(250)
        source_bytes = BigIntegerField()
        duration_s = FloatField(null=True)
        is_video = BooleanField(null=True)
        facts = TextField()
        warnings = TextField()
        published_folder = CharField(250, null=True)
        created_at = BigIntegerField(index=True)
        deleted_at = BigIntegerField(null=True, index=True)

    class Task(Table):
        id = Id()
        video = ForeignKeyField(Video, on_delete="CASCADE", null=True)
        kind = CharField(20)
        template = CharField(40)
        state = CharField(10, index=True)
        generation = IntegerField()
        author = ForeignKeyField(User, on_delete="SET NULL", null=True)
        cancel_requested = BooleanField()
        deaths = IntegerField()
        losses = IntegerField()
        failures = IntegerField()
        created_at = BigIntegerField(index=True)
        queued_at = BigIntegerField()
        started_at = BigIntegerField(null=True)
        ended_at = BigIntegerField(null=True)
        retry_at = BigIntegerField(null=True)
        infos = TextField()
        error_code = CharField(40, null=True)
        error_facts = TextField()
        error_reason = TextField(null=True)

    class Attempt(Table):
        id = Id()
        task = ForeignKeyField(Task, on_delete="CASCADE")
        generation = IntegerField()
        number = IntegerField()
        worker = CharField(100)
        host = CharField(100)
        pid = IntegerField()
        started_at = BigIntegerField()
        ended_at = BigIntegerField(null=True)
        outcome = CharField(12, null=True)
        exit_code = IntegerField(null=True)
        signal = IntegerField(null=True)
        cpu_s = FloatField(null=True)
        peak_mb = FloatField(null=True)
        error_code = CharField(40, null=True)
        reason = TextField(null=True)

        class Meta:
            indexes = ((("task", "number"), True),)

    class Output(Table):
        id = Id()
        video = ForeignKeyField(Video, on_delete="CASCADE")
        task = ForeignKeyField(Task, on_delete="CASCADE")
        folder = CharField(250)
        name = CharField(250)
        kind = CharField(20)
        rendition = CharField(20)
        language = CharField(10)
        mime = CharField(60)
        bytes = BigIntegerField()
        width_px = IntegerField(null=True)
        height_px = IntegerField(null=True)

        class Meta:
            indexes = ((("video", "kind"), False),)

    class Outbox(Table):
        id = Id()
        job_id = CharField(100, unique=True)
        kind = CharField(20)
        payload = TextField()
        at_front = BooleanField()
        created_at = BigIntegerField()

    class Periodic(Table):
        name = CharField(40, primary_key=True)
        fired_until = BigIntegerField()
        task = ForeignKeyField(Task, on_delete="SET NULL", null=True)

    class Upload(Table):
        id = CharField(32, primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(250)
        title = CharField(250)
        bytes = BigIntegerField()
        created_at = BigIntegerField()
        touched_at = BigIntegerField(index=True)
        video = ForeignKeyField(Video, on_delete="SET NULL", null=True)

    class Audit(Table):
        id = Id()
        at = BigIntegerField(index=True)
        who = CharField(100)
        action = CharField(40)
        subject = CharField(100)
        details = TextField()

    db.create_tables(
        [
            User,
            SignInLink,
            ApiToken,
            Video,
            Task,
            Attempt,
            Output,
            Outbox,
            Periodic,
            Upload,
            Audit,
        ]
    )
