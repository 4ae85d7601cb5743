"""What happens to a job, depending on how its work ends; with real workers and real forks."""

import json
import logging
import signal
import zlib
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry, ScheduledJobRegistry

from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.catalog.seals import seal_of
from pod_jobs.errors import BadSource, DiskFull, FfmpegFailed, OutOfResources, PermanentError, ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.report import waiting_reports
from pod_jobs.jobs.runtime import delay_s
from tests.integration.jobs.conftest import KEY, SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import PAYLOAD, RESULT, enqueue, keep_working, status, working
from tests.servers import wait_until


def test_a_job_that_ends_well_is_reported_by_a_job_of_its_own(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")
    assert small_catalog.reports == []
    (entry,) = waiting_reports(redis).values()
    assert entry["seal"] == seal_of(KEY, entry["report"])
    assert KEY not in str(redis.hgetall("pod_jobs:reports"))
    start_worker("catalog")
    wait_until(lambda: small_catalog.reports)
    expected = {"task": 7, "generation": 1, "attempt": 1, "outcome": "done", "result": RESULT, "cpu_s": 1.5}
    assert small_catalog.reports == [{**expected, "worker": small_catalog.starts[0]["worker"]}]
    wait_until(lambda: waiting_reports(redis) == {})


def test_a_worker_that_the_catalog_refuses_leaves_its_job_to_others(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    small_catalog.status, small_catalog.problem = 403, {"code": "worker-queue", "title": "Not for you."}
    refused = start_worker(encode=lambda context, order: RESULT, check=lambda: "the catalog refuses it")
    enqueue(redis)

    def is_back() -> bool:
        job = queue.fetch(redis, "encode-7-g1")
        return bool(job and job.number_of_retries) and queue.positions(redis, "encoding") == {"encode-7-g1": 1}

    wait_until(is_back)
    refused.signal(signal.SIGTERM)
    refused.wait()
    assert small_catalog.starts == []
    small_catalog.status = 200
    start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: status(redis) == "finished")
    assert len(small_catalog.starts) == 1


def test_an_id_enqueued_twice_runs_once(redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog) -> None:
    enqueue(redis)
    assert not queue.enqueue(redis, ENCODE, "encode-7-g1", PAYLOAD)
    start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: status(redis) == "finished")
    assert not queue.enqueue(redis, ENCODE, "encode-7-g1", PAYLOAD)
    assert len(small_catalog.starts) == 1


def test_redis_holds_ids_only(redis: Redis) -> None:
    enqueue(redis)
    job = queue.fetch(redis, "encode-7-g1")
    assert job is not None
    assert (job.description, list(job.args)) == ("encode-7-g1", ["encode", PAYLOAD])
    raw = redis.hget("rq:job:encode-7-g1", "data")
    assert isinstance(raw, bytes)
    stored = json.loads(zlib.decompress(raw))  # JSON, no pickle
    assert stored == ["pod_jobs.jobs.runtime.perform", None, ["encode", PAYLOAD], {}]
    assert redis.ttl("rq:job:encode-7-g1") == -1


def test_a_permanent_error_is_reported_and_can_be_requeued_by_rq(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    def fail(context: Context, order: Order) -> dict[str, Any]:
        if order.attempt > 1:
            return RESULT
        raise BadSource("moov atom not found", code="source-unreadable")

    start_worker(encode=fail)
    start_worker("catalog")
    enqueue(redis)
    wait_until(lambda: status(redis) == "failed")
    wait_until(lambda: small_catalog.reports)
    report = small_catalog.reports[0]
    assert (report["outcome"], report["error_code"], report["reason"]) == (
        "error",
        "source-unreadable",
        "moov atom not found",
    )
    assert redis.ttl("rq:job:encode-7-g1") == -1  # or it could vanish while it waits again
    FailedJobRegistry(queue=queue.open_queue(redis, "encoding")).requeue("encode-7-g1")
    wait_until(lambda: status(redis) == "finished")


@pytest.mark.parametrize(("error", "level"), [(BadSource, "WARNING"), (FfmpegFailed, "ERROR")])
def test_a_faulty_recording_is_no_error_of_the_instance(
    redis: Redis, start_worker: StartWorker, tmp_path: Path, error: type[PermanentError], level: str
) -> None:
    log = tmp_path / "log"

    def fail(context: Context, order: Order) -> dict[str, Any]:
        logging.basicConfig(filename=log, format="%(levelname)s %(message)s", force=True)
        raise error("moov atom not found", code="encode-failed")

    start_worker(encode=fail)
    enqueue(redis)
    wait_until(lambda: status(redis) == "failed")
    assert f"{level} task 7 g1: gave up: encode-failed: moov atom not found" in log.read_text()


def test_a_bug_of_ours_ends_as_an_error_that_shows_where(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    def broken(context: Context, order: Order) -> dict[str, Any]:
        raise KeyError("surprise")

    start_worker(encode=broken)
    start_worker("catalog")
    enqueue(redis)
    wait_until(lambda: small_catalog.reports)
    assert small_catalog.reports[0]["error_code"] == "internal"
    assert "in broken" in small_catalog.reports[0]["reason"]


def test_an_outage_is_waited_out_however_often_it_was_met(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    def full(context: Context, order: Order) -> dict[str, Any]:
        raise DiskFull("ENOSPC")

    small_catalog.failures = 100
    start_worker(encode=full)
    start_worker("catalog")
    enqueue(redis)
    wait_until(lambda: status(redis) == "scheduled")
    scheduled = ScheduledJobRegistry(queue=queue.open_queue(redis, "encoding"))
    wait_until(lambda: scheduled.get_job_ids(cleanup=False) == ["encode-7-g1"])
    wait_until(lambda: small_catalog.reports)
    assert (small_catalog.reports[0]["outcome"], small_catalog.reports[0]["error_code"]) == ("retry", "disk-full")
    assert small_catalog.reports[0]["retry_in_s"] >= 1


def test_an_ffmpeg_that_is_killed_again_and_again_ends_the_task(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    def killed(context: Context, order: Order) -> dict[str, Any]:
        raise OutOfResources("ended by SIGKILL")

    small_catalog.failures = 4
    start_worker(encode=killed)
    enqueue(redis)
    wait_until(lambda: status(redis) == "failed")
    report = next(iter(waiting_reports(redis).values()))["report"]
    assert (report["outcome"], report["error_code"]) == ("error", "encode-killed")


@pytest.mark.parametrize("code", ["superseded", "cancelled"])
def test_what_the_catalog_refuses_is_not_run(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog, code: str
) -> None:
    small_catalog.status, small_catalog.problem = 409, {"code": code}
    start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")
    assert waiting_reports(redis) == {}


def test_a_catalog_that_is_away_costs_no_attempt(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    small_catalog.status = 503
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: status(redis) == "scheduled")
    assert waiting_reports(redis) == {}


def test_a_proxys_own_words_are_no_answer_of_the_catalog(small_catalog: SmallCatalog) -> None:
    client = CatalogClient(small_catalog.url, "worker-token-of-the-tests")
    for words in ("bad gateway", ["bad gateway"], None):
        small_catalog.status, small_catalog.problem = 502, words
        with pytest.raises(ServiceUnavailable):
            client.start(7, 1, "worker", "host", 1)


def test_a_report_waits_until_the_catalog_is_back(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: waiting_reports(redis))
    small_catalog.status = 500
    start_worker("catalog")
    wait_until(lambda: status(redis, "report-7-g1-a1") == "scheduled")
    assert list(waiting_reports(redis)) == ["7-g1-a1"]


def test_a_cancel_stops_the_run(redis: Redis, start_worker: StartWorker) -> None:
    start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    queue.request_cancel(redis, 7, 1)
    wait_until(lambda: status(redis) == "finished", 5)
    (entry,) = waiting_reports(redis).values()
    assert entry["report"]["outcome"] == "cancelled"
    assert not working(redis)


def test_delays_double_up_to_the_cap_with_jitter() -> None:
    for tries, full in ((1, 5), (2, 10), (3, 20), (10, 900), (10_000, 900)):
        delays = [delay_s(tries, 5, 900) for _ in range(200)]
        assert full / 2 <= min(delays) < max(delays) <= full


def test_a_job_over_its_time_ends_as_an_error_and_not_as_success(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    """RQ's time-out is an ordinary exception: a job that catches everything would swallow it and end "finished"."""
    enqueue(redis)
    start_worker(encode=keep_working, timeout_s=2)
    wait_until(lambda: status(redis) == "failed", 10)
    report = next(iter(waiting_reports(redis).values()))["report"]
    assert (report["outcome"], report["error_code"]) == ("error", "encode-too-slow")


def test_what_is_finished_stays_visible_for_a_week_and_what_failed_until_the_janitor_says_so(
    redis: Redis, start_worker: StartWorker
) -> None:
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")
    assert redis.ttl("rq:job:encode-7-g1") > 6 * 86400


def test_a_report_that_the_catalog_refuses_is_told_once(
    redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    """It asks for an end with an error instead: the janitor would otherwise order the same run for ever."""
    told: list[str] = []
    answer = small_catalog.answer

    def refusing(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body.get("outcome") == "done":
            told.append(path)
            return 422, {"code": "result-rejected", "detail": "no folder"}
        return answer(path, body)

    small_catalog.answer = refusing  # type: ignore[method-assign]
    start_worker(encode=lambda context, order: RESULT)
    start_worker("catalog")
    enqueue(redis)
    wait_until(lambda: told and not waiting_reports(redis))
    assert told == ["/api/v1/tasks/7/report?final=1"] and small_catalog.reports == []
