"""What the doctor makes of what services say; that it asks real ones is in tests/integration."""

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from peewee import OperationalError
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

import pod_jobs
from pod_jobs.catalog import database
from pod_jobs.catalog.models import Audit
from pod_jobs.errors import ServiceUnavailable, SettingsError
from pod_jobs.instance.doctor import services
from pod_jobs.instance.doctor.finding import Finding
from pod_jobs.jobs import sentinel, workforce
from pod_jobs.settings import QUEUES

MB = services.MB
KEEPS: dict[str, Any] = {"used_memory": 1, "aof_enabled": 1, "maxmemory_policy": "noeviction"}


class Server:
    """A key-value server that says `facts` of itself; an exception is raised."""

    def __init__(self, facts: Any = None, refuses: type[Exception] | None = None) -> None:
        self._facts, self._refuses = facts, refuses

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None: ...

    def info(self) -> Any:
        if isinstance(self._facts, Exception):
            raise self._facts
        return self._facts

    def execute_command(self, *_: Any) -> None:
        if self._refuses:
            raise self._refuses("no")

    def publish(self, *_: Any) -> None:
        self.execute_command()

    def get(self, *_: Any) -> Any:
        return self.info()


def settings_with(monkeypatch: pytest.MonkeyPatch, server: Server, url: str = "", *, unsafe: bool = False) -> Any:
    monkeypatch.setattr(services, "connect_promptly", lambda url: server)
    return SimpleNamespace(redis_url=url or "unix:///x", redis=SimpleNamespace(url=url, accept_unsafe=unsafe))


def states(findings: Any) -> list[tuple[str, str]]:
    return [(finding.check, finding.state) for finding in findings]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"redis_version": "6.2.0"}, "ok"),
        ({"redis_version": "6.1.9"}, "fault"),
        ({"redis_version": "5.9.9"}, "fault"),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, "ok"),
        ({"redis_version": "7.2.4", "valkey_version": "6.1.0"}, "fault"),
    ],
)
def test_a_server_that_is_too_old(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], state: str) -> None:
    settings = settings_with(monkeypatch, Server({**KEEPS, **facts}))
    first, *others = services.check_key_value_server(settings)
    assert first.state == state and str(facts.get("valkey_version", facts["redis_version"])) in first.text
    assert states(others) == [("persistence", "ok"), ("eviction", "ok"), ("key-value server's door", "ok")]


@pytest.mark.parametrize(
    ("fault", "url", "text", "remedy"),
    [
        (AuthenticationError("HELLO must be called"), "", "asks for a password", "redis.url = "),
        (AuthenticationError("WRONGPASS"), "", "refuses user or password: WRONGPASS", "redis.url = "),
        (RedisError("away"), "", "does not answer: away", "./run up starts"),
        (ValueError("an address"), "redis://x", "does not answer: an address", ""),
    ],
)
def test_a_server_that_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, url: str, text: str, remedy: str
) -> None:
    (finding,) = services.check_key_value_server(settings_with(monkeypatch, Server(fault), url))
    assert (finding.state, finding.text) == ("fault", text)
    assert finding.remedy.startswith(remedy) and bool(finding.remedy) is bool(remedy)


@pytest.mark.parametrize(
    ("facts", "is_one"), [({}, False), ({"cluster_enabled": "0"}, False), ({"cluster_enabled": "1"}, True)]
)
def test_a_cluster(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], is_one: bool) -> None:
    settings = settings_with(monkeypatch, Server({**KEEPS, "redis_version": "7.0", **facts}))
    assert any("is a cluster" in finding.text for finding in services.check_key_value_server(settings)) is is_one


@pytest.mark.parametrize("unsafe", [True, False])
def test_a_server_that_forgets_is_a_fault_unless_that_is_accepted(
    monkeypatch: pytest.MonkeyPatch, unsafe: bool
) -> None:
    facts = {"used_memory": 1, "redis_version": "7.0", "aof_enabled": 0, "maxmemory_policy": "allkeys-lru"}
    found = services.check_key_value_server(settings_with(monkeypatch, Server(facts), unsafe=unsafe))
    bad = "warning" if unsafe else "fault"
    assert states(found)[1:3] == [("persistence", bad), ("eviction", bad)]


@pytest.mark.parametrize(
    ("most", "used", "state"),
    [
        (0, 5, None),
        (None, 5, None),
        (1000, 900, None),
        (1000, 901, "warning"),
        (1000, 999, "warning"),
        (1000, 1000, "fault"),
    ],
)
def test_a_server_whose_memory_is_full(most: int | None, used: int, state: str | None) -> None:
    found = states(services._memory({"maxmemory": most and most * MB, "used_memory": used * MB}))
    assert found == ([("memory", state)] if state else [])


@pytest.mark.parametrize(
    ("refuses", "expected"), [(None, []), (NoPermissionError, [("rights", "fault")]), (RedisError, [])]
)
def test_rights_are_tried(monkeypatch: pytest.MonkeyPatch, refuses: type[Exception] | None, expected: Any) -> None:
    assert states(services._rights(settings_with(monkeypatch, Server(refuses=refuses)))) == expected


@pytest.mark.parametrize(
    ("answering", "total", "state"),
    [(3, 3, "ok"), (5, 5, "ok"), (2, 2, "warning"), (2, 3, "warning"), (1, 1, "warning")],
)
def test_sentinels_are_counted(monkeypatch: pytest.MonkeyPatch, answering: int, total: int, state: str) -> None:
    monkeypatch.setattr(sentinel, "count", lambda url: (answering, total))
    first, _ = services._watch("redis+sentinel://x", {})
    assert (first.check, first.state) == ("sentinels", state) and f"{answering} of {total} answer" in first.text


@pytest.mark.parametrize(
    ("facts", "state", "begin"),
    [
        ({}, "warning", "no other server"),
        ({"connected_slaves": 0, "min_slaves_good_slaves": 0}, "warning", "no other server"),
        ({"connected_slaves": "2"}, "warning", "2; what is written"),
        ({"connected_slaves": 1, "min_slaves_good_slaves": 1}, "ok", "1"),
    ],
)
def test_copies_are_counted(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], state: str, begin: str) -> None:
    monkeypatch.setattr(sentinel, "count", lambda url: (3, 3))
    _, copies = services._watch("redis+sentinel://x", facts)
    assert (copies.check, copies.state) == ("copies", state) and copies.text.startswith(begin)


@pytest.mark.parametrize(
    ("apart_s", "state"),
    [(0, "ok"), (5, "ok"), (-5, "ok"), (6, "warning"), (60, "warning"), (-61, "fault"), (61, "fault")],
)
def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch, apart_s: int, state: str) -> None:
    monkeypatch.setattr(services, "clock_of", lambda redis: 1000.0 + apart_s)
    monkeypatch.setattr(services, "time", SimpleNamespace(time=lambda: 1000.0))
    assert states(services.check_clock(settings_with(monkeypatch, Server()))) == [("clock", state)]


@pytest.mark.parametrize(
    ("alive", "suspended", "state", "text"),
    [
        (2, 0, "ok", "encoding 2"),
        (3, 1, "ok", "encoding 3"),
        (1, 0, "warning", "encoding: 1 of 2"),
        (1, 1, "warning", "encoding: 1 of 2, 1 take no job"),
    ],
)
def test_workers_that_lack(monkeypatch: pytest.MonkeyPatch, alive: int, suspended: int, state: str, text: str) -> None:
    counted = {name: workforce.Strength(0, 0) for name in QUEUES} | {"encoding": workforce.Strength(alive, suspended)}
    monkeypatch.setattr(workforce, "strengths", lambda redis, names: counted)
    settings = settings_with(monkeypatch, Server())
    settings.expected_workers = {name: 2 * (name == "encoding") for name in QUEUES}.get
    (found,) = services.check_workers(settings)
    assert found.state == state and text in found.text.split("; " if state == "warning" else ", ")


@pytest.mark.parametrize(("refuses", "state"), [(NoPermissionError, "fault"), (RedisError, "warning")])
def test_workers_that_cannot_be_counted(monkeypatch: pytest.MonkeyPatch, refuses: type[Exception], state: str) -> None:
    assert states(services.check_workers(settings_with(monkeypatch, Server(refuses=refuses)))) == [("workers", state)]


@pytest.mark.parametrize(
    ("said", "state", "text"),
    [
        (None, "warning", "it gives no sign of life"),
        (b"host:7", "ok", "at work: host:7"),
        (RedisError("away"), "warning", "not known"),
    ],
)
def test_a_janitor_that_is_silent(monkeypatch: pytest.MonkeyPatch, said: Any, state: str, text: str) -> None:
    (found,) = services.check_janitor(settings_with(monkeypatch, Server(said)))
    assert found.state == state and found.text.startswith(text)


@pytest.mark.parametrize(
    ("pending", "newer", "state", "writes"),
    [([], [], "ok", 1), (["003"], [], "fault", 0), ([], ["004"], "fault", 1), (["003"], ["004"], "fault", 0)],
)
def test_a_database_of_another_version(
    monkeypatch: pytest.MonkeyPatch, pending: list[str], newer: list[str], state: str, writes: int
) -> None:
    wrote = []
    attempt = SimpleNamespace(rollback=lambda: wrote.append("taken back"))
    catalog = SimpleNamespace(connection_context=nullcontext, atomic=lambda: nullcontext(attempt))
    monkeypatch.setattr(database, "connect", lambda url: catalog)
    monkeypatch.setattr(database, "pending", lambda catalog: pending)
    monkeypatch.setattr(database, "newer_migrations", lambda catalog: newer)
    monkeypatch.setattr(Audit, "create", lambda **_: None)
    settings = SimpleNamespace(database_url="sqlite:///x", lacks_database=False)
    (found,) = services.check_database(settings)  # type: ignore[arg-type]
    assert (found.check, found.state, len(wrote)) == ("database", state, writes)
    assert ("newer version" in found.text) is bool(newer)


def media_of(storage: str, check: Callable[[str], None] = lambda expected: None) -> Any:
    return SimpleNamespace(
        worker=SimpleNamespace(storage=storage),
        catalog_url="http://x",
        media=SimpleNamespace(check_locks=lambda: "", identity_file=lambda: "/m/.identity"),
        storage=SimpleNamespace(check=check),
    )


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (200, {"media": "x"}, [("media", "ok"), ("locks", "ok")]),
        (200, {}, [("media", "warning")]),
        (302, {"media": "x"}, [("media", "warning")]),
        (500, {"media": "x"}, [("media", "warning")]),
    ],
)
def test_a_media_folder_is_compared_with_what_the_catalog_says(
    monkeypatch: pytest.MonkeyPatch, status: int, said: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    answer = SimpleNamespace(status_code=status, json=lambda: said)
    monkeypatch.setattr(services, "_ask_who_we_are", lambda settings: answer)
    assert states(services.check_media(media_of("shared"))) == expected


def test_a_media_folder_that_is_not_the_right_one_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(expected: str) -> None:
        raise ServiceUnavailable(f"it is not {expected}")

    answered = SimpleNamespace(status_code=200, json=lambda: {"media": "x"})
    monkeypatch.setattr(services, "_ask_who_we_are", lambda settings: answered)
    (found,) = services.check_media(media_of("shared", refuse))
    assert found.state == "fault" and found.remedy.endswith("echo x > '/m/.identity'")


def test_workers_without_a_media_folder_ask_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_bucket_of_worker", lambda settings: Finding("media", "ok", "by a bucket"))
    (by_http,), (by_bucket,) = (list(services.check_media(media_of(kind))) for kind in ("http", "s3"))
    assert (by_http.state, by_bucket.text) == ("ok", "by a bucket") and "by http://x" in by_http.text


@pytest.mark.parametrize(
    ("only_here", "expected"),
    [("", ("locks", "ok")), ("nolock", ("locks", "warning")), (SettingsError("none"), ("locks", "fault"))],
)
def test_locks_that_other_hosts_do_not_see(only_here: Any, expected: tuple[str, str]) -> None:
    def check() -> str:
        if isinstance(only_here, Exception):
            raise only_here
        return str(only_here)

    settings: Any = SimpleNamespace(media=SimpleNamespace(check_locks=check))
    assert states(services._locks(settings)) == [expected]


@pytest.mark.parametrize(("endpoint", "expected"), [("", []), ("http://s3", [("bucket", "ok")])])
def test_a_bucket_is_tried_where_there_is_one(endpoint: str, expected: list[tuple[str, str]]) -> None:
    settings: Any = SimpleNamespace(s3=SimpleNamespace(endpoint=endpoint), bucket=SimpleNamespace(check=lambda: None))
    assert states(services.check_bucket(settings)) == expected


@pytest.mark.parametrize(
    ("server", "fault", "state", "text"),
    [
        ("", None, "ok", "mail.server is not set"),
        ("mail.test", None, "ok", "mail.test:25 takes mail"),
        ("mail.test", ServiceUnavailable("refused"), "warning", "refused"),
    ],
)
def test_a_mail_server(
    monkeypatch: pytest.MonkeyPatch, server: str, fault: Exception | None, state: str, text: str
) -> None:
    from pod_jobs.outside import mail

    def check(account: object) -> None:
        if fault:
            raise fault

    monkeypatch.setattr(mail, "check", check)
    settings: Any = SimpleNamespace(mail=SimpleNamespace(server=server, port=25), mail_account=lambda: None)
    (found,) = services.check_mail(settings)
    assert found.state == state and found.text.startswith(text)


ACCEPTED = {"name": "workers", "permissions": ["run-tasks"], "version": pod_jobs.__version__}


@pytest.mark.parametrize(
    ("status", "said", "queues", "state", "text"),
    [
        (200, ACCEPTED, ["xapi"], "ok", "http://x"),
        (200, {**ACCEPTED, "version": ""}, [], "ok", "http://x"),
        (200, {**ACCEPTED, "version": "0.0.1"}, [], "fault", "0.0.1"),
        (200, {**ACCEPTED, "queues": ["xapi"]}, ["xapi"], "ok", "http://x"),
        (200, {**ACCEPTED, "queues": ["xapi"]}, ["encoding"], "fault", "encoding"),
        (200, {**ACCEPTED, "queues": ["xapi"]}, [], "ok", "http://x"),
        (200, {**ACCEPTED, "permissions": []}, [], "fault", "a token of workers"),
        (200, {}, [], "fault", "something else"),
        (401, {}, [], "fault", "refuses secrets/worker_token"),
        (403, {}, [], "fault", "refuses secrets/worker_token"),
        (404, {}, [], "fault", "http://x/me answers 404"),
        (503, {}, [], "fault", "http://x/me answers 503"),
    ],
)
def test_what_the_catalog_answers(
    monkeypatch: pytest.MonkeyPatch, status: int, said: dict[str, Any], queues: list[str], state: str, text: str
) -> None:
    answer = SimpleNamespace(status_code=status, is_redirect=False, url="http://x/me", json=lambda: said)
    monkeypatch.setattr(services, "_ask_who_we_are", lambda settings: answer)
    settings: Any = SimpleNamespace(catalog_url="http://x")
    (found,) = services.check_catalog(settings, queues)
    assert found.state == state and text in found.text


@pytest.mark.parametrize(
    ("error", "text"),
    [(SettingsError("no token"), "no token"), (requests.ConnectTimeout(), "does not answer (ConnectTimeout)")],
)
def test_a_catalog_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, error: Exception, text: str) -> None:
    def ask(settings: object) -> Any:
        raise error

    monkeypatch.setattr(services, "_ask_who_we_are", ask)
    settings: Any = SimpleNamespace(catalog_url="http://x")
    (found,) = services.check_catalog(settings)
    assert found.state == "fault" and text in found.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OperationalError("permission denied for table video"), "database.url: "),
        (OperationalError("unable to open"), "unable to open"),
        (ServiceUnavailable("away"), "away"),
    ],
)
def test_a_database_that_refuses(monkeypatch: pytest.MonkeyPatch, error: Exception, text: str) -> None:
    def connect(url: str) -> Any:
        raise error

    monkeypatch.setattr(database, "connect", connect)
    settings: Any = SimpleNamespace(database_url="sqlite:///x", lacks_database=False)
    (found,) = services.check_database(settings)
    assert found.state == "fault" and found.text.startswith(text)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("unix:///x", "ok"),
        ("redis://127.0.0.1/0", "ok"),
        ("redis://localhost/0", "ok"),
        ("redis://10.0.0.7/0", "warning"),
        ("redis://u:p@10.0.0.7/0", "warning"),
        ("rediss://10.0.0.7/0", "warning"),
        ("rediss://u:p@10.0.0.7/0", "ok"),
        ("rediss://10.0.0.7/0?password=p", "ok"),
        ("rediss://u:p@10.0.0.7/0?ssl_cert_reqs=Required", "ok"),
        ("rediss://u:p@10.0.0.7/0?ssl_cert_reqs=none", "warning"),
    ],
)
def test_the_way_to_a_server(url: str, state: str) -> None:
    assert states(services.check_way_to_key_value_server(url)) == [("key-value server's door", state)]
