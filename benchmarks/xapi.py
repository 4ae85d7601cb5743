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
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks._instance import Instance, children_of, wait_for
from benchmarks._lrs import RalphProcess
from pod_jobs.xapi.profile import EXTENSION, PAUSED, PROFILE, VIDEO
from tests.integration.xapi.ralph import LOGIN, PASSWORD

SUMMARY = "learning traces: accepted and delivered per second, against one POST each; --backlog N, --chaos N"
LINES = ("web", "xapi", "janitor")
LEASE_S = 20
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
    """What our player sends at a pause."""
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
    """An instance with two lanes, a Ralph behind each."""

    def __init__(self) -> None:
        self.instance = Instance(LINES, "pod_jobs.processes", 0)
        folder = self.instance.home
        self.stores = {name: RalphProcess(folder / "ralphs" / name) for name in ("one", "two")}
        self.sent: dict[str, dict[str, Any]] = {}
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
        """Until the web app says that it has them."""
        body = json.dumps(batch).encode()
        while True:
            try:
                response = self.session.post(self.url, data=body, timeout=20)
                if response.status_code == 200:
                    assert all(entry["accepted"] for entry in response.json()["statements"])
                    break
            except requests.RequestException:
                pass
            time.sleep(0.2)
        self.sent |= {one["id"]: one for one in batch}

    def accept(self, count: int, per_request: int) -> float:
        """Hand in `count` statements over two connections; seconds."""
        batches = [[statement() for _ in range(per_request)] for _ in range(count // per_request)]
        halves = [
            threading.Thread(target=lambda part: [self.hand_in(b) for b in part], args=(batches[i::2],)) for i in (0, 1)
        ]
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
        say(f"accepting {count} with Ralph away")
        one.stop()
        accept_s = self.accept(count, per_request)
        one.start()
        one.wait()
        say("delivering them")
        self.flush("one")
        began = time.monotonic()
        wait_for(lambda: self.waiting("one") == 0, 600, "all are delivered")
        delivered = count / (time.monotonic() - began)
        say(f"accepting and delivering {count} at the same time")
        began = time.monotonic()
        self.accept(count, per_request)
        wait_for(lambda: self.waiting("one") == 0, 600, "all are delivered")
        return {
            "single_per_s": round(single / single_s),
            "accepted_per_s": round(count / accept_s),
            "delivered_per_s": round(delivered),
            "end_to_end_per_s": round(count / (time.monotonic() - began)),
            "speedup_vs_single": round(delivered / (single / single_s), 1),
            "accept_ms_each": round(1000 * accept_s / count, 3),
        }

    def flush(self, lane: str) -> None:
        self.instance.api("POST", f"/xapi/lanes/{lane}/flush")

    def waiting(self, lane: str) -> int:
        """Asked of the lane: to count in Ralph's store would cost it more than what is measured."""
        [found] = [one for one in self.instance.api("GET", "/xapi/lanes").json()["lanes"] if one["name"] == lane]
        return int(found["waiting"])

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
        return round(max((resident_mb(pid) for pid in self.family(self.instance.processes[line].pid)), default=0.0), 1)

    def family(self, pid: int) -> list[int]:
        children = children_of(pid)
        return [*children, *(grand for child in children for grand in self.family(child))]

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
        for store in self.stores.values():
            wait_for(lambda store=store: store.count() >= self.expected(store), 900, "all are delivered")
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
            for pid in self.family(self.instance.processes[line].pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def expected(self, store: RalphProcess) -> int:
        """All that was handed in, the platform's own events, and what went there one by one."""
        singles = (
            0 if store is self.stores["two"] else sum(1 for i in self.stores["one"].bodies() if i not in self.sent)
        )
        return len(self.sent) + singles

    def balance(self) -> Figures:
        """lost: accepted and not there; doubled: other than accepted (a second one of an id would be that or refused)."""
        lost = changed = 0
        wanted = {name: s for name, s in self.stores.items() if s.process is not None}
        for store in wanted.values():
            bodies = store.bodies()
            lost += sum(statement_id not in bodies for statement_id in self.sent)
            for statement_id, ours in self.sent.items():
                theirs = json.loads(bodies.get(statement_id, "{}"))
                changed += statement_id in bodies and any(theirs.get(name) != value for name, value in ours.items())
        dead = sum(lane["dead"] for lane in self.instance.api("GET", "/xapi/lanes").json()["lanes"])
        return {"stores": len(wanted), "lost": lost, "doubled": changed, "dead": dead}


def resident_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024 if "VmRSS:" in text else 0.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
