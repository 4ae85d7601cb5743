"""Somebody else writes jobs to the key-value server: a real worker runs none of them, and goes on with ours."""

import json
import pickle
import re
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from rq.job import Job

from pod_jobs.catalog.client import Order
from pod_jobs.janitor import registries, sightings
from pod_jobs.jobs import keys, queue, snapshot, workforce
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.job_type import Payload
from pod_jobs.jobs.report import REPORT, describe_waiting, entry_of, tasks_with_report, waiting_reports
from pod_jobs.jobs.rq_classes import PERFORM, PodJob
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import PAYLOAD, RESULT, enqueue, status
from tests.servers import wait_until

MARK: list[Path] = []  # where `leave_a_mark` writes; the worker is forked from this process
HELP = {"helps": 7, "generation": 1, "attempt": 1, "video": 3, "kind": "encode", "template": "web", "media": ""}


def leave_a_mark(*_: Any) -> None:
    """What an attacker wants to run: a function that the worker can import."""
    MARK[0].touch()


EVIL = f"{__name__}.leave_a_mark"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    MARK[:] = [tmp_path / "it ran"]
    return MARK[0]


def finish(context: Context, order: Order) -> Payload:
    return RESULT


def plant(redis: Redis, job_id: str, data: Any, queue_name: str = "encoding", **fields: Any) -> None:
    """As RQ stores a job, and in front of all others."""
    packed = data if isinstance(data, bytes) else zlib.compress(json.dumps(data).encode())
    times = dict.fromkeys(("created_at", "enqueued_at"), "2026-11-01T00:00:00.000000Z")
    stored: dict[Any, Any] = {
        "data": packed,
        "status": "queued",
        "origin": queue_name,
        "timeout": 60,
        **times,
        **fields,
    }
    redis.hset(keys.rq_job(job_id), mapping=stored)
    redis.lpush(keys.rq_queue(queue_name), job_id)


def call(kind: str, payload: Any) -> list[Any]:
    return [PERFORM, None, [kind, payload], {}]


FOREIGN = {  # a job of none of our programs: (id, data)
    "a function": ("encode-1-g1", ["os.system", None, ["id"], {}]),
    "our tests' function": ("encode-1-g1", [EVIL, None, [], {}]),
    "a method": ("encode-1-g1", ["perform", "os", ["encode", PAYLOAD], {}]),
    "named arguments": ("encode-1-g1", [PERFORM, None, [], {"kind": "encode", "payload": PAYLOAD}]),
    "too many arguments": ("encode-1-g1", [PERFORM, None, ["encode", PAYLOAD, 1], {}]),
    "another kind than its id": ("encode-1-g1", call("verify", PAYLOAD)),
    "an id of no kind": ("x", call("encode", PAYLOAD)),
    "a pickle": ("encode-1-g1", zlib.compress(pickle.dumps((leave_a_mark, None, (), {})))),
    "no JSON": ("encode-1-g1", b"\xff\xfe"),
    "deep JSON": ("encode-1-g1", zlib.compress(b"[" * 200_000)),
    "a bomb": ("encode-1-g1", zlib.compress(b" " * 50_000_000)),
}
UNFIT = {  # our function with what none of our programs gives it: (id, kind, payload)
    "an unknown kind": ("noop-1", "noop", {}),
    "a kind of another queue": ("verify-1-g1", "verify", {"task": 1, "generation": 1}),
    "no number": ("encode-1-g1", "encode", {"task": "../../start", "generation": 1}),
    "a bool": ("encode-1-g1", "encode", {"task": True, "generation": 1}),
    "a field more": ("encode-1-g1", "encode", {"task": 1, "generation": 1, "x": 1}),
    "a field less": ("encode-1-g1", "encode", {"task": 1}),
    "help in a foreign folder": ("assist-1", "assist", {**HELP, "kind": "../../etc"}),
    "help with a lock elsewhere": ("assist-1", "assist", {**HELP, "template": "x/../../../../tmp/lock"}),
    "help for no video": ("assist-1", "assist", {**HELP, "video": "../.."}),
}


def test_nothing_foreign_is_run_and_the_same_worker_goes_on(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog, mark: Path, tmp_path: Path
) -> None:
    for number, (job_id, data) in enumerate(FOREIGN.values()):
        plant(redis, f"{job_id}{number}", data)
    plant(redis, "encode-1-g99", ["os.system", None, [f"touch '{mark}'"], {}])
    for number, (job_id, kind, payload) in enumerate(UNFIT.values()):
        plant(redis, f"{job_id}{number}", call(kind, payload))
    redis.set(keys.rq_job("encode-2-g1"), "no hash")
    redis.lpush(keys.rq_queue("encoding"), "encode-2-g1")
    enqueue(redis)  # behind them all
    worker = start_worker(encode=finish)
    wait_until(lambda: status(redis) == "finished")
    worker.signal(0)  # it is the one that was started: none of them made it end
    assert not mark.exists()
    assert [start["task"] for start in small_catalog.starts] == [7]
    unfit = [f"{job_id}{number}" for number, (job_id, _, _) in enumerate(UNFIT.values())]
    assert {job_id: status(redis, job_id) for job_id in unfit} == dict.fromkeys(unfit, "failed")


@pytest.mark.parametrize("field", ["success_callback_name", "failure_callback_name", "stopped_callback_name"])
def test_a_callback_that_somebody_added_to_a_job_of_ours_is_not_called(
    redis: Redis, start_worker: StartWorker, mark: Path, field: str
) -> None:
    payload = PAYLOAD if field.startswith("success") else {"task": 7}
    plant(redis, "encode-7-g1", call("encode", payload), **{field: EVIL})
    start_worker(encode=finish)
    wait_until(lambda: status(redis) in ("finished", "failed"))
    assert not mark.exists()


def test_what_ours_never_have_is_not_even_read(redis: Redis) -> None:
    webhook = json.dumps([{"url": "http://127.0.0.1:1/", "on": ["success", "failure"]}])
    plant(redis, "encode-7-g1", call("encode", PAYLOAD), webhooks=webhook, repeats_left=9, dependency_ids='["x"]')
    for job in (PodJob.fetch("encode-7-g1", redis), *PodJob.fetch_many(["encode-7-g1"], redis)):
        assert isinstance(job, PodJob) and job.args == ["encode", PAYLOAD]
        assert not job.webhooks and not job.repeats_left and not job.dependency_ids


def test_a_list_of_jobs_shows_ours_beside_foreign_ones(redis: Redis) -> None:
    enqueue(redis)
    plant(redis, "encode-1-g1", ["os.system", None, ["id"], {}])
    found = PodJob.fetch_many(["encode-1-g1", "encode-7-g1", "encode-0-g1"], redis)
    assert [job.id if job else None for job in found] == [None, "encode-7-g1", None]


def test_a_foreign_job_under_the_id_of_ours_does_not_keep_ours_out(redis: Redis) -> None:
    plant(redis, "encode-7-g1", ["os.system", None, ["id"], {}])
    enqueue(redis)
    job = queue.fetch(redis, "encode-7-g1")
    assert job is not None and job.func_name == PERFORM


def test_the_time_limit_is_the_job_types_own(redis: Redis, start_worker: StartWorker) -> None:
    def busy(context: Context, order: Order) -> Payload:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            time.sleep(0.01)
        return RESULT

    plant(redis, "encode-7-g1", call("encode", PAYLOAD), timeout=-1)
    start_worker(encode=busy, timeout_s=1)
    wait_until(lambda: any(one["report"]["outcome"] == "error" for one in waiting_reports(redis).values()), 9)


def test_what_was_handed_over_and_is_no_job_of_ours_does_not_come_back(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(redis, "encode-1-g1", ["os.system", None, ["id"], {}])
    enqueue(redis)
    redis.lmove(keys.rq_queue("encoding"), "rq:queue:encoding:intermediate", "LEFT", "LEFT")
    monkeypatch.setattr(registries, "TAKEN_S", -1)
    registries.return_taken_jobs(redis, ("encoding",))
    assert redis.llen("rq:queue:encoding:intermediate") == 0
    assert queue.positions(redis, "encoding") == {"encode-7-g1": 1}


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{", '{"task": "1", "report": {}}', '{"task": 1, "report": {"outcome": 1}}']
)
def test_a_report_that_none_of_ours_wrote_is_dropped(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog, text: str
) -> None:
    redis.hset(keys.REPORTS, mapping={"1-g1-a1": text, "../../x": text, b"\xff": text})
    assert waiting_reports(redis) == {} and tasks_with_report(redis) == {1}
    queue.enqueue(redis, REPORT, "report-1-g1-a1", {"report": "1-g1-a1"})
    start_worker("catalog")
    wait_until(lambda: status(redis, "report-1-g1-a1") == "finished")
    assert not redis.hexists(keys.REPORTS, "1-g1-a1") and small_catalog.reports == []


def test_progress_and_cancels_of_others_are_not_believed(redis: Redis) -> None:
    huge = f'{{"memory": 1{"0" * 400}}}'
    times = ('{"eta_s": Infinity}', '{"eta_s": 1e300}', '{"eta_s": -1}')
    for task, text in enumerate(("x", "[]", '{"step": 1}', '{"fraction": "9"}', *times, huge, '{"worker": true}')):
        redis.set(keys.progress(task), text)
        redis.set(keys.cancel(task), "x")
        assert not queue.is_cancel_requested(redis, task, 1)
    redis.set(keys.progress(9), '{"step": "encode", "fraction": 0.5, "eta_s": null, "<script>": 1}')
    assert queue.read_progress(redis, range(10)) == {9: {"step": "encode", "fraction": 0.5, "eta_s": None}}


def test_a_sighting_of_others_counts_from_now(redis: Redis) -> None:
    redis.hset(keys.sightings("x"), "encode-1-g1", "long ago")
    assert sightings.Sightings(redis, "x").look(["encode-1-g1"]) == {"encode-1-g1": 0}


def test_an_instant_of_others_for_which_there_is_no_date_breaks_no_list_of_reports(redis: Redis) -> None:
    report = {"generation": 1, "attempt": 1, "outcome": "done", "result": {}}
    for task, due_s in enumerate(("inf", "-inf", "1e300", "1e17", "1e12", "0", "60"), 1):
        redis.hset(keys.REPORTS, f"{task}-g1-a1", json.dumps(entry_of(task, report, "")))
        redis.zadd(keys.rq_scheduled("catalog"), {f"report-{task}-g1-a1": float(due_s)})
    assert [one["next_at"] for one in describe_waiting(redis)] == [*[None] * 6, "1970-01-01T00:01:00Z"]


def test_rq_itself_would_have_run_it(redis: Redis) -> None:
    """The danger is real: without our class the same entry is a call of os.system."""
    plant(redis, "encode-1-g1", ["os.system", None, ["id"], {}])
    from rq.serializers import JSONSerializer

    assert Job.fetch("encode-1-g1", redis, JSONSerializer).func_name == "os.system"
    assert queue.fetch(redis, "encode-1-g1") is None


def test_the_rights_that_the_documentation_names_are_enough(
    redis: Redis, settings: Settings, start_worker: StartWorker
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "key-value-server.md").read_text()
    (rights,) = re.findall(r"^user pod_jobs on >PASSWORD (.+)$", page, re.MULTILINE)
    redis.execute_command("ACL", "SETUSER", "pod_jobs", "on", ">word", *rights.split())
    limited = settings.redis_url.replace("unix://", "unix://pod_jobs:word@")
    with Redis.from_url(limited) as connection:
        start_worker(encode=finish, url=limited)
        enqueue(connection)
        wait_until(lambda: status(connection) == "finished")
        queue_names = ("encoding", "catalog")
        registries.clean(connection, queue_names)
        registries.return_taken_jobs(connection, queue_names)
        snapshot.take(connection, queue_names, ["encode-7-g1"])
        assert workforce.strengths(connection, ["encoding"])["encoding"].alive == 1
        assert connection.info()["redis_version"]
        for forbidden in (("CONFIG", "SET", "dir", "/tmp"), ("FLUSHALL",), ("GET", "others")):
            with pytest.raises(ResponseError, match="NOPERM|permission"):
                connection.execute_command(*forbidden)


def test_every_job_type_says_what_it_carries() -> None:
    assert all(job_type.payload for job_type in JOB_TYPES.values())
    assert ENCODE.accepts(PAYLOAD) and JOB_TYPES["assist"].accepts(HELP)
    assert not ENCODE.accepts({**PAYLOAD, "generation": -1})
