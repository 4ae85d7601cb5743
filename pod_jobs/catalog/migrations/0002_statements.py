"""Learning traces. A frozen copy: catalog/trace_models.py may go on, this may not (a new file adds what changes)."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
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

    class User(Table):
        id = AutoField()

        class Meta:
            table_name = "app_user"

    class StatementCounter(Table):
        id = IntegerField(primary_key=True)
        number = BigIntegerField()

    class Statement(Table):
        number = BigIntegerField(primary_key=True)
        id = CharField(36, unique=True)
        body = TextField()
        verb = CharField(250)
        registration = CharField(36, null=True)
        labels = TextField()
        suspect = BooleanField()
        of_profile = BooleanField()
        video = IntegerField(null=True)
        received_at = BigIntegerField(index=True)

        class Meta:
            indexes = ((("registration", "number"), False), (("video", "number"), False))

    class Lane(Table):
        name = CharField(40, primary_key=True)
        cursor = BigIntegerField()
        state = CharField(10)
        reason = TextField()
        since = BigIntegerField()
        not_before = BigIntegerField(null=True)
        failures = IntegerField()
        upsets = IntegerField()
        stored = BigIntegerField()
        last_stored_at = BigIntegerField(null=True)
        holder = CharField(100)
        fence = IntegerField()
        lease_until = BigIntegerField(null=True)

    class LaneMinute(Table):
        lane = CharField(40)
        minute = BigIntegerField()
        stored = IntegerField()

        class Meta:
            primary_key = CompositeKey("lane", "minute")

    class Straggler(Table):
        lane = CharField(40)
        number = BigIntegerField()
        fate = CharField(10)
        code = CharField(20)
        reason = TextField()
        tries = IntegerField()
        not_before = BigIntegerField()
        at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("lane", "number")
            indexes = ((("lane", "fate", "not_before"), False),)

    class TraceCount(Table):
        day = CharField(10)
        verb = CharField(250)
        label = CharField(40)
        statements = IntegerField()

        class Meta:
            primary_key = CompositeKey("day", "verb", "label")

    class TraceOptOut(Table):
        user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
        at = BigIntegerField()

    class ProductionEvent(Table):
        id = AutoField()
        kind = CharField(20)
        video = IntegerField()
        run = CharField(40)
        facts = TextField()
        at = BigIntegerField()

    db.create_tables(
        [StatementCounter, Statement, Lane, LaneMinute, Straggler, TraceCount, TraceOptOut, ProductionEvent]
    )
