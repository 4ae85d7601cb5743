"""Opens the catalog's database (SQLite in WAL mode, PostgreSQL or MariaDB), and runs transactions on it."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from peewee import (
    OP,
    Cast,
    Database,
    Expression,
    InterfaceError,
    MySQLDatabase,
    OperationalError,
    PeeweeException,
    PostgresqlDatabase,
    SqliteDatabase,
    fn,
)
from playhouse.migrations import Runner

from pod_jobs.catalog import models
from pod_jobs.catalog.kept_connections import Keeping, KeepingMariaDb, KeepingPostgresql, KeepingSqlite
from pod_jobs.catalog.revisions import Watched
from pod_jobs.errors import ServiceUnavailable, SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 15  # how long SQLite waits for another writer
CONNECT_TIMEOUT_S = 5
STATEMENT_S = 30  # how long a server may take for a statement
PLACE = "the text of OneByText"  # in the parameters of its query, as long as no text is given
MOST_DIGITS = 18  # every number of 18 digits fits into 64 bits
LOCK_WAIT_S = 15  # how long a statement may wait for a locked row
# How the servers refuse a user: PostgreSQL in words, MariaDB by a number.
REFUSALS = (
    (re.compile(r"password authentication failed|no password supplied|\(1045,"), "the user or the password is wrong"),
    (re.compile(r'role "[^"]*" does not exist'), "the user does not exist"),
    (re.compile(r'database "[^"]*" does not exist|\(1049,'), "there is no such database"),
    (
        re.compile(r"permission denied|must be owner of|\((?:1044|1142|1143|1227),"),
        "the user has too few rights: it must own the database's tables",
    ),
)
VANISHED = {  # options of libpq: probe a silent server, and close the connection when it does not answer
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_S * 1000,
}


def connect(url: str) -> Database:
    """The database of `url` (sqlite:///PATH, postgresql://…, mysql://… also for MariaDB), bound to the models.

    Opens nothing yet: each thread opens its own connection by `with database.connection_context()`, which also closes it.
    A query outside of that raises InterfaceError, because peewee would open a connection for it that nobody closes.
    The same URL returns the same object: the models are bound to one object, and a caller with another one would open and
    close connections that no query uses. Errors: SettingsError for another kind of URL.
    """
    database = _built_once(url)
    models.database.initialize(database)
    return database


class WatchedSqlite(Watched, KeepingSqlite):
    pass


class WatchedPostgresql(Watched, KeepingPostgresql):
    pass


class WatchedMariaDb(Watched, KeepingMariaDb):
    pass


@contextmanager
def connect_other(database: Database) -> Iterator[None]:
    """Within the block the models are bound to `database` (see `build`), which is open."""
    bound = models.database.obj
    models.database.initialize(database)
    try:
        with database.connection_context():
            yield
    finally:
        models.database.initialize(bound)


def migrate(database: Database) -> list[str]:
    """Apply what is missing of catalog/migrations; returns the names applied.

    Errors: ServiceUnavailable; SettingsError when the database refuses us, or belongs to a newer version.
    """
    with faults_translated():
        if isinstance(database, SqliteDatabase):
            # Who watched what must not be readable by every user of this host.
            Path(database.database).touch(mode=0o600)
        with database.connection_context():
            if newer := newer_migrations(database):
                raise SettingsError(newer_words(newer))
            with database.unwatched() if isinstance(database, Watched) else nullcontext():
                names: list[str] = Runner(database, directory=str(MIGRATIONS)).up()
            return names


@contextmanager
def faults_translated() -> Iterator[None]:
    """For what a start does with the database. Errors: SettingsError when it refuses us, ServiceUnavailable while it is away."""
    try:
        yield
    except (OSError, PeeweeException) as error:
        if refusal := refusal_of(error):
            raise SettingsError(refusal) from error
        if isinstance(error, (OSError, OperationalError, InterfaceError)):
            raise ServiceUnavailable(f"database: {error}") from error
        raise


def newer_migrations(database: Database) -> list[str]:
    """Migrations that were applied and that this version does not have. Needs an open connection."""
    migrations = Runner(database, directory=str(MIGRATIONS)).status()
    return [migration.name for migration in migrations if migration.path is None]


def newer_words(names: list[str]) -> str:
    return f"database.url: a newer version of pod_jobs has changed this database ({', '.join(names)}); run that version"


def refusal_of(error: BaseException) -> str:
    """A sentence about what an administrator must mend; "" when the database is only away, or something else is wrong."""
    text = " ".join(str(error).split())
    return next((f"database.url: {words} ({text})" for pattern, words in REFUSALS if pattern.search(text)), "")


def pending(database: Database) -> list[str]:
    """Names of the migrations that have not been applied. Needs an open connection."""
    return [
        migration.name for migration in Runner(database, directory=str(MIGRATIONS)).status() if not migration.applied
    ]


def renew_statistics(database: Database) -> None:
    """After many new rows: without it PostgreSQL and MariaDB read whole tables, until they look by themselves. SQLite plans by
    the indexes alone. Needs an open connection."""
    if isinstance(database, PostgresqlDatabase):
        database.execute_sql("ANALYZE")
    elif isinstance(database, MySQLDatabase):
        tables = ", ".join(f"`{table}`" for table in database.get_tables())
        database.execute_sql(f"ANALYZE TABLE {tables}").fetchall()


def hold_open(database: Database) -> Callable[[], None]:
    """Keep connections that are closed for those who open one next (kept_connections.py); returns a function that ends that.
    Do not call it before a fork."""
    assert isinstance(database, Keeping)  # noqa: S101  # each that `build` makes is
    database.keep_open()
    return database.let_go


@contextmanager
def transaction() -> Iterator[None]:
    """A transaction, in which nobody else changes what was read before it is written.

    SQLite begins it with BEGIN IMMEDIATE, because a plain transaction that reads and then writes fails when another process
    wrote in between. PostgreSQL and MariaDB need row locks; see `locked`.
    """
    database = models.database.obj
    with database.atomic("IMMEDIATE") if isinstance(database, SqliteDatabase) else database.atomic():
        yield


def locked(query: Any) -> Any:
    """`query` with locks on its rows until the transaction ends. SQLite has no row locks and needs none."""
    return query if isinstance(models.database.obj, SqliteDatabase) else query.for_update()


def locked_row(model: Any, key: Mapping[str, Any], others: Mapping[str, Any]) -> Any:
    """The row with this primary or unique `key`, locked until the transaction ends. If there is none, it is inserted, with the
    values `others`.

    "On conflict do nothing" would not do: MariaDB then shares a lock on the row, and two that have it wait for each other.
    """
    query = locked(model.select().where(*[getattr(model, name) == value for name, value in key.items()]))
    row = query.get_or_none()
    if row is None:
        fields = [getattr(model, name) for name in key]
        target = {} if isinstance(models.database.obj, MySQLDatabase) else {"conflict_target": fields}
        model.insert(**key, **others).on_conflict(preserve=fields, **target).execute()
        row = query.get()
    return row


class OneByText:
    """A query for one row by a text. Its SQL is made once: to make it takes several times as long as to run it, and each request
    asks who sends it."""

    def __init__(self, build: Callable[[str], Any]) -> None:
        """`build(text)` makes the query; its only condition with that text is for equality."""
        self._build = build
        self._made: tuple[Any, Any, str, list[Any]] | None = None  # database, query, SQL, parameters

    def find(self, text: str) -> Any:
        """The row, or None."""
        database = models.database.obj
        compiled = self._made
        if compiled is None or compiled[0] is not database:
            query = self._build(PLACE).limit(1)
            compiled = self._made = (database, query, *query.sql())
        _, query, sql, parameters = compiled
        cursor = database.execute_sql(sql, [text if parameter == PLACE else parameter for parameter in parameters])
        return next(iter(query._get_cursor_wrapper(cursor)), None)


def holds(column: Any, text: str) -> Any:
    """The condition that `column` has `text` in it, letter by letter, and without any wildcard."""
    position = fn.STRPOS if isinstance(models.database.obj, PostgresqlDatabase) else fn.INSTR
    return position(column, text) > 0


def joined(*parts: Any) -> Any:
    """An expression for texts and numbers one behind the other."""
    if not isinstance(models.database.obj, SqliteDatabase):
        return fn.CONCAT(
            *(Cast(part, "CHAR" if isinstance(models.database.obj, MySQLDatabase) else "TEXT") for part in parts)
        )
    texts: list[Any] = [Cast(part, "TEXT") for part in parts]
    return reduce(lambda left, right: Expression(left, OP.CONCAT, right), texts)


def build(url: str) -> Database:
    """A database to which no model is bound, such as the other one of a copy. Opens nothing. Errors: as of `connect`."""
    parts = urlsplit(url)
    scheme = parts.scheme.split("+")[0]
    if scheme == "sqlite":
        pragmas = {
            "journal_mode": "wal",
            "synchronous": "full",
            "foreign_keys": 1,
            "busy_timeout": BUSY_TIMEOUT_S * 1000,
        }
        path = url.partition(":///")[2]  # not urlsplit's: a folder may be named "a?b#c"
        return WatchedSqlite(path, pragmas=pragmas, timeout=BUSY_TIMEOUT_S, autoconnect=False)
    name, options = parts.path.lstrip("/"), {**_where(parts), **_options(parts.query)}
    if scheme in ("postgresql", "postgres"):
        # jit: the planner takes lists that stop after a page for long queries, and compiling them took 0.4 s of 0.44
        session = f"-c statement_timeout={STATEMENT_S * 1000} -c lock_timeout={LOCK_WAIT_S * 1000} -c jit=off"
        ours: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "options": session, **VANISHED}
        ours["prepare_threshold"] = None  # a prepared statement would outlive a migration, and PgBouncer knows none
        return WatchedPostgresql(name, prefer_psycopg3=True, autoconnect=False, **{**ours, **options})
    if scheme in ("mysql", "mariadb"):
        ours = {
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": STATEMENT_S,
            "write_timeout": STATEMENT_S,
            "init_command": f"SET SESSION innodb_lock_wait_timeout={LOCK_WAIT_S}, tx_isolation='READ-COMMITTED'",
        }
        if "password" in options:
            options["password"] = options["password"].encode()  # PyMySQL would take a text for Latin-1
        return WatchedMariaDb(name, mariadb=True, autoconnect=False, **{**ours, **options})
    raise SettingsError(f"database.url: {scheme or 'no scheme'}: give sqlite:///, postgresql:// or mysql://")


def build_read_only(path: Path) -> Database:
    """The SQLite file at `path`, to which nothing is written, not even a log beside it."""
    return SqliteDatabase(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, autoconnect=False)


_built_once = lru_cache(maxsize=1)(build)


def _where(parts: SplitResult) -> dict[str, Any]:
    """Host, port, user and password, as far as the URL has them. Errors: SettingsError, which shows no part of the URL."""
    try:
        port = parts.port
    except ValueError:
        raise SettingsError(
            "database.url: the port is no number; is a / # or ? of the password not %-encoded?"
        ) from None
    where = {"host": parts.hostname, "port": port, "user": _text(parts.username), "password": _text(parts.password)}
    return {key: value for key, value in where.items() if value is not None}


def _options(query: str) -> dict[str, Any]:
    """Options for the driver in the query of the URL. They override ours."""
    return {key: int(value) if value.isascii() and value.isdecimal() else value for key, value in parse_qsl(query)}


def _text(part: str | None) -> str | None:
    return None if part is None else unquote(part)


def whole_number(text: str) -> int | None:
    """A number that every database can hold; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
