"""What was ordered and RQ does not have: outbox rows and waiting reports."""

from contextlib import nullcontext

from redis import Redis

from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.store import outbox
from pod_jobs.janitor.relay import ReportRelay, relay_outbox
from pod_jobs.jobs import queue
from pod_jobs.jobs.report import send_report, waiting_reports
from pod_jobs.settings import QUEUES
from tests.integration.janitor.conftest import now, relayed


def test_what_was_committed_and_not_enqueued_is_relayed(redis: Redis, task: Task) -> None:
    assert relay_outbox(redis, now(), nullcontext) == 0  # the web app has a second to do it itself
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert outbox.pending() == []


def test_a_relay_that_died_before_it_took_note_enqueues_nothing_twice(redis: Redis, task: Task) -> None:
    (row,) = outbox.pending()
    queue.enqueue(redis, row.job_id, row.payload)
    relayed(redis)
    assert len(redis.lrange("rq:queue:encoding", 0, -1)) == 1


def test_a_job_type_of_another_version_does_not_stop_the_relay(redis: Redis, task: Task) -> None:
    Outbox.create(job_id="future-9-g1", kind="future", payload={}, created_at=now())
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert [row.kind for row in outbox.pending()] == ["future"]


def test_a_report_whose_job_is_lost_is_enqueued_again(redis: Redis) -> None:
    relay = ReportRelay(redis, QUEUES, lost_s=0.0)
    send_report(redis, "1-g1-a1", 1, {"generation": 1, "outcome": "error"})
    assert relay.relay() == 0
    queue.remove(redis, "report-1-g1-a1")
    assert relay.relay() == 1
    assert queue.positions(redis, "catalog") == {"report-1-g1-a1": 1}
    redis.hset("rq:job:report-1-g1-a1", "status", "failed")
    redis.delete("rq:queue:catalog")
    assert relay.relay() == 1
    assert list(waiting_reports(redis)) == ["1-g1-a1"]
