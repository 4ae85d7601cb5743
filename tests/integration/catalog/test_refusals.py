"""Databases that refuse us: an administrator reads what is to be mended, not that a service is away. Real servers."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from peewee import OperationalError

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.errors import ServiceUnavailable, SettingsError
from tests import servers

PASSWORD = "pâssé w/ord"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    """Path of the socket of a server whose user `pod` may everything, and `weak` may read."""
    with servers.mariadb() as url:
        path = parse_qs(urlsplit(url).query)["unix_socket"][0]
        for name, rights in (("pod", "ALL"), ("weak", "SELECT")):
            sql = f"CREATE USER {name}@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {rights} ON catalog.* TO {name}@localhost"
            client = ["mariadb", "--no-defaults", "--default-character-set=utf8mb4", f"--socket={path}", "-uroot"]
            subprocess.run([*client, "-e", sql], check=True)
        yield path


def of_mariadb(path: str, name: str, password: str = PASSWORD, catalog: str = "catalog") -> str:
    return f"mysql://{name}:{quote(password, safe='')}@localhost/{catalog}?unix_socket={path}"


def test_a_password_of_mariadb_may_have_any_letter(mariadb: str) -> None:
    database.migrate(database.connect(of_mariadb(mariadb, "pod")))


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("pod", {"password": "wrong"}, "the user or the password is wrong"),
        ("pod", {"catalog": "nowhere"}, "too few rights|no such database"),
    ],
)
def test_mariadb_refuses_in_words(mariadb: str, name: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        database.migrate(database.connect(of_mariadb(mariadb, name, **more)))
    assert PASSWORD not in caught.value.reason


def test_a_user_of_mariadb_that_may_only_read_is_told_so(mariadb: str) -> None:
    database.migrate(database.connect(of_mariadb(mariadb, "pod")))
    weak = database.connect(of_mariadb(mariadb, "weak"))
    database.migrate(weak)  # nothing to do
    with pytest.raises(SettingsError, match="too few rights"), database.faults_translated(), weak.connection_context():
        users.create("léa", "lecturer", None, datetime.now(UTC))


@pytest.mark.parametrize(
    ("name", "catalog", "words"),
    [
        ("weak", "catalog", "too few rights"),
        ("nobody", "catalog", "the user does not exist"),
        ("pod", "nowhere", "there is no such database"),
    ],
)
def test_postgresql_refuses_in_words(postgresql: str, name: str, catalog: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        database.migrate(database.connect(f"postgresql:///{catalog}?host={postgresql}&user={name}"))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """Folder of the socket of a server that has a user `weak` without rights."""
    import psycopg

    with servers.postgresql() as url:
        folder = parse_qs(urlsplit(url).query)["host"][0]
        with psycopg.connect(host=folder, user="pod", dbname="catalog", autocommit=True) as connection:
            connection.execute("CREATE ROLE weak LOGIN")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield folder


def test_a_wrong_password_is_no_outage() -> None:
    said = 'connection failed: FATAL:  password authentication failed for user "pod"'
    assert "the password is wrong" in database.refusal_of(OperationalError(said))


def test_a_server_that_is_away_is_an_outage() -> None:
    with pytest.raises(ServiceUnavailable):
        database.migrate(database.connect("postgresql://pod@127.0.0.1:9/catalog"))


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    catalog = database.connect(f"sqlite:///{tmp_path}/catalog.sqlite3")
    database.migrate(catalog)
    with catalog.connection_context():
        catalog.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01 00:00:00')")
    with pytest.raises(SettingsError, match="newer version .*9999_later"):
        database.migrate(catalog)
