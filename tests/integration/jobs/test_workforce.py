"""What the workers of a queue do, and the jobs in the lists of RQ, as stored in the key-value server."""

from collections.abc import Iterable

import pytest
from redis import Redis

from pod_jobs.jobs import keys, queue, workforce
from pod_jobs.jobs.encode import ENCODE


def have_workers(redis: Redis, states: Iterable[str]) -> None:
    """As RQ lists its workers; one that gives no sign of life any more is listed without a state."""
    for number, state in enumerate(states):
        key = f"rq:worker:encoding.host.{number}"
        redis.sadd(keys.rq_workers_of("encoding"), key)
        if state:
            redis.hset(key, "state", state)


def have_jobs(redis: Redis, count: int) -> list[str]:
    ids = [f"encode-{number}-g1" for number in range(1, count + 1)]
    for number, job_id in enumerate(ids, 1):
        assert queue.enqueue(redis, ENCODE, job_id, {"task": number, "generation": 1})
    return ids


@pytest.mark.parametrize(("jobs", "idle", "untaken"), [(0, 2, False), (1, 1, False), (3, 0, False), (4, 0, True)])
def test_jobs_that_wait_are_compared_with_workers_that_would_take_them(
    redis: Redis, jobs: int, idle: int, untaken: bool
) -> None:
    have_workers(redis, ["idle", "idle", "started", "busy", "suspended", ""])
    have_jobs(redis, jobs)
    assert workforce.count_waiting_for_work(redis, "encoding") == 3
    assert workforce.count_idle(redis, "encoding") == idle
    assert workforce.has_untaken_jobs(redis, "encoding") == untaken


@pytest.mark.parametrize("registry", [workforce.QUEUED, *workforce.REGISTRIES])
def test_pages_of_a_list_of_jobs(redis: Redis, registry: str) -> None:
    ids = have_jobs(redis, 5)
    if registry != workforce.QUEUED:
        of_registry = workforce.REGISTRIES[registry](queue=queue.open_queue(redis, "encoding"))
        for place, job_id in enumerate(ids):  # those of the past too: nothing is cleaned up by looking
            entry = f"{job_id}:an-execution" if registry == "started" else job_id
            redis.zadd(of_registry.key, {entry: place + 1})
        redis.delete(keys.rq_queue("encoding"))

    def page(start: int, count: int, *, newest_first: bool) -> list[str]:
        total, jobs = workforce.page_of_jobs(redis, "encoding", registry, start, count, newest_first=newest_first)
        assert total == 5
        return [job.id for job in jobs]

    assert page(0, 2, newest_first=False) == ids[:2] and page(4, 2, newest_first=False) == ids[4:]
    assert page(0, 2, newest_first=True) == ids[:2:-1] and page(4, 2, newest_first=True) == ids[:1]
    assert page(0, 1, newest_first=True) == ids[4:]
    assert page(5, 2, newest_first=False) == page(5, 2, newest_first=True) == []
