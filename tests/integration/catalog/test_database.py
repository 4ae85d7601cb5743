"""Opening the catalog's database."""

from pathlib import Path

import pytest
from peewee import Database, InterfaceError

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.errors import SettingsError


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
