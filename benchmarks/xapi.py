"""Learning traces against a real Ralph: acceptance, delivery, one POST per statement, an outage's backlog, kill -9.

The instance is the product's own Procfile lines (web, worker of the queue xapi, janitor) and its own SQLite; loader, Ralph
and instance share the machine. With --chaos, worker, web, key-value server and Ralph are killed in turn while statements
come in, with two record stores; their lease is shortened, because a killed worker's lane waits for its end.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import requests

from benchmarks._instance import Instance, wait_for
from benchmarks._lrs import RalphProcess
from benchmarks._usage import cpu_s, family, resident_mb
from pod_jobs.xapi.profile import EXTENSION, PAUSED, PROFILE, VIDEO
from tests.integration.xapi.ralph import LOGIN, PASSWORD

SUMMARY = "learning traces: accepted and delivered per second, against one POST each; --backlog N, --chaos N"
LINES = ("web", "xapi", "janitor")
LEASE_S = 20
HAND_IN_S = 120  # a request's statements are accepted by then, whatever is killed meanwhile
DRAIN_S = 900
Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--statements", type=int, default=20_000, help="accepted and delivered")
    parser.add_argument("--per-request", type=int, default=100)
    parser.add_argument("--single", type=int, default=1_000, help="sent with one POST each")
    parser.add_argument(
        "--backlog", type=int, default=0, help="also: so many wait while the LRS is away; 200000 is the promise"
    )
    parser.add_argument(
        "--chaos", type=int, default=0, help="also: so many with kill -9 all around; 10000 is the promise"
    )
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> Figures:
    run = Run()
    try:
        figures = run.throughput(options.statements, options.per_request, options.single)
        if options.backlog:
            figures |= run.backlog(options.backlog, options.per_request)
        if options.chaos:
            figures |= run.chaos(options.chaos, random.Random(options.seed))
        return figures | run.balance()
    finally:
        run.close()


def table(figures: Figures) -> str:
    return "\n".join(f"{name:28} {value}" for name, value in figures.items())


def statement() -> dict[str, Any]:
    """A statement as our player sends it at a pause."""
    result = {"time": 12.5, "progress": 0.207, "played-segments": "0[.]12.5"}
    context = {"session-id": str(uuid.uuid4()), "length": 60.5, "completion-threshold": 0.9}
    return {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Agent", "account": {"homePage": "https://univ.example", "name": uuid.uuid4().hex}},
        "verb": {"id": PAUSED, "display": {"en": "paused"}},
        "object": {
            "id": "https://univ.example/xapi/activities/video/3",
            "definition": {"type": VIDEO, "name": {"und": "Cours n° 1"}},
        },
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "result": {"extensions": {EXTENSION + name: value for name, value in result.items()}},
        "context": {
            "registration": str(uuid.uuid4()),
            "contextActivities": {"category": [{"id": PROFILE}]},
            "extensions": {EXTENSION + name: value for name, value in context.items()},
        },
    }


class Run:
    """An instance with two lanes, each with a Ralph of its own."""

    def __init__(self) -> None:
        self.instance = Instance(LINES, "pod_jobs.processes", 0)
        folder = self.instance.home
        self.stores = {name: RalphProcess(folder / "ralphs" / name) for name in ("one", "two")}
        self.sent: dict[str, dict[str, Any]] = {}
        self.singles = 0
        lanes = [{"name": n, "url": s.url, "login": LOGIN, "read_timeout_s": 8} for n, s in self.stores.items()]
        self.instance.environment |= {
            "POD_JOBS_XAPI__LANE": json.dumps(lanes),
            "POD_JOBS_XAPI__LEASE_S": str(LEASE_S),
            "POD_JOBS_JANITOR__LOST_S": "5",
            "POD_JOBS_XAPI__HOME_PAGE": "https://univ.example",
            **{f"POD_JOBS_XAPI__PASSWORDS__{name.upper()}": PASSWORD for name in self.stores},
        }
        self.stores["one"].start()
        self.stores["one"].wait()
        self.instance.start()
        self.url = f"http://127.0.0.1:{self.instance.web_port}/api/v1/xapi/statements"
        token = (folder / "secrets" / "cli_token").read_text().strip()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"

    def close(self) -> None:
        self.instance.stop()
        for store in self.stores.values():
            store.stop(signal.SIGKILL)
        self.instance.remove()

    def hand_in(self, batch: list[dict[str, Any]]) -> None:
        """Send `batch` again and again until the web app has accepted it."""
        body = json.dumps(batch).encode()
        deadline = time.monotonic() + HAND_IN_S
        while time.monotonic() < deadline:
            try:
                response = self.session.post(self.url, data=body, timeout=20)
                if response.status_code == 200:
                    assert all(entry["accepted"] for entry in response.json()["statements"])
                    self.sent |= {one["id"]: one for one in batch}
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise TimeoutError(f"not accepted within {HAND_IN_S} s")

    def accept(self, count: int, per_request: int) -> float:
        """Hand in `count` statements over two connections; seconds."""
        batches = [[statement() for _ in range(per_request)] for _ in range(count // per_request)]

        def hand_in_all(part: list[list[dict[str, Any]]]) -> None:
            for batch in part:
                self.hand_in(batch)

        halves = [threading.Thread(target=hand_in_all, args=(batches[i::2],)) for i in (0, 1)]
        began = time.monotonic()
        for half in halves:
            half.start()
        for half in halves:
            half.join()
        return time.monotonic() - began

    def throughput(self, count: int, per_request: int, single: int) -> Figures:
        one = self.stores["one"]
        say(f"{single} statements, one POST each")
        singles = [statement() for _ in range(single)]
        began = time.monotonic()
        for each in singles:  # as Pod does: a connection each
            requests.post(
                one.url, json=each, auth=(LOGIN, PASSWORD), headers={"X-Experience-API-Version": "1.0.3"}, timeout=30
            )
        single_s = time.monotonic() - began
        self.singles = single
        say(f"accepting {count} with Ralph away")
        one.stop()
        used = self.used_s()
        accept_s = self.accept(count, per_request)
        accepting = {f"accept_{name}_cpu_us": round(1e6 * s / count) for name, s in self.used_s(used).items()}
        one.start()
        one.wait()
        say("delivering them")
        used = self.used_s()
        self.flush("one")
        began = time.monotonic()
        wait_for(lambda: self.waiting("one") == 0, DRAIN_S, "all are delivered")
        delivered = count / (time.monotonic() - began)
        delivering = {f"deliver_{name}_cpu_us": round(1e6 * s / count) for name, s in self.used_s(used).items()}
        say(f"accepting and delivering {count} at the same time")
        began = time.monotonic()
        self.accept(count, per_request)
        wait_for(lambda: self.waiting("one") == 0, DRAIN_S, "all are delivered")
        return {
            "single_per_s": round(single / single_s),
            "accepted_per_s": round(count / accept_s),
            "delivered_per_s": round(delivered),
            "end_to_end_per_s": round(count / (time.monotonic() - began)),
            "speedup_vs_single": round(delivered / (single / single_s), 1),
            "accept_ms_each": round(1000 * accept_s / count, 3),
            **accepting,
            **delivering,
        }

    def used_s(self, before: dict[str, float] | None = None) -> dict[str, float]:
        """Processor time of each part since `before`."""
        roots = {"web": self.instance.processes["web"].pid, "worker": self.instance.processes["xapi"].pid}
        if (ralph := self.stores["one"].process) is not None:
            roots["ralph"] = ralph.pid
        return {name: cpu_s(pid) - (before or {}).get(name, 0.0) for name, pid in roots.items()}

    def flush(self, lane: str) -> None:
        self.instance.api("POST", f"/xapi/lanes/{lane}/flush")

    def waiting(self, lane: str) -> int:
        """How many statements wait. Read from the database, because asking the product so often would disturb the figures."""
        query = "SELECT (SELECT number FROM statement_counter) - cursor FROM lane WHERE name = ?"
        stragglers = "SELECT count(*) FROM straggler WHERE fate = 'later' AND lane = ?"
        with closing(sqlite3.connect(self.instance.home / "catalog.sqlite3", timeout=30)) as connection:
            return sum(connection.execute(text, (lane,)).fetchone()[0] for text in (query, stragglers))

    def backlog(self, count: int, per_request: int) -> Figures:
        """Lane "one" is away while `count` come in; then it drains. Memory is that of the worker's children."""
        one = self.stores["one"]
        one.stop()
        say(f"{count} statements while Ralph is away")
        self.accept(count, per_request)
        one.start()
        one.wait()
        say("draining")
        self.flush("one")
        began, peaks = time.monotonic(), []
        while left := self.waiting("one"):
            if time.monotonic() - began > DRAIN_S:
                raise TimeoutError(f"{left} still wait after {DRAIN_S} s")
            peaks.append((count - left, self.line_mb("xapi"), self.line_mb("web")))
            time.sleep(0.5)
        took_s = time.monotonic() - began
        early = [p for p in peaks if p[0] < count / 4] or peaks
        return {
            "backlog": count,
            "backlog_drained_s": round(took_s, 1),
            "backlog_per_s": round(count / took_s),
            "worker_mb_first_quarter": max(p[1] for p in early),
            "worker_mb": max(p[1] for p in peaks),
            "web_mb_first_quarter": max(p[2] for p in early),
            "web_mb": max(p[2] for p in peaks),
        }

    def line_mb(self, line: str) -> float:
        """Resident memory of the largest process of a line, MB."""
        return round(max((resident_mb(pid) for pid in family(self.instance.processes[line].pid)), default=0.0), 1)

    def chaos(self, count: int, dice: random.Random) -> Figures:
        """kill -9 every three seconds on one of worker, web, key-value server, both Ralphs."""
        self.stores["two"].start()
        self.stores["two"].wait()
        kills = dict.fromkeys(("worker", "web", "redis", "one", "two"), 0)
        loader = threading.Thread(target=self.load_slowly, args=(count,))
        loader.start()
        began = time.monotonic()
        while loader.is_alive() or time.monotonic() - began < 45:
            victim = dice.choice(list(kills))
            self.kill(victim)
            kills[victim] += 1
            time.sleep(3)
        loader.join()
        say(f"killed {kills}; waiting for the rest")
        stores = self.stores.values()
        wait_for(lambda: all(store.count() >= self.expected(store) for store in stores), DRAIN_S, "all are delivered")
        return {"chaos": count, "chaos_s": round(time.monotonic() - began), "kills": kills}

    def load_slowly(self, count: int) -> None:
        for _ in range(count // 50):
            self.hand_in([statement() for _ in range(50)])
            time.sleep(0.15)

    def kill(self, victim: str) -> None:
        if victim in self.stores:
            self.stores[victim].stop(signal.SIGKILL)
            self.stores[victim].start()
        elif victim == "redis":
            self.instance.stop_redis(kill=True)
            self.instance.start_redis()
        else:
            line = {"worker": "xapi", "web": "web"}[victim]
            for pid in family(self.instance.processes[line].pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def expected(self, store: RalphProcess) -> int:
        """All that was handed in, and what went to the first one by one."""
        return len(self.sent) + (self.singles if store is self.stores["one"] else 0)

    def balance(self) -> Figures:
        """Accepted statements that a store lacks, has more than once, or has with another content."""
        lost = doubled = changed = 0
        wanted = {name: s for name, s in self.stores.items() if s.process is not None}
        for store in wanted.values():
            bodies = store.bodies()
            for statement_id, ours in self.sent.items():
                theirs = [json.loads(body) for body in bodies.get(statement_id, [])]
                lost += not theirs
                doubled += max(0, len(theirs) - 1)
                changed += any(one.get(name) != value for one in theirs for name, value in ours.items())
        dead = sum(lane["dead"] for lane in self.instance.api("GET", "/xapi/lanes").json()["lanes"])
        return {"stores": len(wanted), "lost": lost, "doubled": doubled, "changed": changed, "dead": dead}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
