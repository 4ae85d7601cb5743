"""What happens to a job when its worker or the key-value server is stopped or dies; with real processes and signals."""

import os
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

import pod_jobs
from pod_jobs.catalog.client import Order
from pod_jobs.catalog.seals import seal_of
from pod_jobs.jobs import hosts, queue
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.queue import open_queue
from pod_jobs.jobs.report import waiting_reports
from pod_jobs.jobs.worker import PodWorker
from tests.integration.jobs.conftest import KEY, SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, keep_working, status, working
from tests.servers import wait_until


def deaf(context: Context, order: Order) -> dict[str, Any]:
    """A job that ignores a stop, and the end of its worker."""
    queue.write_progress(context.redis, order.task, {"step": "deaf"})
    while True:
        time.sleep(0.05)


def leave_a_stray(context: Context, order: Order) -> dict[str, Any]:
    """Its child is in a session of its own, and asked for no signal: bubblewrap's inner process before it begins."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    return keep_working(context, order)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_sigterm_puts_the_job_back_at_the_front(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    queue.enqueue(redis, ENCODE, "encode-8-g1", {"task": 8, "generation": 1})
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert queue.positions(redis, "encoding") == {"encode-7-g1": 1, "encode-8-g1": 2}
    assert next(iter(waiting_reports(redis).values()))["report"]["outcome"] == "interrupted"


def test_a_job_that_a_person_stops_goes_back_to_the_front_and_its_worker_goes_on(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    ours = queue.read_progress(redis, [7])[7]["worker"]
    queue.request_interrupt(redis, 7, "encoding.another.1")
    queue.request_interrupt(redis, 7, ours)
    wait_until(lambda: waiting_reports(redis), 10, "the run gave up")
    assert next(iter(waiting_reports(redis).values()))["report"]["outcome"] == "interrupted"
    assert not queue.is_interrupt_requested(redis, 7, ours), "it may run there again"
    wait_until(lambda: working(redis), 10, "the same worker runs it again, for it is not drained")
    assert alive(worker.pid)


def test_a_worker_says_how_its_host_is_and_takes_it_back_when_it_stops(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=keep_working, ffmpeg_version=lambda settings: "7.1")
    wait_until(lambda: hosts.list_hosts(redis, datetime.now(UTC)))
    (entry,) = hosts.list_hosts(redis, datetime.now(UTC))
    assert (entry.host, entry.queue, entry.version, entry.ffmpeg) == (
        socket.gethostname(),
        "encoding",
        pod_jobs.__version__,
        "7.1",
    )
    assert entry.processors and entry.memory_free
    worker.signal(signal.SIGTERM)
    worker.wait()
    assert hosts.list_hosts(redis, datetime.now(UTC)) == []


def test_a_deaf_job_does_not_hold_up_the_stop(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=deaf)
    enqueue(redis)
    wait_until(lambda: working(redis))
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    worker.wait()
    assert time.monotonic() - began < 5
    assert next(iter(waiting_reports(redis).values()))["report"]["outcome"] == "lost"


def test_a_killed_horse_is_reported(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    os.kill(child_of(worker.pid), signal.SIGKILL)
    wait_until(lambda: waiting_reports(redis))
    entry = next(iter(waiting_reports(redis).values()))
    report = entry["report"]
    assert (report["outcome"], report["signal"], report["generation"], report["attempt"]) == ("killed", 9, 1, 1)
    assert entry["seal"] == seal_of(KEY, report)
    assert f".{worker.pid}." in report["worker"]


def test_nothing_that_a_killed_horse_started_outlives_it(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=leave_a_stray)
    enqueue(redis)
    wait_until(lambda: working(redis))
    horse = child_of(worker.pid)
    stray = child_of(horse)
    os.kill(horse, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{stray}").exists(), 10, "killed and reaped")


def test_a_late_kill_of_a_horse_that_has_ended_does_not_hit_the_worker(redis: Redis) -> None:
    if (pid := os.fork()) == 0:
        os.setpgid(0, 0)
        worker = PodWorker([open_queue(redis, "encoding")], connection=redis)
        worker.kill_horse()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_killed_worker_takes_its_horse_and_the_horses_children_along(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(encode=deaf)
    enqueue(redis)
    wait_until(lambda: working(redis))
    horse = child_of(worker.pid)
    worker.signal(signal.SIGKILL)
    wait_until(lambda: not alive(horse), 5, "the horse died with its worker")


def test_a_killed_workers_job_runs_again_as_soon_as_another_worker_starts(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(encode=keep_working)
    enqueue(redis)
    wait_until(lambda: working(redis))
    worker.signal(signal.SIGKILL)
    worker.wait()
    start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: status(redis) == "finished", 5)


def test_a_worker_and_its_job_outlive_an_outage_of_the_key_value_server(
    home: Path, small_catalog: SmallCatalog, start_worker: StartWorker, redis: Redis, key_value_server: Any
) -> None:
    worked = home / "worked"

    def work(context: Context, order: Order) -> dict[str, Any]:
        for _ in range(60):
            context.tick(order, {"step": "encode"})
            time.sleep(0.05)
        worked.touch()
        return RESULT

    start_worker(encode=work)
    enqueue(redis)
    wait_until(lambda: working(redis))
    key_value_server.stop()
    wait_until(worked.exists)  # the job ends inside the outage, and before that its worker has looked for the server
    key_value_server.start()
    wait_until(lambda: status(redis) == "finished", 30)
    assert [entry["report"]["outcome"] for entry in waiting_reports(redis).values()] == ["done"]
    assert len(small_catalog.starts) == 1


def test_workers_leave_the_registries_alone(redis: Redis, start_worker: StartWorker) -> None:
    """Two cleaners at the same time enqueue an abandoned job twice; the janitor is the only one."""
    redis.hset("rq:job:encode-9-g1", mapping={"status": "started", "created_at": "2026-01-01T00:00:00.000000Z"})
    redis.zadd("rq:wip:encoding", {"encode-9-g1:x": time.time() - 100})
    start_worker(encode=lambda context, order: RESULT)
    enqueue(redis)
    wait_until(lambda: status(redis) == "finished")
    wait_until(lambda: redis.zscore("rq:wip:encoding", "encode-7-g1") is None)
    assert redis.zscore("rq:wip:encoding", "encode-9-g1:x") is not None
