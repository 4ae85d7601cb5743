"""A host joins with an invitation, once, and gets a token and settings of its own."""

import errno
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

import pod_jobs
from pod_jobs.catalog import database
from pod_jobs.catalog.models import ApiToken, Audit, SignInLink, User
from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused, ServiceUnavailable
from pod_jobs.instance import joining
from pod_jobs.settings import Settings, load
from pod_jobs.settings.section import as_toml

REDIS = "rediss://queue.example.org:6380/3?ssl_ca_certs=/etc/ssl/own.pem"


@pytest.fixture
def inviting(settings: Settings, tokens: dict[str, str]) -> Settings:
    redis = settings.redis.model_copy(update={"url": REDIS})
    return settings.model_copy(update={"redis": redis})


@pytest.fixture
def url(app: Flask, inviting: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the web app of the instance that invites."""
    monkeypatch.setattr("pod_jobs.web.api.joining.services", lambda: type("Services", (), {"settings": inviting}))
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def line(inviting: Settings, url: str) -> str:
    with database.connect(inviting.database_url).connection_context():
        return joining.invite(inviting).replace("http://pod.test", url)


def test_a_host_joins_once(inviting: Settings, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("POD_JOBS_REDIS__URL", "POD_JOBS_HOME", "POD_JOBS_WEB__PUBLIC_URL"):
        monkeypatch.delenv(variable)
    joined = joining.join(line, tmp_path / "far é", "host-2")
    assert (joined.redis_url, joined.catalog_url, joined.worker.storage) == (REDIS, line.partition("#")[0], "http")
    assert load(tmp_path / "far é") == joined
    for name in ("settings.toml", "secrets/worker_token"):
        assert (joined.home / name).stat().st_mode & 0o077 == 0
    with database.connect(inviting.database_url).connection_context():
        user = users.find_by_token(joined.secret("worker_token"), datetime.now(UTC))
        assert user.role == "worker"
        assert ApiToken.select().where(ApiToken.label == "host host-2").count() == 1
        assert Audit.select().where(Audit.action == "worker joined", Audit.subject == "host-2").count() == 1
    with pytest.raises(Refused, match="used already"):
        joining.join(line, tmp_path / "another", "host-3")
    assert not (tmp_path / "another").exists()
    with pytest.raises(Refused, match="has settings already"):
        joining.join(line, joined.home, "host-2")


def test_two_invitations_hold_side_by_side(inviting: Settings, line: str, tmp_path: Path, url: str) -> None:
    with database.connect(inviting.database_url).connection_context():
        second = joining.invite(inviting).replace("http://pod.test", url)
    joining.join(line, tmp_path / "one", "host-2")
    joining.join(second, tmp_path / "two", "host-3")


def test_an_invitation_may_be_for_some_queues_alone(inviting: Settings, url: str, tmp_path: Path) -> None:
    with database.connect(inviting.database_url).connection_context():
        line = joining.invite(inviting, ["encoding", "transcripting"]).replace("http://pod.test", url)
    for forged in (line.replace("encoding.", ""), line.partition("~")[0], f"{line}.xapi"):
        with pytest.raises(Refused, match="used already"):
            joining.join(forged, tmp_path / "forged", "host-2")
    joined = joining.join(line, tmp_path / "far", "host-2")
    with database.connect(inviting.database_url).connection_context():
        assert users.find_token(joined.secret("worker_token"), datetime.now(UTC)).queues == "encoding,transcripting"


def test_a_host_of_another_version_is_told_and_may_use_the_line_later(
    inviting: Settings, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = requests.Session.post

    def of_another_version(session: requests.Session, url: str, **more: Any) -> requests.Response:
        more["json"]["version"] = "9.9.9"
        return post(session, url, **more)

    with monkeypatch.context() as patched:
        patched.setattr(requests.Session, "post", of_another_version)
        with pytest.raises(Refused, match=r"9\.9\.9"):
            joining.join(line, tmp_path / "far", "host-2")
    joining.join(line, tmp_path / "far", "host-2")


def test_an_invitation_expires(inviting: Settings, line: str, tmp_path: Path) -> None:
    with database.connect(inviting.database_url).connection_context():
        SignInLink.update(expires_at=datetime.now(UTC) - timedelta(seconds=1)).execute()
    with pytest.raises(Refused, match="has expired"):
        joining.join(line, tmp_path / "far", "host-2")


def test_the_sign_in_link_of_a_person_is_no_invitation(inviting: Settings, url: str, tmp_path: Path) -> None:
    with database.connect(inviting.database_url).connection_context():
        code = users.create_link(users.find("ada"), timedelta(hours=1), datetime.now(UTC))
    with pytest.raises(Refused, match="used already"):
        joining.join(f"{url}#{code}", tmp_path / "far", "host-2")
    with database.connect(inviting.database_url).connection_context():
        assert users.peek_link(code, datetime.now(UTC)).name == "ada"  # and it is not used up


def test_an_invitation_signs_nobody_in(inviting: Settings, url: str, line: str) -> None:
    with requests.Session() as browser:
        link = f"{url}/sign-in/{line.partition('#')[2]}"
        assert browser.get(link, timeout=10).status_code == 410
        assert browser.get(f"{url}/account", timeout=10, allow_redirects=False).status_code == 302


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "hello",
            "ftp://x#abc",
            "https://video.example.org",
            "http://[#x",
            "http://a:b#x",
            "https://a:0#x",
            "http://#x",
        )
    ],
)
def test_what_is_no_invitation_is_said(text: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no invitation"):
        joining.join(text, tmp_path / "far", "host-2")


def test_a_web_app_that_is_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable):
        joining.join("http://127.0.0.1:9#abc", tmp_path / "far", "host-2")


@pytest.mark.parametrize("status", [502, 404, 409, 301, 200])
def test_an_answer_of_a_proxy_is_not_taken(
    line: str, tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with monkeypatch.context() as behind_a_proxy:
        behind_a_proxy.setattr(requests.Session, "post", lambda *_, **__: _answer(status, b"<html>by the proxy"))
        with pytest.raises(ServiceUnavailable, match=f"{status}, and not the answer of a web app"):
            joining.join(line, tmp_path / "far", "host-2")
    assert not (tmp_path / "far").exists()
    joining.join(line, tmp_path / "far", "host-2")


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_a_folder_that_cannot_be_written_is_said_before_the_line_is_used_up(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    if moment == "before":
        home = tmp_path / "a file" / "far"
        (tmp_path / "a file").write_text("no folder")
        with pytest.raises(Refused, match="cannot be written: Not a directory"):
            joining.join(line, home, "host-2")
        joining.join(line, tmp_path / "far", "host-2")
        return

    def full(path: Path, text: str) -> None:
        path.write_text(text)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(joining, "_write_private", full)
    with pytest.raises(Refused, match="cannot be written: No space left"):
        joining.join(line, tmp_path / "new" / "far", "host-2")
    assert not (tmp_path / "new").exists()


def test_all_that_was_printed_may_be_given(line: str, tmp_path: Path) -> None:
    joined = joining.join(f"On the other host: ./run worker join '{line}' encoding\n", tmp_path / "far", "host-2")
    assert joined.catalog_url == line.partition("#")[0]


def test_a_line_says_its_queues() -> None:
    assert joining.queues_of("https://pod.example.org/jobs#x-Y_z~xapi.encoding\n") == ("encoding", "xapi")
    assert joining.queues_of("https://pod.example.org#x-Y_z") == ()


def _answer(status: int, body: bytes) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer._content = status, body
    return answer


@pytest.mark.parametrize(
    "redis_url",
    [
        "",
        "unix:///run/redis.sock",
        "redis://localhost:6379/0",
        "redis://127.0.0.1/0",
        "redis+sentinel://:word@127.0.0.1:26379,127.0.0.1:26380/pod/0",
    ],
)
def test_no_host_is_invited_that_could_not_reach_the_queue(inviting: Settings, redis_url: str) -> None:
    redis = inviting.redis.model_copy(update={"url": redis_url})
    with database.connect(inviting.database_url).connection_context(), pytest.raises(Refused, match=r"redis\.url"):
        joining.invite(inviting.model_copy(update={"redis": redis}))


def test_hosts_may_get_another_user_of_the_key_value_server(settings: Settings, tokens: dict[str, str]) -> None:
    more = {"url": "unix:///x.sock", "worker_url": REDIS, "prefix": "univ"}
    own = settings.model_copy(update={"redis": settings.redis.model_copy(update=more)})
    with database.connect(own.database_url).connection_context():
        code = joining.invite(own).partition("#")[2]
        terms = joining.welcome(own, code, "host-2", pod_jobs.__version__)
    assert (terms.redis_url, terms.redis_prefix) == (REDIS, "univ")


def test_no_host_is_invited_that_could_not_reach_the_web_app(inviting: Settings) -> None:
    web = inviting.web.model_copy(update={"public_url": "http://localhost:8000"})
    with database.connect(inviting.database_url).connection_context(), pytest.raises(Refused, match=r"web\.public_url"):
        joining.invite(inviting.model_copy(update={"web": web}))


def test_a_name_full_of_control_characters_becomes_a_label(inviting: Settings, line: str, tmp_path: Path) -> None:
    joining.join(line, tmp_path / "far", "host\n\x1b[31m" + "x" * 100)
    with database.connect(inviting.database_url).connection_context():
        label = ApiToken.select().where(ApiToken.user == User.get(User.name == "workers")).order_by(ApiToken.id.desc())
        assert label.first().label == "host host[31m" + "x" * 52


@pytest.mark.parametrize("text", ['redis://:a"b\\c@h/0', "redis://h/0\nurl = 1", "redis://h/\x7f\x1b", "é"])
def test_settings_hold_any_address(text: str) -> None:
    more = {"prefix": as_toml("univ"), "storage": as_toml("http")}
    written = joining.SETTINGS.format(redis=as_toml(text), url=as_toml(text), **more)
    assert tomllib.loads(written)["redis"] == {"url": text, "prefix": "univ"}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("http://pod.example.org#x", True),
        ("https://pod.example.org#x", False),
        ("http://127.0.0.1:8000#x", False),
        ("http://[::1]#x", False),
    ],
)
def test_a_network_that_others_may_read_is_said(line: str, wanted: bool) -> None:
    assert joining.is_in_clear(line) == wanted
