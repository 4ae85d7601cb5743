"""Relaying what RQ does not have yet: outbox rows and waiting reports."""

from contextlib import nullcontext

import pytest
from redis import Redis
from rq import Worker
from rq.worker import WorkerStatus

from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.store import outbox, tasks, videos
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.janitor.relay import ReportRelay, relay_outbox
from pod_jobs.jobs import queue
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.report import send_report, waiting_reports
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import QUEUES
from tests.integration.janitor.conftest import now, relayed, started
from tests.orders import UPLOAD, encode


@pytest.fixture
def versions(task: Task) -> list[str]:
    """Job ids of three encodes that nobody waits to watch, ordered before those of fresh uploads."""
    encodes = [tasks.order(task.video, encode(name), None, now()) for name in ("archive", "av1", "vp9")]
    return [tasks.job_id("encode", encode.id, 1) for encode in encodes]


def upload(task: Task) -> str:
    """Upload another video of the same owner. Returns the job id of its encoding."""
    source = videos.Source("b.mp4", 5)
    return f"encode-{videos.create(task.video.owner, 'u', source, now(), lambda path: None, UPLOAD)[1][0].id}-g1"


def waiting(redis: Redis) -> list[str]:
    return list(queue.positions(redis, "encoding"))


def test_what_makes_a_video_watchable_is_never_behind_other_versions(
    redis: Redis, task: Task, versions: list[str], reconciler: Reconciler
) -> None:
    relayed(redis)
    assert waiting(redis) == [f"encode-{task.id}-g1"], "the queue has work"
    fresh = upload(task)
    relayed(redis)
    relayed(redis)
    assert waiting(redis) == [f"encode-{task.id}-g1", fresh]
    for _ in range(3):
        assert reconciler.reconcile(now()) == {}, "what makes way is not lost"
    assert outbox.job_ids() == set(versions)


def test_other_versions_wait_for_what_the_web_app_is_about_to_enqueue(
    redis: Redis, task: Task, versions: list[str]
) -> None:
    assert relay_outbox(redis, JOB_TYPES, now(), nullcontext) == 0
    assert waiting(redis) == []
    assert {row.job_id for row in outbox.pending()} == {f"encode-{task.id}-g1"}


def test_other_versions_are_enqueued_alone_and_oldest_first(redis: Redis, task: Task, versions: list[str]) -> None:
    order = []
    for _ in range(4):
        relayed(redis)
        relayed(redis)
        order += waiting(redis)
        redis.delete("rq:queue:encoding")  # a worker takes it
    assert order == [f"encode-{task.id}-g1", *versions]
    assert outbox.job_ids() == set()


def test_other_versions_wait_while_every_worker_is_busy(redis: Redis, task: Task, versions: list[str]) -> None:
    workers = [Worker([queue.open_queue(redis, "encoding")], connection=redis, name=name) for name in ("a", "b")]
    for worker in workers:
        worker.register_birth()
        worker.set_state(WorkerStatus.BUSY)
    relayed(redis)
    redis.delete("rq:queue:encoding")
    relayed(redis)
    assert waiting(redis) == []
    workers[1].set_state(WorkerStatus.IDLE)
    relayed(redis)
    assert waiting(redis) == versions[:1]


def test_a_version_whose_worker_died_comes_before_the_others_and_still_makes_way(
    redis: Redis, task: Task, versions: list[str], reconciler: Reconciler
) -> None:
    relayed(redis)
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    relayed(redis)
    assert waiting(redis) == versions[:1]
    started(redis, tasks.get(int(versions[0].split("-")[1])))
    assert reconciler.reconcile(now())["lost"] == 1
    fresh = upload(task)
    relayed(redis)
    assert waiting(redis) == [fresh]
    redis.delete("rq:queue:encoding")  # a worker takes it
    relayed(redis)
    assert waiting(redis) == [versions[0].replace("-g1", "-g2")]


def test_what_was_committed_and_not_enqueued_is_relayed(redis: Redis, task: Task) -> None:
    assert relay_outbox(redis, JOB_TYPES, now(), nullcontext) == 0  # the web app has a second to do it itself
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert outbox.pending() == []


def test_a_relay_that_died_before_it_took_note_enqueues_nothing_twice(redis: Redis, task: Task) -> None:
    (row,) = outbox.pending()
    queue.enqueue(redis, ENCODE, row.job_id, row.payload)
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
