"""What we ask of RQ with each job and each worker, because its defaults lose or double work: docs/reliability.md."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry

from pod_jobs.cli.care import RQ_CLASSES
from pod_jobs.jobs import queue
from pod_jobs.jobs.encode import prepare_encode
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.jobs.worker import build_worker
from pod_jobs.settings import QUEUES, Settings, environment
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, status
from tests.servers import wait_until

ROOT = Path(__file__).parents[3]


def enqueued(redis: Redis, kind: str = "encode") -> Job:
    queue.enqueue(redis, JOB_TYPES[kind], f"{kind}-7-g1", {"task": 7, "generation": 1})
    job = queue.fetch(redis, f"{kind}-7-g1")
    assert job is not None
    return job


@pytest.mark.parametrize("kind", JOB_TYPES)
def test_no_job_has_a_default_of_rqs_that_would_end_it_early(redis: Redis, kind: str) -> None:
    job = enqueued(redis, kind)
    assert job.timeout == JOB_TYPES[kind].timeout_s != 180, "RQ's is 180 s"
    assert job.failure_ttl == -1, "RQ's is a year, and keeps running when the job is requeued"
    assert (job.result_ttl or 0) >= 3600, "RQ's is 500 s"
    assert redis.ttl(job.key) == -1, "what expires in its queue is skipped without a word"


def test_no_job_uses_what_rq_does_badly(redis: Redis) -> None:
    """Callbacks (one that raises runs the job again), dependencies (an expired parent counts as met), retries by exception."""
    job = enqueued(redis)
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    assert not job.dependency_ids and job.retries_left is None


@pytest.mark.parametrize("name", QUEUES)
def test_a_worker_listens_to_one_queue(settings: Settings, name: str) -> None:
    """With two queues, RQ takes jobs without the hand-over list, and a death between taking and beginning loses one."""
    assert [one.name for one in build_worker(settings, name, JOB_TYPES).queues] == [name]


def test_a_taken_job_is_in_the_hand_over_list_until_it_begins(settings: Settings, redis: Redis) -> None:
    worker = build_worker(settings, "encoding", JOB_TYPES)
    worker.register_birth()
    enqueued(redis)
    worker.dequeue_job_and_maintain_ttl(1)
    assert redis.lrange("rq:queue:encoding:intermediate", 0, -1) == [b"encode-7-g1"]


def test_no_two_workers_have_the_same_name(settings: Settings, redis: Redis, start_worker: StartWorker) -> None:
    """A fixed name could not start again for minutes after a kill."""
    for _ in range(2):
        start_worker("catalog")
    wait_until(lambda: redis.scard("rq:workers:catalog") == 2)


def test_queues_that_had_no_job_yet_are_listed(redis: Redis, start_worker: StartWorker) -> None:
    start_worker("catalog")
    wait_until(lambda: {one.name for one in Queue.all(connection=redis)} == set(QUEUES))


def test_a_pause_ends_no_worker(redis: Redis, start_worker: StartWorker, small_catalog: SmallCatalog) -> None:
    """RQ's own worker exits when it is started during a pause."""
    redis.set("rq:suspended", 1)
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: [redis.hget(key, "state") for key in redis.smembers("rq:workers")] == [b"suspended"])
    assert status(redis) == "queued"
    redis.delete("rq:suspended")
    wait_until(lambda: status(redis) == "finished")


def test_what_a_job_needs_is_made_before_the_worker_forks(start_worker: StartWorker, tmp_path: Path) -> None:
    """A horse that asks ffmpeg what it can do pays half a second each time."""
    assert JOB_TYPES["encode"].prepare is prepare_encode
    made = tmp_path / "made by"

    def prepare(_: Settings) -> None:
        made.write_text(str(os.getpid()))

    worker = start_worker(prepare=prepare)
    wait_until(lambda: made.exists() and made.read_text() == str(worker.pid), 20)


def test_rqs_own_command_line_requeues_our_jobs(settings: Settings, redis: Redis) -> None:
    job = enqueued(redis)
    redis.delete("rq:queue:encoding")
    job.set_status(JobStatus.FAILED)
    FailedJobRegistry(queue=queue.open_queue(redis, "encoding")).add(job, ttl=-1)
    command = [sys.executable, "-m", "rq.cli", "requeue", "--queue", "encoding", "--all"]
    variables = environment(settings.home, RQ_REDIS_URL=settings.redis_url, PYTHONPATH=str(ROOT), **RQ_CLASSES)
    subprocess.run(command, env=variables, check=True, timeout=60, capture_output=True)
    assert queue.positions(redis, "encoding") == {"encode-7-g1": 1}
    assert redis.ttl(job.key) == -1


def test_six_which_rq_dashboard_needs_and_does_not_ask_for_is_ours() -> None:
    if any(need.startswith("six") for need in requires("rq-dashboard") or ()):
        pytest.fail("rq-dashboard asks for six now: ours can go")
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert any(one.startswith("six") for one in dependencies)
