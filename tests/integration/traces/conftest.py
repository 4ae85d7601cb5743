"""A web app on a real port with two lanes, strict LRSs behind them, and the delivery job run by hand."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis
from werkzeug.serving import make_server

from pod_jobs.catalog import database
from pod_jobs.catalog.client import CatalogClient
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import dead_letters, lanes, users
from pod_jobs.catalog.store.dead_letters import LaneSight
from pod_jobs.catalog.trace_models import Lane
from pod_jobs.jobs.context import Context, StopSignal
from pod_jobs.jobs.deliver_statements import run_deliver
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from tests.integration.xapi.strict_lrs import LOGIN, PASSWORD, StrictLrs, running_lrs
from tests.unit.xapi.samples import numbered

HOME_PAGE = "https://univ.example"
PEOPLE = {
    "léa": "lecturer",
    "max": "lecturer",
    "tina": "team",
    "ada": "admin",
    "workers": "worker",
    "moodle": "application",
}


@pytest.fixture
def lrs() -> Iterator[StrictLrs]:
    with running_lrs() as server:
        yield server


@pytest.fixture
def second_lrs() -> Iterator[StrictLrs]:
    with running_lrs() as server:
        yield server


def lane(name: str, lrs: StrictLrs, **more: Any) -> dict[str, Any]:
    times = {"connect_timeout_s": 2, "read_timeout_s": 2}
    return {"name": name, "url": lrs.url, "login": LOGIN, **times, **more}


@pytest.fixture
def settings(
    home: Path, redis: Redis, lrs: StrictLrs, second_lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, text in (("session_key", "s"), ("xapi_key", "x"), ("lrs_one", PASSWORD), ("lrs_two", PASSWORD)):
        (home / "secrets" / name).write_text(text)
    variables = {
        "XAPI__LANE": json.dumps([lane("one", lrs), lane("two", second_lrs)]),
        "XAPI__HOME_PAGE": HOME_PAGE,
        "XAPI__FLUSH_S": "0.001",
        "XAPI__PER_MINUTE": "100",
        "UPLOAD__FREE_GB": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"POD_JOBS_{name}", value)
    return load(home)


@dataclass
class Site:
    """The running app: calls with somebody's token, and a look at the lanes."""

    settings: Settings
    url: str
    tokens: dict[str, str]
    redis: Redis

    def call(self, who: str, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Token {self.tokens[who]}", **options.pop("headers", {})}
        return requests.request(method, f"{self.url}/api/v1/xapi{path}", headers=headers, timeout=20, **options)

    def send(self, *statements: object, who: str = "moodle") -> list[dict[str, Any]]:
        response = self.call(who, "POST", "/statements", data=json.dumps(statements))
        assert response.status_code == 200, response.text
        entries: list[dict[str, Any]] = response.json()["statements"]
        return entries

    def lanes(self) -> dict[str, LaneSight]:
        with database.connect(self.settings.database_url).connection_context():
            sights = dead_letters.overview(self.settings.xapi.lane_names, datetime.now(UTC))
            return {sight.lane.name: sight for sight in sights}

    def hurry(self, name: str) -> None:
        """Have the lane due now, as if it had waited for all that it has to wait for."""
        with database.connect(self.settings.database_url).connection_context():
            Lane.update(busy_until=None).where(Lane.name == name).execute()
            lanes.hurry(name, datetime.now(UTC))

    def user(self, name: str) -> User:
        with database.connect(self.settings.database_url).connection_context():
            return users.find(name)

    def context(self, settings: Settings | None = None) -> Context:
        """The context of a job in a worker."""
        catalog = CatalogClient(self.url, self.tokens["workers"])
        return Context(
            settings or self.settings, self.redis, self.redis, catalog, "xapi.host.1", "host", StopSignal(), 0
        )


@pytest.fixture
def site(settings: Settings, redis: Redis, empty_catalog: Path) -> Iterator[Site]:
    shutil.copy(empty_catalog, settings.home)
    catalog = database.connect(settings.database_url)
    now = datetime.now(UTC)
    with catalog.connection_context():
        tokens = {n: users.create_token(users.create(n, role, None, now), "tests", now) for n, role in PEOPLE.items()}
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Site(settings, f"http://127.0.0.1:{server.server_port}", tokens, redis)
    server.shutdown()
    server.server_close()
    thread.join()


Deliver = Callable[..., None]


@pytest.fixture
def deliver(site: Site, monkeypatch: pytest.MonkeyPatch) -> Deliver:
    """deliver("one"): run the lane's job to its end, in this process, as often as wanted."""
    monkeypatch.setattr("os.getppid", lambda: 0)

    def run(name: str = "one", times: int = 1, settings: Settings | None = None) -> None:
        for turn in range(times):
            if turn:
                site.hurry(name)
            run_deliver(site.context(settings), {"lane": name})

    return run


def fill(site: Site, count: int, first: int = 0, **changes: dict[int, Any]) -> list[dict[str, Any]]:
    """Hand in `count` statements; `changes` maps places to what is different there."""
    different = changes.get("different", {})
    sent = [numbered(first + i, **different.get(i, {})) for i in range(count)]
    for start in range(0, count, 200):
        assert all(entry["accepted"] for entry in site.send(*sent[start : start + 200]))
    return sent


def has_all(lrs: StrictLrs, sent: list[dict[str, Any]]) -> bool:
    return {k: {**v, "stored": ""} for k, v in lrs.statements.items()} == {s["id"]: {**s, "stored": ""} for s in sent}
