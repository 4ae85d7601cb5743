"""How long it takes until a job runs again: one fault at a time, default settings, every encoding worker busy.

worker killed    kill -9 of a worker: until its task begins again on this host
host silent      the same on another host (its own host name), with nobody left there to notice: until another host has it
empty restart    the key-value server comes back with nothing: until every waiting job is enqueued again
outage 35 s      the key-value server away for 35 s: workers lost, tasks begun twice
stop             SIGTERM to every line in mid-encode: until no process is left
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

from redis import Redis

from benchmarks._instance import ROOT, Instance, children_of, wait_for
from benchmarks.chaos import LINES, make_clip

SUMMARY = "seconds until a job runs again after one fault, with all workers busy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # the faults are fixed


def measure(options: argparse.Namespace) -> dict[str, Any]:
    del options
    instance = Instance(LINES, "benchmarks._chaos_line", encoding_workers=2)
    instance.environment["CHAOS_STUB_S"] = "20"
    try:
        instance.start()
        clip = make_clip()
        for _ in range(60):
            instance.api("POST", "/videos?name=clip.mp4", data=clip).raise_for_status()
        figures = {"worker_killed_s": worker_killed_s(instance)}
        figures["host_silent_s"] = host_silent_s(instance)
        figures["empty_restart_s"] = empty_restart_s(instance)
        figures |= outage(instance)
        began = time.monotonic()
        left = instance.stop()
        return {**figures, "stop_s": round(time.monotonic() - began, 1), "left_after_stop": len(left)}
    finally:
        instance.stop()
        instance.remove()


def worker_killed_s(instance: Instance) -> float:
    task, worker, _ = running(instance)[0]
    killed_at = time.monotonic()
    os.kill(int(worker.rsplit(".", 3)[1]), signal.SIGKILL)
    return begun_again_s(instance, task, killed_at)


def host_silent_s(instance: Instance) -> float | None:
    """None where this process cannot take another host name, which needs root."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        return None
    line = [sys.executable, "-m", instance.module, "encoding"]
    script = 'hostname elsewhere && exec "$@"'
    environment = {**instance.environment, "POD_JOBS_WORKERS__ENCODING": "1"}
    place = ("--uts", "--pid", "--fork", "--mount-proc")  # in the same table of processes it would be known to be dead
    command = [unshare, *place, "sh", "-c", script, "sh", *line]
    silent = subprocess.DEVNULL
    other = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=silent, stderr=silent)
    wait_for(lambda: on_host(instance, "elsewhere"), 90, "the other host has a task")
    task = on_host(instance, "elsewhere")[0]
    killed_at = time.monotonic()
    for pid in (other.pid, *children_of(other.pid)):
        os.kill(pid, signal.SIGKILL)
    other.wait()
    return begun_again_s(instance, task, killed_at)


def empty_restart_s(instance: Instance) -> float:
    instance.stop_redis(kill=True, empty=True)
    waiting = rows(instance, "select id, generation from task where state = 'waiting'")
    assert waiting, "nothing waits: the measurement would be void"
    instance.start_redis()
    began = time.monotonic()

    def all_back() -> bool:
        with Redis(port=instance.redis_port) as redis:
            return all(redis.exists(f"rq:job:encode-{task}-g{generation}") for task, generation in waiting)

    wait_for(all_back, 180, "every waiting job is enqueued again")
    return round(time.monotonic() - began, 1)


def outage(instance: Instance) -> dict[str, Any]:
    before = set(instance.children("encoding"))
    first_event = len(events(instance))
    instance.stop_redis()
    time.sleep(35)
    instance.start_redis()
    time.sleep(30)
    begun = [event["task"] for event in events(instance)[first_event:] if event["event"] == "begin"]
    return {
        "outage_workers_lost": len(before - set(instance.children("encoding"))),
        "outage_begun_twice": len(begun) - len(set(begun)),
    }


def begun_again_s(instance: Instance, task: int, since: float) -> float:
    def again() -> list[float]:
        return [
            event["at"] - since
            for event in events(instance)
            if event["event"] == "begin" and event["task"] == task and event["at"] > since
        ]

    wait_for(again, 300, f"task {task} begins again")
    return round(again()[0], 1)


def running(instance: Instance) -> list[tuple[int, str, str]]:
    """(task, worker, host) of the attempts under way."""
    query = "select task_id, worker, host from attempt where outcome is null order by started_at desc"
    wait_for(lambda: rows(instance, query), 60, "a run")
    return rows(instance, query)


def on_host(instance: Instance, host: str) -> list[int]:
    return [
        task
        for task, _, at in rows(instance, "select task_id, worker, host from attempt where outcome is null")
        if at == host
    ]


def events(instance: Instance) -> list[dict[str, Any]]:
    return [json.loads(line) for line in instance.events.read_text().splitlines()]


def rows(instance: Instance, query: str) -> list[Any]:
    with closing(sqlite3.connect(instance.home / "catalog.sqlite3", timeout=15)) as catalog:
        return catalog.execute(query).fetchall()


def table(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name:22} {value}" for name, value in figures.items())
