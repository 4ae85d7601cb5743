"""Workers with no more rights in the key-value server than `pod-jobs acl` gives them."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError, NoPermissionError

from pod_jobs.instance.doctor import services
from pod_jobs.jobs import queue
from pod_jobs.jobs.acl import NEWEST, acl_line, version_of_server
from pod_jobs.jobs.report import waiting_reports
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import QUEUES, load
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, keep_working, status, working
from tests.servers import KeyValueServer, free_port, need, wait_until

PASSWORD = "a-password-of-a-worker"


@pytest.fixture(params=["another host", "web host"])
def limited(
    request: pytest.FixtureRequest,
    redis: Redis,
    key_value_server: KeyValueServer,
    small_catalog: SmallCatalog,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, str]]:
    """Queue -> the address of the server for its workers."""
    if request.param == "another host":
        monkeypatch.setenv("POD_JOBS_WORKER__CATALOG_URL", small_catalog.url)
    users = {name: f"worker_{name}" for name in QUEUES}
    for name, user in users.items():
        redis.execute_command(
            *acl_line(JOB_TYPES, name, user, PASSWORD, on_web_host=request.param == "web host").split()
        )
    redis.execute_command("ACL", "LOG", "RESET")
    yield {name: f"{key_value_server.url}?username={user}&password={PASSWORD}" for name, user in users.items()}
    redis.execute_command("ACL", "DELUSER", *users.values())


def refusals(redis: Redis) -> list[tuple[object, ...]]:
    """(user, reason, command or key) of each thing that somebody tried without the right."""
    return [(one["username"], one["reason"], one["object"]) for one in redis.acl_log()]


def outcomes(catalog: SmallCatalog) -> list[str]:
    """How attempts ended. A report may arrive twice: a worker sends its own, and any worker of the host sends what waits."""
    return [
        outcome for _, outcome in dict.fromkeys((report["attempt"], report["outcome"]) for report in catalog.reports)
    ]


def test_workers_do_all_their_work_and_try_nothing_else(
    redis: Redis, limited: dict[str, str], start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    enqueue(redis)
    worker = start_worker(encode=lambda context, order: RESULT, url=limited["encoding"])
    start_worker("catalog", url=limited["catalog"])
    wait_until(lambda: small_catalog.reports and not waiting_reports(redis))
    wait_until(lambda: status(redis) == "finished")
    assert refusals(redis) == []
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    queue.remove(redis, "encode-7-g1")
    enqueue(redis)
    second = start_worker(encode=keep_working, url=limited["encoding"])
    wait_until(lambda: working(redis))
    queue.request_interrupt(redis, 7, queue.read_progress(redis, [7])[7]["worker"])
    wait_until(lambda: outcomes(small_catalog) == ["done", "interrupted"])
    second.signal(signal.SIGTERM)
    assert second.wait() == 0
    for name in QUEUES:
        found = list(services.check_key_value_server(load(redis={"url": limited[name]})))
        assert not [one for one in found if one.check == "rights"]
    assert refusals(redis) == []


@pytest.fixture
def older_server(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of this host's distribution. That of Debian 12 is 7.0."""
    program, port = shutil.which("redis-server"), free_port()
    need(program, "Redis")
    process = subprocess.Popen([str(program), "--port", str(port), "--dir", str(tmp_path), "--logfile", "log"])
    with Redis(port=port) as redis:
        wait_until(lambda: is_up(redis), 10, "Redis answers")
        yield redis
    process.terminate()
    process.wait(10)


def is_up(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except ConnectionError:
        return False


@pytest.mark.parametrize("taken_for", [None, (6, 2)])
def test_an_older_server_takes_the_line_too(
    older_server: Redis,
    small_catalog: SmallCatalog,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    taken_for: tuple[int, int] | None,
) -> None:
    port = older_server.connection_pool.connection_kwargs["port"]
    address = f"127.0.0.1:{port}/0"
    version = taken_for or version_of_server(f"redis://{address}")
    older_server.execute_command(*acl_line(JOB_TYPES, "encoding", "enc", PASSWORD, server=version).split())
    monkeypatch.setenv("POD_JOBS_WORKER__CATALOG_URL", small_catalog.url)
    monkeypatch.setenv("POD_JOBS_REDIS__URL", url := f"redis://enc:{PASSWORD}@{address}")
    enqueue(older_server)
    start_worker(encode=lambda context, order: RESULT, url=url)
    wait_until(lambda: status(older_server) == "finished")
    assert refusals(older_server) == []
    with Redis.from_url(url) as worker, pytest.raises(NoPermissionError):
        worker.lpush("rq:queue:transcripting", "x")


def test_a_server_that_does_not_answer_is_taken_for_the_newest() -> None:
    assert version_of_server(f"redis://127.0.0.1:{free_port()}") == NEWEST
    assert version_of_server("no address") == NEWEST


@pytest.mark.parametrize(
    "command",
    [
        ("LPUSH", "rq:queue:transcripting", "x"),
        ("GET", "rq:job:transcribe-1-g1"),
        ("HGETALL", "rq:worker:xapi.host.1"),
        ("SET", "pod_jobs:drains", "[]"),
        ("SET", "pod_jobs:owner", "x"),
        ("SET", "pod_jobs:cancel:1", "1"),
        ("PUBLISH", "rq:pubsub:encoding.host.1", "{}"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
    ],
)
def test_nothing_else_is_open_to_them(limited: dict[str, str], command: tuple[str, ...]) -> None:
    with Redis.from_url(limited["encoding"]) as worker, pytest.raises(NoPermissionError):
        worker.execute_command(*command)


@pytest.mark.parametrize(
    "command",
    [
        ("HDEL", "pod_jobs:reports", "1-g1-a1"),
        ("HGETALL", "pod_jobs:reports"),
        ("DEL", "rq:job:report-1-g1-a1"),
        ("LPUSH", "rq:queue:catalog", "x"),
    ],
)
@pytest.mark.parametrize("limited", ["another host"], indirect=True)
def test_another_host_reaches_nobodys_reports(limited: dict[str, str], command: tuple[str, ...]) -> None:
    with Redis.from_url(limited["encoding"]) as worker, pytest.raises(NoPermissionError):
        worker.execute_command(*command)
