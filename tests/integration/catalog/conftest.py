from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from peewee import Database

from pod_jobs.catalog import caption_models, trace_models
from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import TABLES, Task, User
from pod_jobs.catalog.store import users, videos
from tests import servers
from tests.orders import UPLOAD

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SOURCE = videos.Source("Cours n° 1 – été.mp4", 12_345_678_901)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path_factory.mktemp('é ?#') / 'catalog.sqlite3'}"
        else:
            yield stack.enter_context(getattr(servers, request.param)())


@pytest.fixture
def catalog(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The migrated, empty catalog."""
    database = catalog_database.connect(database_url)
    catalog_database.migrate(database)
    with database.connection_context():
        for table in reversed((*TABLES, *trace_models.TABLES, *caption_models.TABLES)):
            table.delete().execute()
        yield database


@pytest.fixture
def lecturer(catalog: Database) -> User:
    return users.create("léa", "lecturer", None, NOW)


def placed_nowhere(path: str) -> None:
    assert path.startswith("videos/") and path.endswith("/source")


@pytest.fixture
def task(lecturer: User) -> Task:
    """The first task of a new video: its encoding for the web."""
    return videos.create(lecturer, "Été 🎓", SOURCE, NOW, placed_nowhere, UPLOAD)[1][0]
