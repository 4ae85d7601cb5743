"""A key-value server, a catalog on SQLite with one task, and what a worker would have done with it."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from rq.registry import StartedJobRegistry

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.store import reports, tasks, users, videos
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.janitor.relay import relay_outbox
from pod_jobs.jobs import queue
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import QUEUES
from pod_jobs.system import process_identity
from tests.orders import UPLOAD

HOST = os.uname().nodename
DEAD = f"encoding.{HOST}.{2**22 + 1}.{process_identity.place_id()}.5"  # a worker of this place, and no such process

ALLOWED = reports.Allowed(deaths=2, losses=5)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def task(tmp_path: Path, empty_catalog: Path) -> Iterator[Task]:
    database = catalog_database.connect(f"sqlite:///{shutil.copy(empty_catalog, tmp_path)}")
    with database.connection_context():
        owner = users.create("léa", "lecturer", None, now())
        yield videos.create(owner, "t", videos.Source("a.mp4", 5), now(), lambda path: None, UPLOAD)[1][0]


@pytest.fixture
def reconciler(redis: Redis) -> Reconciler:
    return Reconciler(redis, QUEUES, lost_s=0.0, allowed=ALLOWED, fence=nullcontext)


def relayed(redis: Redis) -> None:
    relay_outbox(redis, JOB_TYPES, Limits(), nullcontext)


def started(redis: Redis, task: Task, worker: str = DEAD, host: str = HOST) -> None:
    """Put everything as if a worker had taken the job and begun its attempt."""
    job_id = tasks.job_id(task.kind, task.id, task.generation)
    rq_queue = queue.open_queue(redis, "encoding")
    redis.lrem(rq_queue.key, 0, job_id)
    redis.hset(f"rq:job:{job_id}", "status", "started")
    redis.zadd(StartedJobRegistry(queue=rq_queue).key, {f"{job_id}:x": time.time() + 70})
    tasks.start(task.id, task.generation, tasks.Runner(worker, host, 1), now(), ALLOWED.losses)


def state(task: Task) -> tuple[str, int]:
    fresh = tasks.get(task.id)
    return fresh.state, fresh.generation


def add_to_outbox(kind: str, task_id: int) -> None:
    """A row of the outbox as if this task had been ordered."""
    waiting = {"task_id": task_id, "standing": 2, "payload": {"task": task_id, "generation": 1}, "created_at": now()}
    Outbox.create(job_id=f"{kind}-{task_id}-g1", kind=kind, **waiting)
