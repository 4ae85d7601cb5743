"""What a job costs beside its work, and how soon an idle worker begins one.

rq        RQ's own worker, forking, with a function that does nothing
ours      our worker and runtime, with a job that does nothing
task      the same with all that a task needs: the catalog asked to start it, lock, folder, marker, report sent
commands  to the key-value server for each such task in a full queue, those of the janitor and of idle workers included
latency   from the commit of an order to the start of its attempt by an idle worker: one order at a time, real web app
"""

import argparse
import contextlib
import gc
import os
import signal
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks._instance import Instance, wait_for
from benchmarks.chaos import make_clip

SUMMARY = "cost of a job beside its work, against RQ's own; time until an idle worker begins"
LINES = ("web", "encoding", "catalog", "janitor")

Enqueue = Callable[[int], object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, default=60, help="jobs per way (60)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="turns, RQ's and ours in each: best times, median ratio (5)"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    instance = Instance(LINES, "benchmarks._noop_line", encoding_workers=1)
    try:
        instance.start()
        wait_for(lambda: instance.children("encoding"), 30, "the encoding worker")
        url = f"redis://127.0.0.1:{instance.redis_port}/1"  # beside the instance's own database 0
        of_ours = partial(ours, instance.home)
        turns = [
            (burst_ms(url, options.jobs, rqs_own), burst_ms(url, options.jobs, of_ours)) for _ in range(options.rounds)
        ]
        rq_ms, ours_ms = (min(turn[which] for turn in turns) for which in (0, 1))
        task_ms, commands, latencies_ms = through_the_instance(instance, options.jobs)
        cuts = statistics.quantiles(latencies_ms, n=20)
        return {
            "jobs": options.jobs,
            "rq_ms": round(rq_ms, 1),
            "ours_ms": round(ours_ms, 1),
            "task_ms": round(task_ms, 1),
            "task_commands": round(commands),
            "ratio_ours_to_rq": round(statistics.median(mine / its for its, mine in turns), 2),
            "ratio_task_to_rq": round(task_ms / rq_ms, 2),
            "latency_p50_ms": round(statistics.median(latencies_ms), 1),
            "latency_p95_ms": round(cuts[18], 1),
        }
    finally:
        instance.stop()
        instance.remove()


def burst_ms(url: str, jobs: int, prepare: Callable[[str], tuple[Enqueue, Any]]) -> float:
    """Milliseconds per job, its enqueuing included, of one worker in a process of its own; without imports and set-up."""
    with Redis.from_url(url) as redis:
        redis.flushdb()
    reading, writing = os.pipe()
    if os.fork() == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        enqueue, worker = prepare(url)
        began = time.perf_counter()
        for number in range(jobs):
            enqueue(number)
        worker.work(burst=True)
        if worker.connection.zcard("rq:finished:plain") != jobs:
            os._exit(1)  # the caller gets no answer, and fails
        os.write(writing, str(time.perf_counter() - began).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    took_s = float(os.read(reading, 100))
    os.close(reading)
    return took_s / jobs * 1000


def rqs_own(url: str) -> tuple[Enqueue, Any]:
    from rq import Queue, Worker

    redis = Redis.from_url(url)
    queue = Queue("plain", connection=redis)
    return lambda _: queue.enqueue(os.getpid), Worker([queue], connection=redis)


def ours(home: Path, url: str) -> tuple[Enqueue, Any]:
    from pod_jobs.jobs import queue
    from pod_jobs.jobs.job_type import JobType, table_of
    from pod_jobs.jobs.worker import build_worker
    from pod_jobs.settings import load

    noop = JobType("noop", queue="plain", run=lambda context, payload: None, payload={"number": None})
    worker = build_worker(load(home, redis={"url": url}), "plain", table_of(noop))
    gc.freeze()
    return lambda number: queue.enqueue(worker.connection, noop, f"noop-{number}", {"number": number}), worker


def through_the_instance(instance: Instance, jobs: int) -> tuple[float, float, list[float]]:
    """Milliseconds and commands to the key-value server per task in a full queue; and the start latencies of lone ones."""
    clip = make_clip()
    for _ in range(jobs):
        instance.api("POST", "/videos?name=clip.mp4", data=clip).raise_for_status()
        wait_for(lambda: not unfinished(instance), 30, "the task ended")
    latencies_ms = rows(
        instance, "select (a.started_at - t.queued_at) / 1000.0 from attempt a join task t on t.id = a.task_id"
    )
    instance.api("POST", "/videos?name=clip.mp4", data=clip).raise_for_status()
    with contextlib.suppress(ProcessLookupError):
        for worker in instance.children("encoding"):
            os.kill(worker, signal.SIGSTOP)  # fill the queue first
    videos = rows(instance, "select id from video")[:jobs]
    for video in videos:
        instance.api("POST", f"/videos/{video}/encode")
    before = commands_of(instance)
    for worker in instance.children("encoding"):
        os.kill(worker, signal.SIGCONT)
    wait_for(lambda: not unfinished(instance), 120, "the queue is empty")
    query = "select (max(started_at) - min(started_at)) / 1000.0 from attempt where task_id > ?"
    (span_ms,) = rows(instance, query, len(latencies_ms) + 1)
    return span_ms / (len(videos) - 1), (commands_of(instance) - before) / (len(videos) + 1), latencies_ms


def commands_of(instance: Instance) -> int:
    """How many commands the key-value server has had."""
    with Redis(port=instance.redis_port) as redis:
        return int(redis.info("stats")["total_commands_processed"])


def unfinished(instance: Instance) -> list[Any]:
    return rows(instance, "select id from task where kind = 'encode' and state in ('waiting', 'running')")


def rows(instance: Instance, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(instance.home / "catalog.sqlite3", timeout=15)) as catalog:
        return [row[0] for row in catalog.execute(query, values).fetchall()]


def table(figures: dict[str, Any]) -> str:
    return (
        "per job      rq {rq_ms} ms · ours {ours_ms} ms ({ratio_ours_to_rq}x) · a whole task {task_ms} ms ({ratio_task_to_rq}x), "
        "{task_commands} commands to the key-value server\n"
        "an idle worker begins after  p50 {latency_p50_ms} ms · p95 {latency_p95_ms} ms"
    ).format(**figures)
