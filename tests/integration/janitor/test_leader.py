"""One janitor at a time: the lock, the term, and the process that holds them."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq.registry import ScheduledJobRegistry

from pod_jobs.catalog.models import Periodic, Task
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.errors import Deposed
from pod_jobs.janitor import periodic, purge
from pod_jobs.janitor.leader import Fence, Leader
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.janitor.relay import relay_outbox
from pod_jobs.janitor.rounds import Duty, do_round
from pod_jobs.jobs import keys, queue
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import QUEUES, load
from pod_jobs.settings.periodic import PeriodicSettings
from tests import outbox, servers
from tests.integration.janitor.conftest import ALLOWED, add_to_outbox, now, relayed, started, state
from tests.servers import wait_until


@pytest.fixture
def janitor_process(home: Path, redis: Redis, task: Task) -> Iterator[int]:
    """The id of a process that runs the janitor."""
    pid = os.fork()
    if pid == 0:
        from pod_jobs import janitor

        os.environ["POD_JOBS_DATABASE__URL"] = f"sqlite:///{home.parent / 'catalog.sqlite3'}"
        janitor.run(load(), JOB_TYPES)
        os._exit(0)
    yield pid
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def slept_into_a_new_term(redis: Redis) -> Leader:
    """A janitor that led and fell asleep in a duty. It wakes up after another one has come, and even gone."""
    sleeper, other = Leader(redis), Leader(redis)
    assert sleeper.hold()
    redis.delete(keys.JANITOR_LOCK)
    assert other.hold()
    other.release()
    return sleeper


def test_one_janitor_leads_and_a_sleeper_learns_that_it_lost(redis: Redis, task: Task) -> None:
    first, second = Leader(redis), Leader(redis)
    assert first.hold() and first.hold()
    assert not second.hold()
    redis.delete(keys.JANITOR_LOCK)  # it expired while the first one slept
    assert second.hold()
    assert not first.hold()
    assert first.term is None and second.term == 2
    second.release()
    assert first.hold() and first.term == 3


@pytest.mark.parametrize("empty", [False, True])
def test_a_former_leader_can_change_nothing_even_after_an_empty_restart(redis: Redis, task: Task, empty: bool) -> None:
    relayed(redis)
    started(redis, task)
    add_to_outbox("encode", 99)
    sleeper = slept_into_a_new_term(redis)
    if empty:
        redis.flushall()  # a token counted there would begin at 1 again
    writes: list[Callable[[Fence], object]] = [
        lambda fence: relay_outbox(redis, JOB_TYPES, Limits(), fence),
        lambda fence: Reconciler(redis, QUEUES, 0.0, ALLOWED, fence).reconcile(now()),
        lambda fence: list(purge.purge(load(), now() + timedelta(days=4000), fence)),
        lambda fence: periodic.fire_due(
            [PeriodicSettings(name="v", kind="verify", every_min=1, missed="once")], now(), fence
        ),
    ]
    for write in writes:
        with pytest.raises(Deposed):
            write(sleeper.writing)
    assert state(task) == ("running", 1)
    assert [row.job_id for row in outbox.pending()] == ["encode-99-g1"]
    assert Periodic.select().count() == 0
    sleeper.release()
    assert sleeper.hold(), "nobody leads: it may begin a new term"
    relay_outbox(redis, JOB_TYPES, Limits(), sleeper.writing)
    assert outbox.pending() == []


def test_a_round_ends_where_the_leader_learns_that_it_is_deposed(redis: Redis, task: Task) -> None:
    leader = slept_into_a_new_term(redis)
    done: list[str] = []

    def write(_: datetime) -> None:
        with leader.writing():
            done.append("write")

    duties = [Duty("write", 0.0, write), Duty("next", 0.0, lambda _: done.append("next"))]
    do_round(duties, redis, leader)
    assert done == []
    do_round(duties, redis, leader)
    assert done == ["write", "next"]


def test_the_janitor_process_leads_relays_and_ends_on_sigterm(redis: Redis, task: Task, janitor_process: int) -> None:
    wait_until(lambda: queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1})
    assert redis.get("pod_jobs:janitor")
    os.kill(janitor_process, signal.SIGTERM)
    assert os.waitpid(janitor_process, 0)[1] == 0
    assert redis.get("pod_jobs:janitor:lock") is None


def test_the_janitor_outlives_an_outage_and_starts_what_came_due_in_it(
    redis: Redis, janitor_process: int, key_value_server: servers.KeyValueServer
) -> None:
    """RQ's scheduler dies in a 5 s outage, and a delayed retry then waits for ever."""
    rq_queue = queue.open_queue(redis, "encoding")
    queue.enqueue(redis, ENCODE, "encode-9-g1", {"task": 9, "generation": 1})
    redis.delete(rq_queue.key)
    ScheduledJobRegistry(queue=rq_queue).schedule(queue.fetch(redis, "encode-9-g1"), now() + timedelta(seconds=3))
    wait_until(lambda: redis.get("pod_jobs:janitor"))
    key_value_server.stop()
    subprocess.run(["sleep", "5"], check=True)
    key_value_server.start()
    wait_until(lambda: "encode-9-g1" in queue.positions(redis, "encoding"), 15)
    os.kill(janitor_process, signal.SIGTERM)
    assert os.waitpid(janitor_process, 0)[1] == 0
