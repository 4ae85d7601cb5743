"""The janitor's duties against a real key-value server, a real catalog on SQLite, and real RQ data."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.executions import Execution
from rq.job import JobStatus
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, StartedJobRegistry

from pod_jobs import identity
from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import Outbox, Periodic, Task
from pod_jobs.catalog.store import outbox, reports, retention, tasks, uploads, users, videos
from pod_jobs.errors import Deposed
from pod_jobs.janitor import periodic, purge, registries, rounds
from pod_jobs.janitor.leader import LOCK_KEY, Fence, Leader
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.janitor.relay import ReportRelay, relay_outbox
from pod_jobs.janitor.rounds import UNFINISHED, Duty, InSlices, do_round
from pod_jobs.jobs import queue
from pod_jobs.jobs.inheritance import put_back_jobs_of_the_dead
from pod_jobs.jobs.report import send_report, waiting_reports
from pod_jobs.periodic_settings import PeriodicSettings
from pod_jobs.settings import QUEUES, Settings, load
from tests import servers
from tests.servers import wait_until

HOST = os.uname().nodename
DEAD = f"encoding.{HOST}.{2**22 + 1}.{identity.here()}.5"  # a worker of this place, and no such process

ALLOWED = reports.Allowed(deaths=2, losses=5)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Task]:
    database = catalog_database.connect(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    catalog_database.migrate(database)
    with database.connection_context():
        owner = users.create("léa", "lecturer", None, now())
        yield videos.create(owner, "t", videos.Source("a.mp4", 5), now(), lambda path: None)[1][0]


@pytest.fixture
def janitor_process(home: Path, redis: Redis, task: Task) -> Iterator[int]:
    """Its process id."""
    pid = os.fork()
    if pid == 0:
        from pod_jobs import janitor

        os.environ["POD_JOBS_DATABASE__URL"] = f"sqlite:///{home.parent / 'catalog.sqlite3'}"
        janitor.run(load())
        os._exit(0)
    yield pid
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.fixture
def reconciler(redis: Redis) -> Reconciler:
    return Reconciler(redis, QUEUES, lost_s=0.0, allowed=ALLOWED, fence=nullcontext)


def relayed(redis: Redis) -> None:
    relay_outbox(redis, now() + timedelta(seconds=5), nullcontext)


def started(redis: Redis, task: Task, worker: str = DEAD, host: str = HOST) -> None:
    """As if a worker had taken the job and begun its attempt."""
    job_id = tasks.job_id(task.kind, task.id, task.generation)
    rq_queue = queue.open_queue(redis, "encoding")
    redis.lrem(rq_queue.key, 0, job_id)
    redis.hset(f"rq:job:{job_id}", "status", "started")
    redis.zadd(StartedJobRegistry(queue=rq_queue).key, {f"{job_id}:x": time.time() + 70})
    tasks.start(task.id, task.generation, tasks.Runner(worker, host, 1), now(), ALLOWED.losses)


def purged(settings: Settings) -> int:
    """Returns in how many steps."""
    return len(list(purge.purge(settings, now(), nullcontext)))


def state(task: Task) -> tuple[str, int]:
    fresh = tasks.get(task.id)
    return fresh.state, fresh.generation


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
    send_report(redis, "1-g1-a1", task.id, {"generation": 1, "attempt": 1, "outcome": "done", "result": {}})
    redis.delete(f"rq:job:encode-{task.id}-g1")
    assert reconciler.reconcile(now()) == {}


def test_suspicion_needs_time(redis: Redis, task: Task) -> None:
    patient = Reconciler(redis, QUEUES, lost_s=0.3, allowed=ALLOWED, fence=nullcontext)
    Outbox.delete().execute()
    assert patient.reconcile(now()) == {}
    assert patient.reconcile(now()) == {}
    wait_until(lambda: patient.reconcile(now()) == {"enqueue": 1}, 2)


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


def test_due_jobs_start_once_and_early_ones_do_not(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    for number, seconds in ((1, -1), (2, 3600)):
        queue.enqueue(redis, f"encode-{number}-g1", {"task": number, "generation": 1})
        job = queue.fetch(redis, f"encode-{number}-g1")
        redis.delete(rq_queue.key)
        ScheduledJobRegistry(queue=rq_queue).schedule(job, now() + timedelta(seconds=seconds))
    due: registries.DueAt = {}
    registries.start_due(redis, QUEUES, due)
    registries.start_due(redis, QUEUES, due)
    assert queue.positions(redis, "encoding") == {"encode-1-g1": 1}
    assert ScheduledJobRegistry(queue=rq_queue).get_job_ids(cleanup=False) == ["encode-2-g1"]


def test_a_job_scheduled_by_a_wrong_clock_does_not_wait_for_that_clock(redis: Redis) -> None:
    queue.enqueue(redis, "encode-1-g1", {"task": 1, "generation": 1})
    rq_queue = queue.open_queue(redis, "encoding")
    redis.delete(rq_queue.key)
    registry = ScheduledJobRegistry(queue=rq_queue)
    registry.schedule(queue.fetch(redis, "encode-1-g1"), now() + timedelta(seconds=2))
    due: registries.DueAt = {}
    registries.start_due(redis, QUEUES, due)
    redis.zadd(registry.key, {"encode-1-g1": time.time() + 300})  # as it looks once the clock is put back by 5 min

    def started() -> bool:
        registries.start_due(redis, QUEUES, due)
        return queue.positions(redis, "encoding") == {"encode-1-g1": 1}

    assert not started()
    wait_until(started, 5)


def test_a_job_popped_by_a_worker_that_died_comes_back_first(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "HAND_OVER_S", 0.1)
    rq_queue = queue.open_queue(redis, "encoding")
    for number in (1, 2):
        queue.enqueue(redis, f"encode-{number}-g1", {"task": number, "generation": 1})
    redis.lmove(rq_queue.key, rq_queue.intermediate_queue_key, "LEFT", "RIGHT")
    seen: registries.FirstSeen = {}
    registries.return_handed_over(redis, QUEUES, seen)
    assert queue.positions(redis, "encoding") == {"encode-2-g1": 1}

    def came_back() -> bool:
        registries.return_handed_over(redis, QUEUES, seen)
        return queue.positions(redis, "encoding") == {"encode-1-g1": 1, "encode-2-g1": 2}

    wait_until(came_back, 2)
    assert redis.llen(rq_queue.intermediate_queue_key) == 0


def test_one_janitor_leads_and_a_sleeper_learns_that_it_lost(redis: Redis, task: Task) -> None:
    first, second = Leader(redis), Leader(redis)
    assert first.hold() and first.hold()
    assert not second.hold()
    redis.delete(LOCK_KEY)  # it expired while the first one slept
    assert second.hold()
    assert not first.hold()
    assert first.term is None and second.term == 2
    second.release()
    assert first.hold() and first.term == 3


def slept_into_a_new_term(redis: Redis) -> Leader:
    """A janitor that led, slept in mid-duty, and wakes up after another one has come and even gone."""
    sleeper, other = Leader(redis), Leader(redis)
    assert sleeper.hold()
    redis.delete(LOCK_KEY)
    assert other.hold()
    other.release()
    return sleeper


@pytest.mark.parametrize("empty", [False, True])
def test_a_former_leader_can_change_nothing_even_after_an_empty_restart(redis: Redis, task: Task, empty: bool) -> None:
    relayed(redis)
    started(redis, task)
    Outbox.create(job_id="encode-99-g1", kind="encode", payload={"task": 99, "generation": 1}, created_at=now())
    sleeper = slept_into_a_new_term(redis)
    if empty:
        redis.flushall()  # a token counted there would begin at 1 again
    writes: list[Callable[[Fence], object]] = [
        lambda fence: relay_outbox(redis, now() + timedelta(seconds=5), fence),
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
    relay_outbox(redis, now() + timedelta(seconds=5), sleeper.writing)
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


def test_only_old_failures_are_purged(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    for number, days in ((1, 100), (2, 1)):
        queue.enqueue(redis, f"encode-{number}-g1", {"task": number, "generation": 1})
        job = queue.fetch(redis, f"encode-{number}-g1")
        assert job is not None
        job.ended_at = now() - timedelta(days=days)
        job.save()
        FailedJobRegistry(queue=rq_queue).add(job, ttl=-1)
    list(registries.purge_failures(redis, QUEUES, timedelta(days=90)))
    assert queue.fetch(redis, "encode-1-g1") is None
    assert queue.fetch(redis, "encode-2-g1") is not None


def test_purge_takes_what_is_old_and_never_what_a_row_points_to(home: Path, redis: Redis, task: Task) -> None:
    settings = load()
    folder = settings.media_folder / "videos" / f"{task.video_id:06d}"
    for name in ("encode-1-g1", "encode-9-g1", "encode-1-g2.part"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").write_text("x")
    (folder / "source").write_text("source")
    tasks.start(task.id, 1, tasks.Runner("encoding.h.1", "h", 1), now(), ALLOWED.losses)
    result: dict[str, Any] = {"folder": f"videos/{task.video_id:06d}/encode-1-g1", "outputs": []}
    reports.accept(task.id, reports.Report(1, "done", attempt=1, result=result), ALLOWED, now())
    old = time.time() - 10 * 86400
    for path in folder.iterdir():
        os.utime(path, (old, old))
    (settings.media_folder / "uploads").mkdir()
    upload = uploads.create(
        "b" * 32, tasks.get(task.id).video.owner, "", videos.Source("x", 9), now() - timedelta(days=9)
    )
    (settings.media_folder / "uploads" / upload.id).write_text("half")
    purged(settings)
    assert len(list(folder.iterdir())) == 4, "replaced just now, for all the janitor knows: somebody may be watching"
    assert list((settings.media_folder / "uploads").iterdir()) == []
    os.utime(folder / "encode-9-g1" / "replaced", (old, old))
    purged(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["encode-1-g1", "encode-1-g2.part", "source"]
    videos.delete(task.video_id, tasks.get(task.id).video.owner, now())
    purged(settings)
    assert not folder.exists() and retention.deleted_videos() == []


def test_the_janitor_process_leads_relays_and_ends_on_sigterm(redis: Redis, task: Task, janitor_process: int) -> None:
    wait_until(lambda: queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1})
    assert redis.get("pod_jobs:janitor")
    os.kill(janitor_process, signal.SIGTERM)
    assert os.waitpid(janitor_process, 0)[1] == 0
    assert redis.get("pod_jobs:janitor:lock") is None


def test_the_job_of_a_killed_worker_goes_back_at_once_and_once(redis: Redis) -> None:
    """Its successor finds it; RQ itself would wait for 70 s and more."""
    rq_queue = queue.open_queue(redis, "encoding")
    for number in (1, 2):
        queue.enqueue(redis, f"encode-{number}-g1", {"task": number, "generation": 1})
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


def test_the_janitor_outlives_an_outage_and_starts_what_came_due_in_it(
    redis: Redis, janitor_process: int, key_value_server: servers.KeyValueServer
) -> None:
    """RQ's scheduler dies in a 5 s outage, and a delayed retry then waits for ever."""
    rq_queue = queue.open_queue(redis, "encoding")
    queue.enqueue(redis, "encode-9-g1", {"task": 9, "generation": 1})
    redis.delete(rq_queue.key)
    ScheduledJobRegistry(queue=rq_queue).schedule(queue.fetch(redis, "encode-9-g1"), now() + timedelta(seconds=3))
    wait_until(lambda: redis.get("pod_jobs:janitor"))
    key_value_server.stop()
    subprocess.run(["sleep", "5"], check=True)
    key_value_server.start()
    wait_until(lambda: "encode-9-g1" in queue.positions(redis, "encoding"), 15)
    os.kill(janitor_process, signal.SIGTERM)
    assert os.waitpid(janitor_process, 0)[1] == 0


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
    reconciler._suspect_since[(task.id, 1)] -= 60
    assert reconciler.reconcile(now()) == {"lost": 1}
    assert state(task) == ("waiting", 2)
    assert queue.fetch(redis, f"encode-{task.id}-g1") is None


def test_an_empty_or_older_database_costs_no_recording(home: Path, redis: Redis, task: Task) -> None:
    settings = load()
    old = time.time() - 10 * 86400
    folders = settings.media_folder / "videos"
    for number, names in ((900, ["source"]), (0, ["source", "encode-1-g1"]), (task.video_id, ["source"])):
        folder = folders / f"{number:06d}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).mkdir() if "-g" in name else (folder / name).write_text("x")
        os.utime(folder, (old, old))
    purged(settings)
    assert len(list(folders.iterdir())) == 3
    bare = folders / "000000" / "encode-1-g1"
    shutil.rmtree(bare)
    os.utime(bare.parent, (old, old))
    purged(settings)
    assert not bare.parent.exists(), "a bare source under a number that the catalog has passed: of a crashed upload"


def test_a_job_type_of_another_version_does_not_stop_the_relay(redis: Redis, task: Task) -> None:
    Outbox.create(job_id="future-9-g1", kind="future", payload={}, created_at=now())
    relayed(redis)
    assert queue.positions(redis, "encoding") == {f"encode-{task.id}-g1": 1}
    assert [row.kind for row in outbox.pending()] == ["future"]


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


def test_a_job_that_a_slow_worker_began_after_all_is_not_handed_back(redis: Redis) -> None:
    rq_queue = queue.open_queue(redis, "encoding")
    assert redis.eval(registries.RETURN, 2, rq_queue.intermediate_queue_key, rq_queue.key, "encode-1-g1") == 0
    assert queue.positions(redis, "encoding") == {}


def test_a_large_purge_leaves_time_for_the_other_duties(
    home: Path, redis: Redis, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load()
    trash = settings.media_folder / purge.TRASH
    for folder in range(20):
        (trash / str(folder)).mkdir(parents=True)
        for number in range(50):
            (trash / str(folder) / str(number)).touch()
    monkeypatch.setattr(rounds, "SLICE_S", 0.001)
    leader, relays, purging_rounds = Leader(redis), 0, 0

    def count_relay(_: datetime) -> None:
        nonlocal relays
        relays += 1

    duty = Duty("purge", 3600.0, InSlices(lambda at: purge.purge(settings, at, leader.writing)))
    duties = [Duty("relay", 0.0, count_relay), duty]
    while duty.next_at == 0.0:
        do_round(duties, redis, leader)
        purging_rounds += 1
    assert relays == purging_rounds > 3
    assert list(trash.iterdir()) == []


def test_a_purge_that_failed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SLICE_S", 0.0)
    begun: list[int] = []

    def failing(_: datetime) -> Iterator[None]:
        begun.append(1)
        yield
        raise OSError("the share is away")

    slices = InSlices(failing)
    assert slices(now()) is UNFINISHED
    with pytest.raises(OSError, match="away"):
        slices(now())
    assert slices(now()) is UNFINISHED
    assert len(begun) == 2


def test_outputs_that_come_into_use_again_while_a_purge_waits_stay(
    home: Path, redis: Redis, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old task is run again and finds what it had made long ago, just when the purge has judged it."""
    settings = load()
    folder = settings.media_folder / "videos" / f"{task.video_id:06d}" / "encode-77-g1"
    folder.mkdir(parents=True)
    (folder / purge.REPLACED_MARK).touch()
    os.utime(folder / purge.REPLACED_MARK, (1, 1))
    name = str(folder.relative_to(settings.media_folder))
    answers = iter([set(), {name}])
    monkeypatch.setattr(retention, "folders_in_use", lambda videos: next(answers))
    purged(settings)
    assert folder.exists()
