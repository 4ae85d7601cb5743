"""The tables of the catalog. Queries and state changes are in catalog/store.

Instants are stored as integer microseconds since 1970 UTC, because MariaDB's DATETIME drops the microseconds, SQLite has no
dates, and a server's time zone must not change them. JSON is stored as text, so that all three databases behave alike.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DatabaseProxy,
    DataError,
    DoubleField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
    fn,
)

database = DatabaseProxy()  # bound once per process by catalog.database.connect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

TASK_STATES = ("waiting", "running", "done", "error", "cancelled")
OUTCOMES = ("done", "error", "retry", "interrupted", "cancelled", "killed", "lost")


class InstantField(BigIntegerField):
    """An aware UTC datetime."""

    def db_value(self, value: datetime | None) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def python_value(self, value: int | None) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


class JsonField(TextField):
    """Plain JSON values. Errors: DataError for a NaN or an infinity, which Python writes and no browser can read."""

    def db_value(self, value: Any) -> str | None:
        try:
            return (
                None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            )
        except ValueError as error:
            raise DataError(str(error)) from error

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


class Table(Model):
    class Meta:
        database = database
        legacy_table_names = False


class User(Table):
    """A person, or the workers' system user."""

    id = AutoField()
    uuid = CharField(36, unique=True)  # random; the base of the pseudonym in learning traces
    name = CharField(100, unique=True)  # log-in name
    password_hash = CharField(255, null=True)  # null = only one-time links and tokens work
    role = CharField(10)  # one of permissions.ROLES
    language = CharField(5, default="")  # "" = the browser's
    active = BooleanField(default=True)
    created_at = InstantField()

    class Meta:
        table_name = "app_user"  # "user" is a reserved word in PostgreSQL


class SignInLink(Table):
    """A link that signs one user in, once."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", backref="links")
    token_hash = CharField(64, unique=True)  # SHA-256, hex
    expires_at = InstantField()
    used_at = InstantField(null=True)


class Session(Table):
    """The session of a browser in which a user is signed in. Signing out deletes the row."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", backref="sessions")
    key_hash = CharField(64, unique=True)  # SHA-256, hex
    expires_at = InstantField(index=True)

    class Meta:
        table_name = "app_session"


class ApiToken(Table):
    """A key for `Authorization: Token …`; only its hash is kept."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE", backref="tokens")
    label = CharField(100)
    queues = CharField(200, default="")  # the only ones whose tasks its workers may run, with commas; "" = all
    token_hash = CharField(64, unique=True)  # SHA-256, hex
    created_at = InstantField()
    last_used_at = InstantField(null=True)
    revoked_at = InstantField(null=True)


class Video(Table):
    """A recording: its source, and which run's outputs are published."""

    id = AutoField()
    owner_id: int
    owner = ForeignKeyField(User, on_delete="CASCADE", backref="videos")
    title = CharField(250)
    title_folded = CharField(250, default="", index=True)  # what searches compare: see captions/folding.py
    source_name = CharField(250)  # the uploader's file name: data for people, never a path
    source_path = CharField(250)  # relative to the media folder; "" = a site keeps it (site_models.py)
    source_bytes = BigIntegerField()
    duration_s = FloatField(null=True)
    is_video = BooleanField(null=True)  # False = sound only; null = not known yet
    facts = JsonField(default=dict)  # what the probe found, for people
    warnings = JsonField(default=list)  # [{"code": …, "reason": …}] of the published run
    poster = CharField(250, null=True)  # the thumbnail that its owner chose, by its file name; null = the first
    published_folder = CharField(250, null=True)  # relative to the media folder; null = nothing to play yet
    created_at = InstantField(index=True)
    deleted_at = InstantField(null=True, index=True)

    @classmethod
    def is_here(cls) -> Any:
        """The condition that it is not deleted, for queries that find the video in another way: SQLite would prefer the index of
        `deleted_at` to any range, and nearly all rows have its null."""
        return fn.COALESCE(cls.deleted_at, SQL("0")) == SQL("0")


class Task(Table):
    """Something to do: an encoding of a video by one template, a transcription of a video, or a periodic task without one."""

    id = AutoField()
    video_id: int | None
    video = ForeignKeyField(Video, on_delete="CASCADE", backref="tasks", null=True)
    kind = CharField(20)  # a job type's kind
    template = CharField(40, default="")  # of an encoding: the name in the settings; of other kinds mostly ""
    purpose = CharField(10, default="")  # one of new_task.Purpose: what becomes of its result
    options = JsonField(null=True)  # options of the order, which its job type reads; null = none
    state = CharField(10, index=True)  # one of TASK_STATES
    generation = IntegerField(default=1)  # only a run of this generation may report; each new order to run raises it
    author_id: int | None
    author = ForeignKeyField(User, on_delete="SET NULL", null=True)
    cancel_requested = BooleanField(default=False)
    deaths = IntegerField(default=0)  # attempts that brought their worker down since a person last asked for a run
    losses = IntegerField(default=0)  # attempts whose whole worker vanished, in a row
    failures = IntegerField(default=0)  # attempts whose ffmpeg was killed by the system since then
    created_at = InstantField(index=True)
    queued_at = InstantField()  # of this generation
    started_at = InstantField(null=True)  # of the latest attempt
    ended_at = InstantField(null=True)
    retry_at = InstantField(null=True)  # when the next attempt is due, after a passing fault
    infos = JsonField(default=dict)  # figures of the finished run: first_playable_s, wall_s, cpu_s, peak_mb …
    error_code = CharField(40, null=True)  # of pod_jobs.errors.SENTENCES
    error_facts = JsonField(default=dict)
    error_reason = TextField(null=True)
    error_group = CharField(16, null=True)  # the fingerprint of its latest failure
    parent = IntegerField(null=True, index=True)  # the id of the task that ordered it when it was done
    help_asked_at = InstantField(null=True)  # when its owner asked the team to look at its failure
    delete_at = InstantField(null=True, index=True)  # hidden from lists, and deleted then unless somebody takes it back
    priority = SmallIntegerField(default=0)  # one of the values of waiting_order.PRIORITIES
    party = CharField(60, default="")  # with whom it takes turns: user-7 for the owner of its video; "" = nobody
    is_short = BooleanField(default=False)  # known to take little time, so that it may pass others

    class Meta:
        indexes = (
            (("kind", "started_at"), False),
            (("state", "ended_at"), False),
            (("state", "queued_at"), False),
            (("error_code", "ended_at"), False),
            (("state", "error_group", "ended_at"), False),
            (("state", "help_asked_at"), False),
            (("video", "state", "id"), False),
        )

    @classmethod
    def is_shown(cls) -> Any:
        """The condition of lists, that neither it nor its video is to be deleted; few are, so to exclude these is quick."""
        deleted = Video.select(Video.id).where(Video.deleted_at.is_null(False))
        hidden = Task.select(Task.id).where(Task.delete_at.is_null(False))
        return (cls.video.is_null() | cls.video.not_in(deleted)) & cls.id.not_in(hidden)


class Attempt(Table):
    """One try of a run by one worker."""

    id = AutoField()
    task_id: int
    task = ForeignKeyField(Task, on_delete="CASCADE", backref="attempts")
    generation = IntegerField()
    number = IntegerField()  # 1, 2, … over all generations of the task
    worker = CharField(100)
    host = CharField(100)
    pid = IntegerField()
    started_at = InstantField()
    ended_at = InstantField(null=True)
    outcome = CharField(12, null=True)  # one of OUTCOMES; null = running
    exit_code = IntegerField(null=True)  # of ffmpeg or the horse
    signal = IntegerField(null=True)
    cpu_s = FloatField(null=True)
    peak_mb = FloatField(null=True)
    error_code = CharField(40, null=True)
    reason = TextField(null=True)  # technical; ends with the last words of ffmpeg
    error_group = CharField(16, null=True)  # the fingerprint of the failure that it ended its task with
    version = CharField(40, default="")  # of pod_jobs on its worker; "" = not known
    ffmpeg = CharField(40, default="")  # the version of ffmpeg there; "" = not known, or none is used
    token_id = IntegerField(null=True)  # the API token that the attempt was given to; null: from before it was kept

    class Meta:
        indexes = (
            (("task", "number"), True),
            (("host", "task"), False),
            (("error_group", "ended_at", "host", "version", "ffmpeg"), False),  # where failed: from the index alone
            (("ended_at",), False),
        )


class ErrorGroup(Table):
    """Failures that are the same: of one kind of task, with one code and one general reason (catalog/fingerprints.py)."""

    fingerprint = CharField(16, primary_key=True)
    kind = CharField(20)
    code = CharField(40)
    form = TextField(default="")  # the reason without numbers, paths and ids
    first_at = InstantField()  # when a task failed like this for the first time
    known_by = CharField(100, null=True)  # who of the team marked it as known; null = nobody
    known_at = InstantField(null=True)
    note = TextField(default="")  # what is known of it


class Output(Table):
    """A file that a finished task published."""

    id = AutoField()
    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", backref="outputs")
    task_id: int
    task = ForeignKeyField(Task, on_delete="CASCADE", backref="outputs")
    folder = CharField(250)  # relative to the media folder
    name = CharField(250)  # file name in the folder
    kind = CharField(20)  # media/outputs/outputs.py has them all
    rendition = CharField(20, default="")
    language = CharField(10, default="")
    mime = CharField(60)
    bytes = BigIntegerField()
    width_px = IntegerField(null=True)
    height_px = IntegerField(null=True)

    class Meta:
        indexes = ((("video", "kind"), False),)


class Outbox(Table):
    """A waiting task whose job RQ does not have yet. Commits with what needs the job. Its index serves waiting_line.py."""

    id = AutoField()  # grows with the moment when it began to wait
    job_id = CharField(100, unique=True)
    kind = CharField(20)
    payload = JsonField()
    task_id = IntegerField(index=True)
    standing = SmallIntegerField()  # waiting_order.standing_of
    party = CharField(60, default="")  # as in Task
    is_short = BooleanField(default=False)
    created_at = InstantField()

    class Meta:
        indexes = ((("kind", "standing", "is_short", "party", "id"), False),)


class PartyTurn(Table):
    """When a party last had its turn: when a task of this kind last began for it (catalog/waiting_order.py)."""

    id = AutoField()
    kind = CharField(20)
    party = CharField(60)
    began_at = InstantField()

    class Meta:
        indexes = ((("kind", "party"), True),)


class Periodic(Table):
    """The last tick of a [[periodic]] entry that was handled."""

    name = CharField(40, primary_key=True)
    fired_until = InstantField()  # ticks up to this instant are handled
    task_id: int | None
    task = ForeignKeyField(Task, on_delete="SET NULL", null=True)  # the latest run
    paused_by = CharField(100, null=True)  # who let no tick order a task any more; null = nobody
    paused_at = InstantField(null=True)
    why = TextField(default="")


class DayFigure(Table):
    """One number of one day; store/day_figures.py says what they are."""

    id = AutoField()
    day = CharField(10)  # 2026-11-28, in the time zone of the host that summed it up
    measure = CharField(20)  # one of day_figures.MEASURES
    part = CharField(100, default="")
    number = DoubleField()  # a FloatField of PostgreSQL has seven digits

    class Meta:
        indexes = ((("day", "measure", "part"), True),)


class Leadership(Table):
    """One row: the term of the leading janitor. A janitor of an earlier term may write nothing any more."""

    id = IntegerField(primary_key=True)
    term = BigIntegerField()


class InstanceFact(Table):
    """One fact of the instance as a whole; the names are in store/instance.py."""

    name = CharField(40, primary_key=True)
    value = CharField(200)


class Drain(Table):
    """Workers that finish their present job and take no other one until the row is deleted, also after a restart."""

    id = AutoField()
    scope = CharField(10)  # all, queue, host, worker
    name = CharField(100, default="")  # of the queue, host or worker
    who = CharField(100)
    why = TextField(default="")
    at = InstantField()

    class Meta:
        indexes = ((("scope", "name"), True),)


class Upload(Table):
    """A tus upload. The size of its file tells how much has arrived."""

    id = CharField(32, primary_key=True)  # random hex
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE")
    name = CharField(250)
    title = CharField(250, default="")
    bytes = BigIntegerField()  # announced size
    options = JsonField(null=True)  # options for the tasks that the upload will order
    created_at = InstantField()
    touched_at = InstantField(index=True)
    video_id: int | None
    video = ForeignKeyField(Video, on_delete="SET NULL", null=True)  # set when it is complete


class Audit(Table):
    """Who did what, for the team."""

    id = AutoField()
    at = InstantField(index=True)
    who = CharField(100, index=True)
    action = CharField(40, index=True)
    subject = CharField(100)
    details = TextField(default="")


TABLES: tuple[type[Table], ...] = (
    User,
    SignInLink,
    Session,
    ApiToken,
    Video,
    Task,
    Attempt,
    ErrorGroup,
    Output,
    Outbox,
    PartyTurn,
    Periodic,
    DayFigure,
    Leadership,
    Drain,
    Upload,
    Audit,
)
