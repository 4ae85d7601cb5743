from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from pod_jobs.catalog import database
from tests import servers


@pytest.fixture(scope="session")
def key_value_server() -> Iterator[servers.KeyValueServer]:
    """A key-value server for the session. Tests that stop or kill one make their own."""
    with servers.short_folder() as folder:
        server = servers.KeyValueServer(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration. Copying it is ten times faster than migrating."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.sqlite3"
    database.migrate(database.connect(f"sqlite:///{path}"))
    return path


@pytest.fixture
def redis(key_value_server: servers.KeyValueServer) -> Iterator[Redis]:
    """An empty key-value server."""
    with Redis.from_url(key_value_server.url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def home(tmp_path: Path, key_value_server: servers.KeyValueServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder whose settings point to the tests' key-value server."""
    folder = tmp_path / "instance é"
    (folder / "secrets").mkdir(parents=True)
    (folder / "media").mkdir()
    (folder / "secrets" / "worker_token").write_text("worker-token-of-the-tests")
    monkeypatch.setenv("POD_JOBS_HOME", str(folder))
    monkeypatch.setenv("POD_JOBS_REDIS__URL", key_value_server.url)
    return folder
