"""Workers that may not take a job: drained by people, or unfit, as a check of theirs says. Real workers."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.client import Order
from pod_jobs.jobs import drains, gate, queue, workforce
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ENCODE
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, keep_working, status, working
from tests.servers import wait_until

DRAIN = {"scope": "queue", "name": "encoding", "who": "tina", "why": "new disks"}


def finish(context: Context, order: Order) -> dict[str, Any]:
    return RESULT


def state(redis: Redis) -> list[str]:
    return [worker["state"] for worker in workforce.list_workers(redis, ["encoding"])]


def test_a_drained_worker_finishes_its_job_and_takes_no_other(redis: Redis, start_worker: StartWorker) -> None:
    start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    (busy,) = workforce.list_workers(redis, ["encoding"])
    assert (busy["state"], busy["job"]) == ("busy", "encode-7-g1")
    drains.publish(redis, [{**DRAIN, "scope": "worker", "name": busy["name"]}])
    queue.enqueue(redis, ENCODE, "encode-8-g1", {"task": 8, "generation": 1})
    assert working(redis)
    queue.request_cancel(redis, 7, 1)
    wait_until(lambda: state(redis) == ["suspended"], 20)
    assert queue.positions(redis, "encoding") == {"encode-8-g1": 1}
    assert workforce.strengths(redis, ["encoding"])["encoding"] == workforce.Strength(alive=0, suspended=1)
    drains.publish(redis, [])
    wait_until(lambda: queue.positions(redis, "encoding") == {}, 20)


def test_a_drained_worker_that_is_told_to_end_takes_no_job_before(redis: Redis, start_worker: StartWorker) -> None:
    """As when settings are read anew on a drained host, or there is a worker too many."""
    worker = start_worker(encode=finish)
    wait_until(lambda: state(redis) == ["idle"])
    drains.publish(redis, [DRAIN])
    wait_until(lambda: state(redis) == ["suspended"], 20)
    enqueue(redis)
    worker.signal(signal.SIGUSR1)
    worker.wait()
    assert queue.positions(redis, "encoding") == {"encode-7-g1": 1}


def test_a_worker_ends_also_when_the_signal_comes_while_every_exception_is_caught(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "CHECK_S", 0.0)
    once = iter([signal.SIGTERM])

    def check() -> str:
        with suppress(Exception):
            for signum in once:
                os.kill(os.getpid(), signum)
        return ""

    assert start_worker(encode=finish, check=check).wait() == 0


def test_a_drain_of_other_workers_is_not_ones_own(redis: Redis, start_worker: StartWorker) -> None:
    drains.publish(redis, [{**DRAIN, "name": "xapi"}, {**DRAIN, "scope": "host", "name": "elsewhere"}])
    start_worker(encode=finish)
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")


def test_an_unfit_worker_takes_no_job_until_it_is_fit_again(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog, tmp_path: Path
) -> None:
    """As with a token that was revoked: the job's start is refused, and so is the check that follows. The job waits at the
    front, where any other worker finds it."""
    fault = tmp_path / "fault"
    start_worker(encode=finish, check=lambda: fault.read_text() if fault.exists() else "")
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")
    fault.write_text("the catalog refuses secrets/worker_token")
    small_catalog.status, small_catalog.problem = 401, {"code": "unauthorized"}
    queue.enqueue(redis, ENCODE, "encode-8-g1", {"task": 8, "generation": 1})
    wait_until(lambda: state(redis) == ["suspended"], 20)
    queue.enqueue(redis, ENCODE, "encode-9-g1", {"task": 9, "generation": 1})
    small_catalog.status = 200
    assert queue.positions(redis, "encoding") == {"encode-8-g1": 1, "encode-9-g1": 2}
    fault.unlink()
    wait_until(lambda: {status(redis, f"encode-{number}-g1") for number in (8, 9)} == {"finished"}, 20)


def test_only_a_drain_by_name_keeps_results_from_the_catalog(redis: Redis) -> None:
    def drained(scope: str, name: str) -> bool:
        drains.publish(redis, [{**DRAIN, "scope": scope, "name": name}])
        return bool(drains.why_drained(redis, "w", "h", "catalog"))

    assert not drained("all", "") and not drained("host", "h")
    assert drained("queue", "catalog") and drained("worker", "w")


def test_redis_says_it_in_words_that_people_can_read(redis: Redis) -> None:
    drains.publish(redis, [DRAIN])
    assert drains.why_drained(redis, "w", "h", "encoding") == "drained by tina: new disks"
    assert drains.why_drained(redis, "w", "h", "xapi") == ""
    assert json.loads(redis.get("pod_jobs:drains")) == [DRAIN]
