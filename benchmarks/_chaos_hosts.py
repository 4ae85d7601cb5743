"""./run bench chaos --hosts 3: hosts that share nothing with the web host but an address, under load and a series of faults.

lost     an accepted video that the catalog does not know, or one called ready of which a file is missing or has another size;
         a statement that the record store never got
doubled  a task with two attempts that published; a statement of which the record store got two that differ
stuck    a task that is neither done nor visibly failed 300 s after the last fault; a statement that still waits then
orphans  an ffmpeg that runs on when every task has ended
"""

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import requests

from benchmarks._host_faults import DISK_MB, FAULTS, HostFaults, Hosts
from benchmarks._instance import wait_for
from tests.acceptance.hosts import LANE, Network, network
from tests.acceptance.site import make_clip
from tests.namespaces import WEB, can_be_made
from tests.proxy import in_front_of

NAMES = ("b", "c", "d")
SETTLE_S = 300  # longer than any time-out of ours
MEAN_PAUSE_S = 2.0
UPLOAD_EVERY_S = 2.0
MOST_OPEN = 6


class Load(threading.Thread):
    """Uploads a clip while few tasks are open. `accepted`: the videos that the API has confirmed."""

    def __init__(self, made: Network, clip: Path) -> None:
        super().__init__(daemon=True)
        self.made, self.clip = made, clip
        self.accepted: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(UPLOAD_EVERY_S):
            with suppress(
                requests.RequestException, AssertionError, sqlite3.Error
            ):  # it is refused, or the catalog is away
                if len(open_tasks(self.made)) < MOST_OPEN:
                    self.accepted.append(self.made.site.upload("clip.mp4", self.clip))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.hosts != len(NAMES) or not can_be_made():
        sys.exit("there are three hosts: --hosts 3, as a user who may make network namespaces")
    with network(*NAMES, settings=LANE) as made, in_front_of(made.site.url, WEB) as proxy:
        made.url, proxy.is_moody = proxy.url, False
        media = made.site.home / "media"
        whose = (media / ".identity").read_bytes() if (media / ".identity").exists() else b""
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={4 * DISK_MB}m,mode=0750", "tmpfs", str(media)], check=True
        )
        if whose:
            (media / ".identity").write_bytes(whose)
        hosts = Hosts(made, proxy)
        try:
            return run(hosts, options)
        except TimeoutError:
            show_logs(made)
            raise
        finally:
            hosts.remove()
            subprocess.run(["umount", "-l", str(media)], check=False)


def run(hosts: Hosts, options: argparse.Namespace) -> dict[str, Any]:
    made = hosts.network
    hosts.start()
    load = Load(made, make_clip(made.folder / "clip.mp4", seconds=12))
    load.start()
    wait_for(lambda: done_tasks(made), 120, "a first video is ready")
    dice = random.Random(options.seed)
    faults = HostFaults(hosts, dice)
    names = [name for name in FAULTS if faults.possible(name)]
    counts: Counter[str] = Counter()
    began = time.monotonic()
    each_once = dice.sample(names, len(names)) if options.faults >= len(names) else []
    while counts.total() < options.faults:
        time.sleep(dice.expovariate(1 / MEAN_PAUSE_S))
        name = each_once[0] if each_once else dice.choices(names, [FAULTS[one] for one in names])[0]
        if faults.inject(name):
            each_once = each_once[1:]
            counts[name] += 1
            passed = f"{counts.total()} faults, {len(load.accepted)} videos accepted, {time.monotonic() - began:.0f} s"
            say(f"{passed}: {name}")
    load.over.set()
    load.join()
    faults.heal()
    healed = time.monotonic()
    with suppress(TimeoutError):
        wait_for(lambda: not open_tasks(made) and not waiting_statements(hosts), SETTLE_S, "everything ended")
    settled_s = time.monotonic() - healed
    with suppress(TimeoutError):
        wait_for(lambda: not ffmpegs(hosts), 10, "every ffmpeg ended")
    figures = count(hosts, load.accepted)
    figures |= {"orphans": len(ffmpegs(hosts)), "seed": options.seed, "injected": dict(counts)}
    settled = {"settled_s": round(settled_s, 1), "wall_s": round(time.monotonic() - began)}
    if any(figures[name] for name in ("lost", "doubled", "stuck", "orphans")):
        show_logs(made)
    return {"faults": options.faults, "hosts": options.hosts, **figures, **settled}


def count(hosts: Hosts, accepted: list[int]) -> dict[str, Any]:
    made = hosts.network
    known = {video for (video,) in query(made, "select id from video")}
    states = query(made, "select id, video_id, state from task where kind = 'encode'")
    published = dict(query(made, "select task_id, count(*) from attempt where outcome = 'done' group by task_id"))
    hollow = [video for _, video, state in states if state == "done" and not is_whole(made, video)]
    missing = [video for video in accepted if video not in known]
    came = defaultdict(set)
    for line in made.records():
        came[json.loads(line)["id"]].add(line)
    waiting = waiting_statements(hosts)
    made_statements = {id for (id,) in query(made, "select id from statement")}
    never = made_statements - set(came) if not waiting else set()
    found = {
        "missing": missing,
        "hollow": hollow,
        "statements that never came": sorted(never),
        "published twice": [task for task, times in published.items() if times > 1],
        "statements that differ": [one for one, lines in came.items() if len(lines) > 1],
        "stuck": open_tasks(made),
    }
    for what, which in found.items():
        if which:
            say(f"{what}: {which}")
    for task, code, reason in query(made, "select id, error_code, error_reason from task where state = 'error'"):
        say(f"task {task}: {code}: {' '.join((reason or '').split())[-300:]}")
    return {
        "tasks": len(states),
        "statements": len(made_statements),
        "lost": len(missing) + len(hollow) + len(never),
        "doubled": len(found["published twice"]) + len(found["statements that differ"]),
        "stuck": len(found["stuck"]) + waiting,
        "states": dict(Counter(state for _, _, state in states)),
    }


def is_whole(made: Network, video: int) -> bool:
    """Are all files of a ready video there, in their sizes?"""
    found = made.site.api("GET", f"videos/{video}")
    folder = made.site.home / "media" / query(made, "select published_folder from video where id = ?", video)[0][0]
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return bool(found["outputs"]) and all(sizes.get(one["name"]) == one["bytes"] for one in found["outputs"])


def waiting_statements(hosts: Hosts) -> int:
    """How many statements are not delivered yet, and events of which none has been made."""
    events = query(hosts.network, "select count(*) from production_event")[0][0]
    return int(events) + len(
        query(hosts.network, "select s.number from statement s where s.number > (select cursor from lane)")
    )


def open_tasks(made: Network) -> list[tuple[Any, ...]]:
    return query(made, "select id, state from task where kind = 'encode' and state in ('waiting', 'running')")


def done_tasks(made: Network) -> list[tuple[Any, ...]]:
    return query(made, "select id from task where kind = 'encode' and state = 'done'")


def ffmpegs(hosts: Hosts) -> list[int]:
    return [pid for host in (hosts.near, hosts.other) for pid in hosts.processes(host, "ffmpeg")]


def query(made: Network, text: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(made.site.home / "catalog.sqlite3", timeout=30)) as catalog:
        return catalog.execute(text, values).fetchall()


def show_logs(made: Network) -> None:
    for log in (*sorted(made.folder.glob("*.log")), made.site.home / "web.log"):
        say(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
