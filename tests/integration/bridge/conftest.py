"""An instance with a site of kind celery, its broker, and a Pod that orders by a real Celery client."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.store import instance
from pod_jobs.instance import sites
from pod_jobs.settings import Settings, load
from pod_jobs.storage import identity
from tests import servers
from tests.integration.catalog.conftest import NOW
from tests.small_celery_pod import TOKEN, SmallCeleryPod

DATABASE = 5


@pytest.fixture
def broker() -> Iterator[servers.KeyValueServer]:
    """Pod's broker, which can be killed."""
    with servers.synced_server() as made:
        yield made


@pytest.fixture
def pod(broker: servers.KeyValueServer, tmp_path: Path) -> SmallCeleryPod:
    media = tmp_path / "média de Pod"
    (media / "videos").mkdir(parents=True)
    return SmallCeleryPod(media, f"redis+socket://{broker.socket}?virtual_host={DATABASE}")


@pytest.fixture
def settings(home: Path, pod: SmallCeleryPod, monkeypatch: pytest.MonkeyPatch, empty_catalog: Path) -> Settings:
    site = {
        "name": "univ",
        "kind": "celery",
        "shared_folder": str(pod.media),
        "callback_url": "http://127.0.0.1:9/rest",
        "private_networks": ["127.0.0.0/8"],
    }
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps([site]))
    secrets = {"site_univ": TOKEN, "site_univ_broker": pod.broker, "site_key": "site-key-of-the-tests"}
    for name, text in secrets.items():
        (home / "secrets" / name).write_text(text)
    (home / "catalog.sqlite3").write_bytes(empty_catalog.read_bytes())
    return load(home)


@pytest.fixture
def catalog(settings: Settings) -> Iterator[None]:
    """An open catalog that knows its media folder and the site's user."""
    with catalog_database.connect(settings.database_url).connection_context():
        settings.media.give_identity(value := identity.new())
        instance.remember_media_identity(value)
        sites.prepare(settings, NOW)
        yield
