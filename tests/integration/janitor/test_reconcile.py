"""Comparing the open tasks of a real catalog with real data of RQ."""

import time
from contextlib import nullcontext

from redis import Redis
from rq.executions import Execution
from rq.registry import FailedJobRegistry

from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.store import tasks
from pod_jobs.janitor import registries, sightings
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.jobs import queue
from pod_jobs.jobs.report import entry_of, send_report
from pod_jobs.settings import QUEUES
from tests.integration.janitor.conftest import ALLOWED, now, relayed, started, state
from tests.servers import wait_until


def test_an_empty_key_value_server_gets_its_waiting_jobs_back(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    redis.flushall()
    reconciler.reconcile(now())
    reconciler.reconcile(now())
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}


def test_a_running_task_without_a_sign_of_life_gets_a_new_generation(
    redis: Redis, task: Task, reconciler: Reconciler
) -> None:
    relayed(redis)
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    assert reconciler.reconcile(now()) == {}
    redis.flushall()
    queue.write_progress(redis, task.id, {"step": "encode"})
    assert reconciler.reconcile(now()) == {}  # it works on: its progress says so
    queue.clear_progress(redis, task.id)
    reconciler.reconcile(now())
    assert state(task) == ("waiting", 2)
    assert [attempt.outcome for attempt in tasks.attempts_of(task)] == ["lost"]


def test_a_dead_worker_of_this_host_is_seen_at_once(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    queue.write_progress(redis, task.id, {"step": "encode"})
    started(redis, task)
    assert reconciler.reconcile(now()) == {"lost": 1}
    assert state(task) == ("waiting", 2)
    assert queue.fetch(redis, f"encode-{task.id}-g1") is None
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g2": 1}


def test_what_waits_to_be_reported_is_left_alone(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    started(redis, task)
    report = {"generation": 1, "attempt": 1, "outcome": "done", "result": {}}
    send_report(redis, "1-g1-a1", entry_of(task.id, report, ""))
    redis.delete(f"rq:job:encode-{task.id}-g1")
    assert reconciler.reconcile(now()) == {}


def test_suspicion_needs_time(redis: Redis, task: Task) -> None:
    patient = Reconciler(redis, QUEUES, lost_s=0.3, allowed=ALLOWED, fence=nullcontext)
    Outbox.delete().execute()
    assert patient.reconcile(now()) == {}
    assert patient.reconcile(now()) == {}
    wait_until(lambda: patient.reconcile(now()) == {"enqueue": 1}, 2)


def test_suspicion_outlives_the_janitor(redis: Redis, task: Task) -> None:
    """Janitors that are killed every second still repair."""

    def one_look() -> dict[str, int]:
        return Reconciler(redis, QUEUES, lost_s=0.5, allowed=ALLOWED, fence=nullcontext).reconcile(now())

    Outbox.delete().execute()
    assert one_look() == {}
    assert 0 < redis.ttl("pod_jobs:janitor:sightings:reconcile") <= sightings.MEMORY_S
    wait_until(lambda: one_look() == {"enqueue": 1}, 3)
    Outbox.delete().execute()
    assert one_look() == {}, "it counts anew"


def test_suspicion_ends_when_all_is_well_for_a_moment(redis: Redis) -> None:
    seen = sightings.Sightings(redis, "test")
    assert seen.look(["a", "b"]) == {"a": 0.0, "b": 0.0}
    wait_until(lambda: min(seen.look(["a", "b"]).values()) > 0.1, 2)
    assert seen.look(["b"])["b"] > 0.1
    assert seen.look(["a", "b"])["a"] == 0.0
    seen.forget("b")
    assert seen.look(["b"]) == {"b": 0.0}


def test_rqs_own_stop_is_a_cancel(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    redis.hset(f"rq:job:encode-{task.id}-g1", "status", "stopped")
    redis.delete("rq:wip:encoding")
    reconciler.reconcile(now())
    assert state(task)[0] == "cancelled"


def test_two_dead_workers_do_not_fill_the_queue_twice(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    started(redis, task)
    redis.zadd("rq:wip:encoding", {f"encode-{task.id}-g1:x": time.time() - 1})
    registries.clean(redis, QUEUES)  # RQ calls it failed …
    assert FailedJobRegistry(queue=queue.open_queue(redis, "encoding")).get_job_ids(cleanup=False)
    reconciler.reconcile(now())  # … and the catalog orders another run
    reconciler.reconcile(now())
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g2": 1}
    assert not FailedJobRegistry(queue=queue.open_queue(redis, "encoding")).get_job_ids(cleanup=False)


def test_a_job_whose_execution_expired_can_still_be_removed(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    """RQ's own delete raises then, and a silent host's task would never have come back."""
    relayed(redis)
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    job = queue.fetch(redis, f"encode-{task.id}-g1")
    with redis.pipeline() as pipeline:
        execution = Execution.create(job, 70, pipeline, worker_name="encoding.elsewhere.5")
        pipeline.execute()
    redis.delete(execution.key, "rq:wip:encoding")
    assert reconciler.reconcile(now()) == {}, "in doubt for some seconds more"
    redis.hincrbyfloat("pod_jobs:janitor:sightings:reconcile", f"encode-{task.id}-g1", -60)
    assert reconciler.reconcile(now()) == {"lost": 1}
    assert state(task) == ("waiting", 2)
    assert queue.fetch(redis, f"encode-{task.id}-g1") is None


def test_a_cancel_that_redis_never_heard_of_is_told_again(redis: Redis, task: Task, reconciler: Reconciler) -> None:
    relayed(redis)
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    tasks.cancel(task.id, now())
    reconciler.reconcile(now())
    assert queue.is_cancel_requested(redis, task.id, 1)
    assert not queue.is_cancel_requested(redis, task.id, 2), "the wish was about that run"


def test_a_run_that_began_meanwhile_is_not_buried_with_the_one_before(
    redis: Redis, task: Task, reconciler: Reconciler
) -> None:
    """The janitor sees a dead worker; before it acts, the job goes back, and another worker begins it."""
    relayed(redis)
    started(redis, task)
    (seen, sight), *_ = reconciler._sights()
    started(redis, task, worker="encoding.elsewhere.5", host="elsewhere")
    reconciler._carry_out("lost", seen, sight, now())
    assert state(task) == ("running", 1)
    assert queue.fetch(redis, f"encode-{task.id}-g1") is not None
    assert [attempt.outcome for attempt in tasks.attempts_of(task)] == ["lost", None]
