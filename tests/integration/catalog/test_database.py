"""Opening the catalog's database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, InterfaceError, PeeweeException, PostgresqlDatabase, SqliteDatabase

from pod_jobs.catalog import database, kept_connections
from pod_jobs.catalog.store import users
from pod_jobs.errors import SettingsError
from tests.servers import wait_until


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_options_in_the_address_go_before_ours(scheme: str) -> None:
    made: Database = database.connect(f"{scheme}://pod:p%2Fw@db.example:3307/pod?connect_timeout=9&charset=utf8")
    said = made.connect_params
    assert (said["user"], said["password"], said["host"], said["port"]) == ("pod", said["password"], "db.example", 3307)
    assert said["password"] in ("p/w", b"p/w")
    assert (said["connect_timeout"], said["charset"]) == (9, "utf8")


def test_a_password_that_was_not_encoded_is_told_without_being_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        database.connect("postgresql://pod:hush/hush@db.example/pod")
    assert "port" in caught.value.reason and "hush" not in caught.value.reason


def test_a_new_catalog_is_for_its_owner_alone(tmp_path: Path) -> None:
    catalog = database.connect(f"sqlite:///{tmp_path}/catalog.sqlite3")
    database.migrate(catalog)
    with catalog.connection_context():
        catalog.execute_sql("SELECT 1 FROM video")
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
            f"catalog.sqlite3{ending}": 0o600 for ending in ("", "-shm", "-wal")
        }


def test_a_connection_held_open_keeps_sqlites_log(tmp_path: Path) -> None:
    catalog = database.connect(f"sqlite:///{tmp_path}/catalog.sqlite3")
    database.migrate(catalog)
    log = tmp_path / "catalog.sqlite3-wal"
    assert not log.exists(), "the last connection has folded it in"
    with catalog.connection_context():
        let_go = database.hold_open(catalog)
    assert log.exists()
    with catalog.connection_context():
        assert database.pending(catalog) == []
    let_go()
    assert not log.exists()


def test_no_query_opens_a_connection_that_nobody_would_close(empty_catalog: Path) -> None:
    catalog = database.connect(f"sqlite:///{empty_catalog}")
    with pytest.raises(InterfaceError):
        users.any_administrator()
    assert catalog.is_closed()
    with catalog.connection_context(), database.connect(f"sqlite:///{empty_catalog}").connection_context():
        assert not users.any_administrator()
    assert catalog.is_closed(), "both were the same object, closed by the outer one"


OPENED: list[Any] = []


@pytest.fixture
def keeping(database_url: str) -> Iterator[Database]:
    """One whose connections are kept when they are closed."""
    catalog = database.connect(database_url)
    let_go = database.hold_open(catalog)
    yield catalog
    let_go()


def number_of(catalog: Database) -> int:
    """That of the present connection, as the server says it; of a file's one, its place among all that were asked about."""
    if isinstance(catalog, SqliteDatabase):
        OPENED.extend([] if catalog.connection() in OPENED else [catalog.connection()])
        return OPENED.index(catalog.connection())
    query = "SELECT pg_backend_pid()" if isinstance(catalog, PostgresqlDatabase) else "SELECT CONNECTION_ID()"
    return int(catalog.execute_sql(query).fetchone()[0])


def connected(catalog: Database) -> int:
    with catalog.connection_context():
        return number_of(catalog)


def test_the_next_one_gets_the_connection_that_was_closed(keeping: Database) -> None:
    first = connected(keeping)
    assert connected(keeping) == first
    with keeping.connection_context(), pytest.raises(PeeweeException):
        keeping.execute_sql("nonsense")
    assert connected(keeping) == first, "a fault of a query is none of the connection"
    keeping.let_go()  # type: ignore[attr-defined]  # of our classes
    assert connected(keeping) != first


def test_a_connection_to_a_file_that_was_replaced_is_not_used_again(keeping: Database) -> None:
    """What it wrote would be lost with the old file."""
    if not isinstance(keeping, SqliteDatabase):
        pytest.skip("a server has its files for itself")
    first, path = connected(keeping), Path(keeping.database)
    path.rename(path.with_name("old"))
    assert (second := connected(keeping)) != first
    assert path.exists() and connected(keeping) == second
    path.unlink()
    assert connected(keeping) not in (first, second)


def test_a_connection_that_the_server_has_ended_is_not_used_again(keeping: Database) -> None:
    if isinstance(keeping, SqliteDatabase):
        pytest.skip("a file has no server")
    first = connected(keeping)
    kept, keeping._kept = keeping._kept, []  # type: ignore[attr-defined]  # else it would end its own
    with keeping.connection_context():
        end = "SELECT pg_terminate_backend(%s)" if isinstance(keeping, PostgresqlDatabase) else "KILL %s"
        keeping.execute_sql(end, (first,))
        keeping._kept = kept  # type: ignore[attr-defined]
    wait_until(lambda: not keeping._is_as_new(kept[0][1]), 10, "it hears of that")  # type: ignore[attr-defined]
    assert connected(keeping) != first


def test_a_connection_in_a_transaction_is_not_kept(keeping: Database) -> None:
    keeping.connect()
    first = number_of(keeping)
    keeping.execute_sql("BEGIN")
    keeping.close()
    assert connected(keeping) != first


def test_a_query_that_was_not_read_to_its_end_leaves_no_old_state_behind(keeping: Database) -> None:
    if not isinstance(keeping, SqliteDatabase):
        pytest.skip("a server sends the whole answer")
    with keeping.connection_context():
        keeping.execute_sql("CREATE TABLE letter AS WITH x(n) AS (VALUES (1), (2), (3)) SELECT n FROM x")
        first, half_read = number_of(keeping), keeping.execute_sql("SELECT n FROM letter")
        assert half_read.fetchone() == (1,)
    with closing(sqlite3.connect(keeping.database)) as other, other:
        other.execute("DELETE FROM letter")
    with keeping.connection_context():
        assert number_of(keeping) == first
        assert keeping.execute_sql("SELECT count(*) FROM letter").fetchone() == (0,)
        keeping.execute_sql("DROP TABLE letter")


def test_one_that_nobody_used_for_a_while_is_closed(keeping: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = connected(keeping)
    monkeypatch.setattr(kept_connections, "LONGEST_S", 0.0)
    assert connected(keeping) != first


def test_few_are_kept(keeping: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = connected(keeping)
    monkeypatch.setattr(kept_connections, "MOST", 0)
    assert connected(keeping) == first, "it was there already"
    assert connected(keeping) != first


def test_a_connection_that_is_kept_has_no_state_of_queries(keeping: Database) -> None:
    if not isinstance(keeping, PostgresqlDatabase):
        pytest.skip("only psycopg prepares statements by itself")
    with keeping.connection_context():
        for _ in range(10):
            keeping.execute_sql("SELECT count(*) FROM pg_class WHERE relname <> %s", ("x",)).fetchone()
        assert keeping.execute_sql("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert keeping.execute_sql("SHOW jit").fetchone() == ("off",), "pages that end after 50 rows were compiled"
