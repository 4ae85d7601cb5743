"""Relaying what RQ does not have yet: outbox rows and waiting reports."""

import pytest
from redis import Redis
from rq import Worker
from rq.worker import WorkerStatus

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import tasks, users, videos
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.janitor.relay import ReportRelay
from pod_jobs.jobs import queue
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.report import entry_of, send_report, waiting_reports
from pod_jobs.settings import QUEUES
from tests import outbox
from tests.integration.janitor.conftest import add_to_outbox, now, relayed, started
from tests.orders import UPLOAD, encode

SOURCE = videos.Source("b.mp4", 5)


@pytest.fixture
def versions(task: Task) -> list[str]:
    """Job ids of three encodes that nobody waits to watch, ordered before those of fresh uploads."""
    encodes = [tasks.order(task.video, encode(name), None, now()) for name in ("archive", "av1", "vp9")]
    return [tasks.job_id("encode", encode.id, 1) for encode in encodes]


def upload(task: Task) -> str:
    """Upload another video of the same owner. Returns the job id of its encoding."""
    return f"encode-{videos.create(task.video.owner, 'u', SOURCE, now(), lambda path: None, UPLOAD)[1][0].id}-g1"


def waiting(redis: Redis) -> list[str]:
    return list(queue.positions(redis, "encoding"))


def taken(redis: Redis) -> str:
    """Take the next job as a worker would, whose run then begins."""
    job_id = waiting(redis)[0]
    redis.lrem("rq:queue:encoding", 1, job_id)
    redis.hset(f"rq:job:{job_id}", "status", "started")
    task = tasks.get(int(job_id.split("-")[1]))
    tasks.start(task.id, task.generation, tasks.Runner("encoding.h.1.x.1", "h", 1), now(), 9)
    return job_id


def workers(redis: Redis, *names: str) -> list[Worker]:
    """Workers of the queue that are at work."""
    found = [Worker([queue.open_queue(redis, "encoding")], connection=redis, name=name) for name in names]
    for worker in found:
        worker.register_birth()
        worker.set_state(WorkerStatus.BUSY)
    return found


def test_rq_gets_one_job_for_each_idle_worker_and_one_more(redis: Redis, task: Task) -> None:
    jobs = [f"encode-{task.id}-g1", *(upload(task) for _ in range(6))]
    one, two = workers(redis, "a", "b")
    relayed(redis)
    assert waiting(redis) == jobs[:1]
    one.set_state(WorkerStatus.IDLE)
    two.set_state(WorkerStatus.IDLE)
    relayed(redis)
    assert waiting(redis) == jobs[:3]
    relayed(redis)
    assert waiting(redis) == jobs[:3]
    assert [row.job_id for row in outbox.pending()] == jobs[3:]


def test_somebody_elses_upload_passes_the_job_that_rq_has(redis: Redis, task: Task) -> None:
    mine = [f"encode-{task.id}-g1", *(upload(task) for _ in range(4))]
    relayed(redis)
    assert taken(redis) == mine[0]
    relayed(redis)
    assert waiting(redis) == mine[1:2]
    other = videos.create(users.create("bob", "lecturer", None, now()), "b", SOURCE, now(), lambda path: None, UPLOAD)
    relayed(redis)
    assert waiting(redis) == [f"encode-{other[1][0].id}-g1", mine[1]]
    relayed(redis)
    order = [taken(redis) for _ in range(2)]
    for _ in range(3):
        relayed(redis)
        order.append(taken(redis))
    assert order == [f"encode-{other[1][0].id}-g1", *mine[1:]]


def test_what_makes_a_video_watchable_is_never_behind_other_versions(
    redis: Redis, task: Task, versions: list[str], reconciler: Reconciler
) -> None:
    relayed(redis)
    assert taken(redis) == f"encode-{task.id}-g1"
    relayed(redis)
    assert waiting(redis) == versions[:1]
    fresh = upload(task)
    relayed(redis)
    assert waiting(redis) == [fresh, versions[0]]
    for _ in range(3):
        assert reconciler.reconcile(now()) == {}, "what waits in the catalog is not lost"
    assert {row.job_id for row in outbox.pending()} == set(versions[1:])


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
    assert taken(redis) == fresh
    relayed(redis)
    assert waiting(redis) == [versions[0].replace("-g1", "-g2")]


def test_what_was_committed_and_not_enqueued_is_relayed(redis: Redis, task: Task) -> None:
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert outbox.pending() == []


def test_a_relay_that_died_before_it_took_note_enqueues_nothing_twice(redis: Redis, task: Task) -> None:
    (row,) = outbox.pending()
    queue.enqueue(redis, ENCODE, row.job_id, row.payload)
    relayed(redis)
    relayed(redis)
    assert len(redis.lrange("rq:queue:encoding", 0, -1)) == 1
    assert taken(redis) == row.job_id and outbox.pending() == []


def test_calls_for_help_and_reports_take_no_room_in_the_queue(redis: Redis, task: Task) -> None:
    redis.rpush("rq:queue:encoding", "assist-7-g1-a1-1", "assist-7-g1-a1-2")
    relayed(redis)
    assert waiting(redis) == [f"encode-{task.id}-g1"]


def test_a_job_type_of_another_version_does_not_stop_the_relay(redis: Redis, task: Task) -> None:
    add_to_outbox("future", 9)
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert [row.kind for row in outbox.pending()] == ["future"]


def test_a_report_whose_job_is_lost_is_enqueued_again(redis: Redis) -> None:
    relay = ReportRelay(redis, QUEUES, lost_s=0.0)
    send_report(redis, "1-g1-a1", entry_of(1, {"generation": 1, "outcome": "error"}, ""))
    assert relay.relay() == 0
    queue.remove(redis, "report-1-g1-a1")
    assert relay.relay() == 1
    assert queue.positions(redis, "catalog") == {"report-1-g1-a1": 1}
    redis.hset("rq:job:report-1-g1-a1", "status", "failed")
    redis.delete("rq:queue:catalog")
    assert relay.relay() == 1
    assert list(waiting_reports(redis)) == ["1-g1-a1"]
