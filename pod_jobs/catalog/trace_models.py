"""The tables of the learning traces (docs/xapi.md). Their queries are in catalog/store/statements.py, lanes.py and events.py.

A statement has one row, however many record stores (LRSs) get it. The progress of a lane is a single number, and only
exceptions have rows of their own, so that an outage of hours writes nothing.
"""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from pod_jobs.catalog.models import InstantField, JsonField, Table, User


class StatementCounter(Table):
    """One row: the number of the latest statement. A process that adds statements locks it, so that numbers follow commits."""

    id = IntegerField(primary_key=True)
    number = BigIntegerField()


class Statement(Table):
    """An accepted statement. Rows never change."""

    number = BigIntegerField(primary_key=True)  # from StatementCounter; a lower number never commits after a higher one
    id = CharField(36, unique=True)  # UUID in lower case
    body = TextField()  # canonical JSON, which every LRS gets byte for byte
    verb = CharField(250)  # the beginning of its IRI
    registration = CharField(36, null=True)
    labels = JsonField()  # names of broken rules
    suspect = BooleanField()  # an LRS may refuse it; it is sent apart from the others
    of_profile = BooleanField()  # it claims the Video Profile
    video = IntegerField(null=True)  # id of a video of ours; no foreign key: traces outlive it
    received_at = InstantField(index=True)

    class Meta:
        indexes = ((("registration", "number"), False), (("video", "number"), False))


class Lane(Table):
    """One LRS, and how far the delivery to it has come."""

    name = CharField(40, primary_key=True)  # of [[xapi.lane]]
    cursor = BigIntegerField()  # every statement up to this number is decided or a straggler
    state = CharField(10, default="open")  # open, hold, stopped
    reason = TextField(default="")  # of a state that is not open
    since = InstantField()  # of the state
    not_before = InstantField(null=True)  # when to try again
    busy_until = InstantField(null=True)  # until then the LRS may still work on the last request
    batch_bytes = IntegerField(null=True)  # the largest body that got through when larger ones were lost
    batch_until = InstantField(null=True)  # so long no larger one is sent
    failures = IntegerField(default=0)  # rounds since something was stored
    upsets = IntegerField(default=0)  # those of them that ended in a 500
    stored = BigIntegerField(default=0)
    last_stored_at = InstantField(null=True)
    holder = CharField(100, default="")  # the worker with the lease
    fence = IntegerField(default=0)  # raised by each lease; calls with an older one are refused
    lease_until = InstantField(null=True)
    told = CharField(10, default="")  # the state, "stopped" or "open", that the last mail told; "" = none
    told_at = InstantField(null=True)


class LaneMinute(Table):
    """How many statements a lane delivered in a minute (of Unix time)."""

    lane = CharField(40)
    minute = BigIntegerField()
    stored = IntegerField()

    class Meta:
        primary_key = CompositeKey("lane", "minute")


class Straggler(Table):
    """A statement that the LRS does not have although the lane's cursor has passed it, or that a person set aside before."""

    lane = CharField(40)
    number = BigIntegerField()
    fate = CharField(10)  # "later" = will be sent again; "dead" = only a person can send it again; "gone" = given up
    code = CharField(20)  # of pod_jobs.xapi.delivery.Outcome; "skipped" = a person set it aside
    reason = TextField()  # the LRS's answer, which may quote the statement
    tries = IntegerField(default=0)
    not_before = InstantField()
    at = InstantField()

    class Meta:
        primary_key = CompositeKey("lane", "number")
        indexes = ((("lane", "fate", "not_before"), False),)


class TraceCount(Table):
    """Number of statements of one day by verb and label. The label "" counts all, "conform" those that break no rule."""

    day = CharField(10)  # 2026-03-01, UTC
    verb = CharField(250)
    label = CharField(40)
    statements = IntegerField()

    class Meta:
        primary_key = CompositeKey("day", "verb", "label")


class TraceOptOut(Table):
    """A person who wants no learning traces."""

    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
    at = InstantField()


class TraceErasure(Table):
    """A person whose traces are to be erased as soon as no worker has a lane."""

    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
    at = InstantField()


class ProductionEvent(Table):
    """Something that the platform did. The row commits with the change, and lasts until the janitor makes a statement of it."""

    id = AutoField()
    kind = CharField(20)  # uploaded, encoded, published, transcribed
    video = IntegerField()
    run = CharField(40)  # "12-g1": task and generation; "" for uploaded
    facts = JsonField()  # title; person (id of the uploader); success, duration_s; language
    at = InstantField()


TABLES: tuple[type[Model], ...] = (
    StatementCounter,
    Statement,
    Lane,
    LaneMinute,
    Straggler,
    TraceCount,
    TraceOptOut,
    TraceErasure,
    ProductionEvent,
)
