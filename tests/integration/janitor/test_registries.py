"""RQ's registries and lists, cleaned by the janitor alone."""

from datetime import timedelta

import pytest
from redis import Redis
from rq.executions import Execution
from rq.job import JobStatus
from rq.registry import FailedJobRegistry, ScheduledJobRegistry

from pod_jobs.janitor import registries
from pod_jobs.jobs import queue
from pod_jobs.jobs.dead_workers import put_back_jobs_of_the_dead
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.settings import QUEUES
from tests.integration.janitor.conftest import DEAD, now
from tests.servers import wait_until


def test_due_jobs_start_once_and_early_ones_do_not(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    for number, seconds in ((1, -1), (2, 3600)):
        queue.enqueue(redis, ENCODE, f"encode-{number}-g1", {"task": number, "generation": 1})
        job = queue.fetch(redis, f"encode-{number}-g1")
        redis.delete(rq_queue.key)
        ScheduledJobRegistry(queue=rq_queue).schedule(job, now() + timedelta(seconds=seconds))
    due: registries.DueAt = {}
    registries.start_due(redis, QUEUES, due, now())
    registries.start_due(redis, QUEUES, due, now())
    assert queue.positions(redis, "encoding") == {"encode-1-g1": 1}
    assert ScheduledJobRegistry(queue=rq_queue).get_job_ids(cleanup=False) == ["encode-2-g1"]


def test_a_job_scheduled_by_a_wrong_clock_does_not_wait_for_that_clock(redis: Redis) -> None:
    queue.enqueue(redis, ENCODE, "encode-1-g1", {"task": 1, "generation": 1})
    rq_queue = queue.open_queue(redis, "encoding")
    redis.delete(rq_queue.key)
    registry = ScheduledJobRegistry(queue=rq_queue)
    registry.schedule(queue.fetch(redis, "encode-1-g1"), now() + timedelta(seconds=2))
    due: registries.DueAt = {}
    registries.start_due(redis, QUEUES, due, now())

    def started() -> bool:
        registries.start_due(redis, QUEUES, due, now() - timedelta(minutes=5))  # the clock was put back
        return queue.positions(redis, "encoding") == {"encode-1-g1": 1}

    assert not started()
    wait_until(started, 5)


def test_a_job_that_fails_again_before_the_next_round_waits_as_long_as_it_should(redis: Redis) -> None:
    queue.enqueue(redis, ENCODE, "encode-1-g1", {"task": 1, "generation": 1})
    rq_queue = queue.open_queue(redis, "encoding")
    registry = ScheduledJobRegistry(queue=rq_queue)
    due: registries.DueAt = {}

    def fail_and_wait(wait_s: int) -> None:
        redis.delete(rq_queue.key)
        registry.schedule(queue.fetch(redis, "encode-1-g1"), now() + timedelta(seconds=wait_s))

    def started() -> bool:
        registries.start_due(redis, QUEUES, due, now())
        return queue.positions(redis, "encoding") == {"encode-1-g1": 1}

    fail_and_wait(1)
    wait_until(started, 5)
    fail_and_wait(490)
    assert not started()


def test_a_job_popped_by_a_worker_that_died_comes_back_first(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "TAKEN_S", 0.1)
    rq_queue = queue.open_queue(redis, "encoding")
    for number in (1, 2):
        queue.enqueue(redis, ENCODE, f"encode-{number}-g1", {"task": number, "generation": 1})
    redis.lmove(rq_queue.key, rq_queue.intermediate_queue_key, "LEFT", "RIGHT")
    registries.return_taken_jobs(redis, QUEUES)
    assert queue.positions(redis, "encoding") == {"encode-2-g1": 1}

    def came_back() -> bool:
        registries.return_taken_jobs(redis, QUEUES)
        return queue.positions(redis, "encoding") == {"encode-1-g1": 1, "encode-2-g1": 2}

    wait_until(came_back, 2)
    assert redis.llen(rq_queue.intermediate_queue_key) == 0


def test_a_job_that_a_slow_worker_began_after_all_is_not_handed_back(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    assert redis.eval(registries.RETURN, 2, rq_queue.intermediate_queue_key, rq_queue.key, "encode-1-g1") == 0
    assert queue.positions(redis, "encoding") == {}


def test_the_job_of_a_killed_worker_goes_back_at_once_and_once(redis: Redis) -> None:
    """The next worker finds it; RQ itself would wait for 70 s and more."""
    rq_queue = queue.open_queue(redis, "encoding")
    for number in (1, 2):
        queue.enqueue(redis, ENCODE, f"encode-{number}-g1", {"task": number, "generation": 1})
    job = queue.fetch(redis, "encode-1-g1")
    other_host = "encoding.elsewhere.7.000000000000.5"
    for worker in (DEAD, other_host):
        redis.hset(f"rq:worker:{worker}", "birth", "x")
        redis.sadd("rq:workers:encoding", f"rq:worker:{worker}")
    with redis.pipeline() as pipeline:
        Execution.create(job, 70, pipeline, worker_name=DEAD)
        pipeline.execute()
    job.set_status(JobStatus.STARTED)
    redis.lrem(rq_queue.key, 0, "encode-1-g1")

    assert put_back_jobs_of_the_dead(redis, "encoding") == 1
    assert put_back_jobs_of_the_dead(redis, "encoding") == 0
    assert queue.positions(redis, "encoding") == {"encode-1-g1": 1, "encode-2-g1": 2}
    assert job.get_status() == "queued"
    assert redis.smembers("rq:workers:encoding") == {f"rq:worker:{other_host}".encode()}


def test_only_old_failures_are_purged(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    for number, days in ((1, 100), (2, 1)):
        queue.enqueue(redis, ENCODE, f"encode-{number}-g1", {"task": number, "generation": 1})
        job = queue.fetch(redis, f"encode-{number}-g1")
        assert job is not None
        job.ended_at = now() - timedelta(days=days)
        job.save()
        FailedJobRegistry(queue=rq_queue).add(job, ttl=-1)
    list(registries.purge_failures(redis, QUEUES, timedelta(days=90)))
    assert queue.fetch(redis, "encode-1-g1") is None
    assert queue.fetch(redis, "encode-2-g1") is not None
