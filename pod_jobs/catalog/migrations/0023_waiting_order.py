"""The order of waiting tasks: their priorities and parties, and an index for the next ones. A frozen copy, as in 0002."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    IntegerField,
    Model,
    SmallIntegerField,
    SqliteDatabase,
)
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    class PartyTurn(Model):
        id = AutoField()
        kind = CharField(20)
        party = CharField(60)
        began_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("kind", "party"), True),)

    db.create_tables([PartyTurn])
    migrate(
        migrator.add_column("task", "priority", SmallIntegerField(default=0)),
        migrator.add_column("task", "party", CharField(60, default="")),
        migrator.add_column("task", "is_short", BooleanField(default=False)),
        migrator.add_column("outbox", "task_id", IntegerField(default=0)),
        migrator.add_column("outbox", "standing", SmallIntegerField(default=2)),
        migrator.add_column("outbox", "party", CharField(60, default="")),
        migrator.add_column("outbox", "is_short", BooleanField(default=False)),
    )
    for number, job_id, makes_way, at_front in db.execute_sql(
        "SELECT id, job_id, makes_way, at_front FROM outbox"
    ).fetchall():
        values = (int(job_id.split("-")[1]), 2 * (not makes_way) + bool(at_front), number)
        db.execute_sql(f"UPDATE outbox SET task_id = {values[0]}, standing = {values[1]} WHERE id = {values[2]}")  # noqa: S608
    party = "(SELECT owner_id FROM video WHERE video.id = task.video_id)"
    named = f"CONCAT('user-', {party})" if not isinstance(db, SqliteDatabase) else f"'user-' || {party}"
    db.execute_sql(
        f"UPDATE task SET party = {named} WHERE state IN ('waiting', 'running') AND video_id IS NOT NULL"  # noqa: S608
    )
    db.execute_sql("UPDATE outbox SET party = COALESCE((SELECT party FROM task WHERE task.id = outbox.task_id), '')")
    migrate(
        migrator.drop_column("outbox", "makes_way"),
        migrator.drop_column("outbox", "at_front"),
        migrator.add_index("outbox", ("task_id",)),
        migrator.add_index("outbox", ("kind", "standing", "is_short", "party", "id")),
        migrator.add_index("task", ("kind", "started_at")),
    )
