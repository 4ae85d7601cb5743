"""A migrated instance with its web app, people with passwords and tokens, and a stand-in for the worker."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisConnectionError
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from pod_jobs.catalog import database, seals
from pod_jobs.catalog.store import users
from pod_jobs.settings import Settings, load
from pod_jobs.web import alive
from pod_jobs.web.app import create_app
from pod_jobs.web.guards import access
from pod_jobs.web.services import EXTENSION

PASSWORD = "correct horse é"
PASSWORD_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")  # quick: its strength is not what is tested
MP4_HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
CLIP = MP4_HEAD + bytes(range(256)) * 40
SITES = [
    {"name": "univ", "private_networks": ["127.0.0.0/8"]},
    {"name": "other", "callback_hosts": ["pod.other.fr"], "waiting": 2, "priority": "high"},
]
PEOPLE = {
    "léa": "lecturer",
    "max": "lecturer",
    "tina": "team",
    "ada": "admin",
    "workers": "worker",
    "moodle": "application",
    "site-univ": "site",
}


@pytest.fixture
def settings(home: Path, redis: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (home / "secrets" / "session_key").write_text("session-key-of-the-tests")
    (home / "secrets" / "site_key").write_text("site-key-of-the-tests")
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps(SITES))
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", "0")
    monkeypatch.setenv("POD_JOBS_WEB__PUBLIC_URL", "http://pod.test")
    return load(home)


@pytest.fixture(scope="session")
def peopled_catalog(empty_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A catalog that knows PEOPLE, and the API token of each. Copying it is ten times faster than creating them."""
    path = tmp_path_factory.mktemp("peopled") / empty_catalog.name
    shutil.copy(empty_catalog, path)
    catalog = database.connect(f"sqlite:///{path}")
    now = datetime.now(UTC)
    with catalog.connection_context():
        return path, {
            name: users.create_token(users.create(name, role, PASSWORD_HASH, now), "tests", now)
            for name, role in PEOPLE.items()
        }


@pytest.fixture
def tokens(settings: Settings, peopled_catalog: tuple[Path, dict[str, str]]) -> dict[str, str]:
    """Name -> API token. Everybody also has the password PASSWORD."""
    path, made = peopled_catalog
    shutil.copy(path, settings.home)
    database.connect(settings.database_url)
    return dict(made)


@pytest.fixture
def app(settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(alive, "is_installed", lambda: True)  # captions are ordered here, and made by nobody
    app = create_app(settings)
    app.testing = False  # errors must become answers, as in production
    return app


@dataclass
class Caller:
    """A program with a token."""

    client: FlaskClient
    token: str

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Token {self.token}", **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, buffered=True, **options)

    def upload(self, content: bytes = CLIP, name: str = "Cours_n° 1.mp4", **query: str) -> dict[str, Any]:
        response = self("POST", "/api/v1/videos", query_string={"name": name, **query}, data=content)
        assert response.status_code == 201, response.text
        return response.get_json()


@pytest.fixture
def callers(app: Flask, tokens: dict[str, str]) -> dict[str, Caller]:
    return {name: Caller(app.test_client(use_cookies=False), token) for name, token in tokens.items()}


@pytest.fixture
def lea(callers: dict[str, Caller]) -> Caller:
    return callers["léa"]


class Browser:
    """A person with a browser: it keeps cookies, and knows the CSRF token of the present page."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **options)

    def csrf_token(self) -> str:
        page = self.get("/sign-in")
        if page.status_code != 200:  # signed in already
            return self.get("/csrf-of-the-tests").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found, page.text
        return found[1]

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "") -> TestResponse:
        form = {"name": name, "password": password, "next": next, "csrf_token": self.csrf_token()}
        return self.client.post("/sign-in", data=form)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"X-CSRFToken": self.csrf_token(), **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)


@pytest.fixture
def browser(app: Flask) -> Browser:
    from flask_wtf.csrf import generate_csrf

    app.add_url_rule("/csrf-of-the-tests", "csrf_of_the_tests", access.public(lambda: generate_csrf()))
    return Browser(app)


@dataclass
class Worker:
    """Sends what a worker sends, and writes what a worker writes."""

    caller: Caller
    media: Path

    def start(self, task: dict[str, Any], status: int = 200) -> dict[str, Any]:
        site = self.caller.client.application.extensions[EXTENSION]
        site.redis.lrem("rq:queue:encoding", 0, f"encode-{task['id']}-g{task['generation']}")
        said = {"generation": task["generation"], "worker": "encoding.host.1", "host": "host", "pid": 1}
        response = self.caller("POST", f"/api/v1/tasks/{task['id']}/start", json=said)
        assert response.status_code == status, response.text
        return response.get_json()

    def report(self, order: dict[str, Any], outcome: str, status: int = 200, **more: Any) -> dict[str, Any]:
        said = {"generation": order["generation"], "attempt": order["attempt"], "outcome": outcome}
        said = {**said, "worker": "encoding.host.1", **more}
        headers = {seals.HEADER: seals.seal_of(order["key"], said)}
        response = self.caller("POST", f"/api/v1/tasks/{order['task']}/report", json=said, headers=headers)
        assert response.status_code == status, response.text
        return response.get_json()

    def folder(self, order: dict[str, Any]) -> str:
        return f"{order['folder']}/{order['kind']}-{order['task']}-g{order['generation']}"

    def write(self, order: dict[str, Any], files: dict[str, bytes], *, part: bool = False) -> None:
        folder = self.media / (self.folder(order) + (".part" if part else ""))
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)

    def finish(self, order: dict[str, Any], **result: Any) -> None:
        named = {one["name"]: bytes(one["bytes"]) for one in result.get("outputs", ())}
        self.write(order, {**named, **OUTPUT_FILES})
        self.report(order, "done", result={"folder": self.folder(order), "outputs": OUTPUTS, **RESULT, **result})


OUTPUT_FILES = {
    "master.m3u8": b"#EXTM3U\n",
    "360p.mp4": bytes(range(256)) * 16,
    "audio.mp3": b"ID3",
    "thumbnail_1.jpg": b"\xff\xd8\xff",
    "storyboard.jpg": b"\xff\xd8\xff",
    "storyboard.vtt": b"WEBVTT\n",
    "encoding.log": "été\n".encode(),
}
OUTPUTS = [
    {"kind": "hls", "name": "master.m3u8", "mime": "application/vnd.apple.mpegurl", "bytes": 8},
    {"kind": "mp4", "name": "360p.mp4", "mime": "video/mp4", "bytes": 4096, "rendition": "360p", "height_px": 360},
    {"kind": "mp3", "name": "audio.mp3", "mime": "audio/mpeg", "bytes": 3},
    {"kind": "thumbnail", "name": "thumbnail_1.jpg", "mime": "image/jpeg", "bytes": 3},
    {"kind": "storyboard", "name": "storyboard.jpg", "mime": "image/jpeg", "bytes": 3},
    {"kind": "storyboard", "name": "storyboard.vtt", "mime": "text/vtt", "bytes": 7},
    {"kind": "log", "name": "encoding.log", "mime": "text/plain", "bytes": 6},
]
RESULT = {"duration_s": 12.5, "is_video": True, "facts": {"codec": "h264"}, "warnings": [], "wall_s": 3.0, "cpu_s": 6.5}


@pytest.fixture
def worker(callers: dict[str, Caller], settings: Settings) -> Worker:
    return Worker(callers["workers"], settings.media_folder)


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Check that `response` is that problem document; gives it back."""
    assert (response.status_code, response.mimetype) == (status, "application/problem+json"), response.text
    document: dict[str, Any] = json.loads(response.data)
    assert (document["status"], document["code"]) == (status, code), document
    return document


@pytest.fixture
def catalog(settings: Settings, tokens: dict[str, str]) -> Iterator[None]:
    """The catalog open for the test itself, to look at or to prepare rows."""
    with database.connect(settings.database_url).connection_context():
        yield


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Call it, and no connection to Redis can be had any more. Returns a list with a number for each that was wanted."""

    def begin() -> list[int]:
        wanted: list[int] = []

        def refuse(*_: object, **__: object) -> None:
            wanted.append(1)
            raise RedisConnectionError("away")

        monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", refuse)
        return wanted

    return begin
