"""Checks that nothing is lost and nothing is done twice: a real instance under load, and a seeded series of faults.

lost     an accepted video that the catalog does not know, or one called ready whose files are not there
doubled  two encodes of one generation published, or two of one video alive at the same time
stuck    a task that is neither done nor visibly failed 300 s after the last fault
recovery from the kill of a run to the next run of its task, or to its visible error
orphans  an ffmpeg that runs on when every task has ended, and processes of the instance that outlive its stop
"""

import argparse
import json
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from typing import Any

import requests

from benchmarks._chaos_faults import FAULTS, Faults, Kills
from benchmarks._instance import Instance, wait_for

SUMMARY = "faults injected into a running instance: lost, doubled, stuck, orphans, slowest recovery"
LINES = ("web", "encoding", "catalog", "janitor")
SETTLE_S = 300
ENDING_S = 5  # a task has ended a moment before the last process of its run
MEAN_PAUSE_S = 0.8
UPLOAD_EVERY_S = 1.5
MOST_OPEN = 12  # tasks: two workers under faults keep up with that


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--faults", type=int, default=30, help="how many (30)")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule (1)")
    parser.add_argument("--hosts", type=int, default=0, help="3: faults of a network of hosts instead of one machine's")
    parser.add_argument("--elsewhere", action="store_true", help="workers of another host with a shared folder")
    parser.add_argument("--keep", action="store_true", help="leave the instance folder for a look")


class Load(threading.Thread):
    """Uploads a small clip every 1.5 s while few tasks are open. `accepted`: the videos that the API has confirmed."""

    def __init__(self, instance: Instance, clip: bytes) -> None:
        super().__init__(daemon=True)
        self.instance, self.clip = instance, clip
        self.accepted: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(UPLOAD_EVERY_S):
            if len(open_tasks(self.instance)) >= MOST_OPEN:
                continue
            with suppress(requests.RequestException, ValueError):
                answer = self.instance.api("POST", "/videos?name=clip.mp4", data=self.clip)
                if answer.status_code == 201:
                    self.accepted.append(answer.json()["id"])


class Errors(threading.Thread):
    """Notes when a task's error became visible: (task, monotonic seconds) in `seen`, once for each time."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(daemon=True)
        self.instance = instance
        self.seen: list[tuple[int, float]] = []
        self.over = threading.Event()

    def run(self) -> None:
        before: set[int] = set()
        while not self.over.wait(1):
            failed = {task for task, _ in tasks_in(self.instance, "error")}
            self.seen += [(task, time.monotonic()) for task in failed - before]
            before = failed


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.hosts:
        from benchmarks import _chaos_hosts

        return _chaos_hosts.measure(options)
    instance = Instance(
        LINES, "benchmarks._chaos_line", encoding_workers=2, own_machine=True, elsewhere=options.elsewhere
    )
    kept = False
    try:
        figures = run(instance, options)
        kept = options.keep or failed(figures)
        return figures
    finally:
        instance.stop()
        if kept:
            say(f"the instance folder is kept: {instance.home}")
        else:
            instance.remove()


def run(instance: Instance, options: argparse.Namespace) -> dict[str, Any]:
    instance.start()
    say(f"instance in {instance.home}, tmpfs {instance.has_tmpfs}, own clock and names {instance.has_machine}")
    load = Load(instance, make_clip())
    errors = Errors(instance)
    load.start()
    errors.start()
    wait_for(lambda: load.accepted, 60, "a first upload")
    dice = random.Random(options.seed)
    faults = Faults(instance, dice)
    names = [name for name in FAULTS if faults.possible(name)]
    weights = [FAULTS[name] for name in names]
    counts: Counter[str] = Counter()
    began = time.monotonic()
    while counts.total() < options.faults:
        time.sleep(dice.expovariate(1 / MEAN_PAUSE_S))
        name = dice.choices(names, weights)[0]
        if not faults.inject(name):
            continue
        counts[name] += 1
        if counts.total() % 25 == 0 or counts.total() == options.faults:
            say(f"{counts.total()} faults, {len(load.accepted)} videos accepted, {time.monotonic() - began:.0f} s")
    load.over.set()
    load.join()
    faults.heal()
    with suppress(TimeoutError):
        wait_for(lambda: not open_tasks(instance), SETTLE_S, "every task ended")
    errors.over.set()
    errors.join()
    with suppress(TimeoutError):
        wait_for(lambda: not faults.stray_ffmpegs(), ENDING_S, "every ffmpeg ended")
    stray = faults.stray_ffmpegs()
    figures = count(instance, load.accepted, faults.kills, errors.seen)
    left = instance.stop()
    if left or stray:
        say(f"left over: {left} {stray}")
    figures |= {"orphans": len(left) + len(stray), "seed": options.seed, "injected": dict(counts)}
    return {"faults": options.faults, **figures, "wall_s": round(time.monotonic() - began)}


def count(instance: Instance, accepted: list[int], kills: Kills, errors: list[tuple[int, float]]) -> dict[str, Any]:
    """The figures from the catalog, the events and the media folder."""
    if not instance.events.exists():
        sys.exit(f"no encode began: see the logs in {instance.home}")
    events = [json.loads(line) for line in instance.events.read_text().splitlines()]
    with closing(sqlite3.connect(instance.home / "catalog.sqlite3")) as catalog:
        videos = dict(catalog.execute("select id, published_folder from video").fetchall())
        tasks = catalog.execute("select id, video_id, state from task where kind = 'encode'").fetchall()
        reasons = catalog.execute("select id, error_code, error_reason from task where state = 'error'").fetchall()
    done = {video for _, video, state in tasks if state == "done"}
    missing = [video for video in accepted if video not in videos]
    hollow = [
        video
        for video in done
        if not videos[video] or not (instance.home / "media" / videos[video] / "done.json").is_file()
    ]
    published = Counter((event["task"], event["generation"]) for event in events if event["event"] == "publish")
    twice = [key for key, times in published.items() if times > 1]
    overlaps = [event for event in events if event["event"] == "overlap"]
    stuck = open_tasks(instance)
    for what, found in (
        ("missing", missing),
        ("hollow", hollow),
        ("twice", twice),
        ("overlap", overlaps),
        ("stuck", stuck),
    ):
        if found:
            say(f"{what}: {found}")
    for task, code, reason in reasons:
        say(f"task {task}: {code}: {' '.join((reason or '').split())[-300:]}")
    states = Counter(state for _, _, state in tasks)
    return {
        "tasks": len(tasks),
        "lost": len(missing) + len(hollow),
        "doubled": len(twice) + len(overlaps),
        "stuck": len(stuck),
        "slowest_recovery_s": round(slowest_recovery_s(events, kills, errors), 1),
        "states": dict(states),
    }


def slowest_recovery_s(events: list[dict[str, Any]], kills: Kills, errors: list[tuple[int, float]]) -> float:
    """Seconds of the slowest recovery after any kill. Other faults in between count too."""
    begins = [(event["task"], event["at"]) for event in events if event["event"] == "begin"]
    slowest = 0.0
    task_of = {(event["pid"], event["started"]): event["task"] for event in events if event["event"] == "begin"}
    for horse, killed_at in kills.items():
        later = [at for task, at in begins + errors if task == task_of.get(horse) and at > killed_at]
        if later:
            slowest = max(slowest, min(later) - killed_at)
    return slowest


def open_tasks(instance: Instance) -> list[tuple[int, str]]:
    return tasks_in(instance, "waiting", "running")


def tasks_in(instance: Instance, *states: str) -> list[tuple[int, str]]:
    """(task, state) of every encoding."""
    query = f"select id, state from task where kind = 'encode' and state in ({', '.join('?' * len(states))})"  # noqa: S608
    with closing(sqlite3.connect(instance.home / "catalog.sqlite3", timeout=15)) as catalog:
        return catalog.execute(query, states).fetchall()


def make_clip() -> bytes:
    """Four seconds of moving test picture and tone, as MP4."""
    import subprocess
    import tempfile
    from pathlib import Path

    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        inputs = ["-f", "lavfi", "-i", "testsrc2=s=640x360:d=4", "-f", "lavfi", "-i", "sine=d=4"]
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()  # type: ignore[attr-defined]
        command = [ffmpeg, "-v", "error", *inputs, "-pix_fmt", "yuv420p", "-shortest", str(path)]
        subprocess.run(command, check=True)
        return path.read_bytes()


def failed(figures: dict[str, Any]) -> bool:
    """Also when most tasks ended in an error: visible, so neither lost nor stuck, but then the run shows nothing."""
    hopeless = 2 * figures["states"].get("error", 0) > figures["tasks"]
    return hopeless or any(figures[name] for name in ("lost", "doubled", "stuck", "orphans"))


def table(figures: dict[str, Any]) -> str:
    lines = [f"  {name:24} {times}" for name, times in sorted(figures["injected"].items())]
    lines += [f"states {figures['states']} · {figures['wall_s']} s"]
    if "hosts" in figures:
        lines += ["statements {statements} · all was well again after {settled_s} s".format(**figures)]
    lines += [
        "faults {faults} · tasks {tasks} · lost {lost} · doubled {doubled} · stuck {stuck} · orphans {orphans} · "
        "slowest recovery {slowest_recovery_s} s · seed {seed}".format(**{"slowest_recovery_s": "-", **figures})
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
