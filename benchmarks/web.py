"""How long the web app takes for pages, lists and orders of a video team, with as many tasks as a university has after years.

First requests go to the app in this process, as a member of the team and as one of a hundred lecturers, so that the figures are
processor time of the server and no network. `polls` ask again with the ETag of the last answer, and nothing has changed.
`calls` are those of workers, who begin tasks and report how they ended.
Then a real instance is asked: _uploads.py.
"""

import argparse
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from peewee import PostgresqlDatabase

from benchmarks._uploads import measure_uploads
from pod_jobs.catalog import database, models, seals
from pod_jobs.catalog.fingerprints import fingerprint, general_form
from pod_jobs.catalog.models import Attempt, ErrorGroup, Output, Task, User, Video
from pod_jobs.catalog.store import users
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.catalog.store.videos import titled
from pod_jobs.catalog.trace_models import Lane, Statement, StatementCounter, TraceCount
from pod_jobs.settings import load
from pod_jobs.web.app import create_app
from pod_jobs.web.intake import many_orders
from pod_jobs.web.intake.many_orders import Chosen
from tests import servers

SUMMARY = "pages, polls and bulk orders of the web app among 100,000 tasks and a million learning traces; --databases, --tasks N"
OWNERS = 100
HOSTS = ("enc1", "enc2", "enc3", "enc4")
REASONS = ("ended by SIGKILL: frame {n}", "no advance for {n} s, at 12 s", "[h264 @ 0x{n}] Invalid NAL unit size {n}")
CODES = ("encode-killed", "encode-stalled", "encode-failed")
SLICE = 400
BLOCK = 10_000  # statements that are written one by one; the others are copies of these
LANE = {"name": "lrs", "url": "http://127.0.0.1:9/"}
INSTANCE = (
    *("refused_s", "fair_wait_s", "fair_wait_jobs"),
    *("upload_mb_s", "upload_ratio_vs_nginx", "upload_peak_mb", "viewers_200_upload_loss_percent"),
    *("viewers_200_upload_losses_percent", "viewers_200_poll_p95_ms", "viewers_200_poll_cpu_ms"),
)
PAGES = (
    "/team",
    "/team/tasks",
    "/team/tasks?state=error",
    "/team/tasks?text=thermo+4711",
    "/team/tasks?host=enc3&state=error",
    "/team/errors",
    "/team/errors?days=365",
    "/team/errors/{group}",
    "/team/tasks/{task}",
    "/team/machines",
    "/team/captions",
    "/team/schedule",
    "/team/figures?days=365",
    "/traces",
    "/api/v1/xapi/lanes",
    "/api/v1/xapi/labels",
    "/api/v1/xapi/sessions?video=10",
    "/api/v1/overview",
    "/api/v1/errors",
    "/api/v1/tasks",
    "/api/v1/videos",
    "/api/v1/videos?text=thermo+4711",
)
POLLS = (
    *("/api/v1/videos", "/api/v1/tasks", "/api/v1/errors", "/api/v1/overview"),
    *("/team", "/team/tasks", "/team/errors", "/team/machines", "/team/schedule", "/team/figures", "/team/tasks/10"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tasks", type=int, default=100_000, help="tasks in the database, a tenth of them failed (100000)"
    )
    parser.add_argument("--statements", type=int, default=1_000_000, help="learning traces in the database (1000000)")
    parser.add_argument("--asked", type=int, default=40, help="how often each page is asked (40)")
    parser.add_argument(
        "--upload-mb", type=int, default=2000, help="size of the uploads; 0 = none of a real instance (2000)"
    )
    parser.add_argument("--waiting", type=int, default=300, help="recordings of one person beside one of another (300)")
    parser.add_argument("--databases", nargs="*", default=list(DATABASES), choices=list(DATABASES))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {"tasks": options.tasks, "databases": {}}
    for name in options.databases:
        with DATABASES[name]() as url, _redis() as redis_url:
            figures["databases"][name] = _one(url, redis_url, options)
    if options.upload_mb:
        figures |= measure_uploads(options.upload_mb, options.waiting)
    return {**figures, **_longest(figures["databases"])}


def _longest(by_database: dict[str, Any]) -> dict[str, Any]:
    """The figures of the slowest database, under the names that they are compared by."""
    if not by_database:
        return {}
    found = list(by_database.values())
    return {
        "pages": {page: max(one["pages"][page] for one in found) for page in found[0]["pages"]},
        "poll_p95_ms": max(one["poll_p95_ms"] for one in found),
        "worker_call_p95_ms": max(max(one["calls"].values()) for one in found),
        "bulk_requeue_10000_s": max(one["bulk_requeue_s"] for one in found),
    }


def table(figures: dict[str, Any]) -> str:
    lines = [f"{name}: {figures[name]}" for name in INSTANCE if name in figures]
    lines.append(f"{figures['tasks']} tasks; milliseconds, 95th percentile (median)")
    for name, found in figures["databases"].items():
        lines.append(f"{name}: {found['bulk_requeue']} requeued in {found['bulk_requeue_s']:.1f} s")
        for group in ("pages", "polls"):
            lines += [f"  {page:40} {p95:7.1f} ({found['median_ms'][page]:.1f})" for page, p95 in found[group].items()]
        lines += [f"  POST …/{call:32} {p95:7.1f}" for call, p95 in found["calls"].items()]
    return "\n".join(lines)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'catalog.db'}"


@contextmanager
def _redis() -> Iterator[str]:
    with servers.short_folder() as folder:
        server = servers.KeyValueServer(folder)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


DATABASES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": _sqlite,
    "postgresql": servers.postgresql,
    "mariadb": servers.mariadb,
}


def _one(url: str, redis_url: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as folder:
        home = Path(folder)
        for part in ("secrets", "media"):
            (home / part).mkdir()
        (home / "secrets" / "session_key").write_text("of the bench")
        (home / "secrets" / "worker_token").write_text("of the bench")
        (home / "secrets" / "xapi_key").write_text("of the bench")
        ours: dict[str, dict[str, Any]] = {
            "database": {"url": url},
            "redis": {"url": redis_url},
            "upload": {"free_gb": 0},
            "xapi": {"lane": [LANE]},
        }
        settings = load(home, **ours)
        app = create_app(settings)
        gc.freeze()  # as `web` does before gunicorn forks
        catalog = database.connect(settings.database_url)
        database.migrate(catalog)
        with catalog.connection_context():
            began = time.monotonic()
            tokens = _fill(options.tasks)
            _fill_statements(options.statements)
            database.renew_statistics(catalog)  # as the servers do by themselves within a minute
            print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        figures = _ask(app, tokens, options.asked) | {"calls": _calls(app, tokens["worker"], options)}
        with catalog.connection_context(), app.app_context():
            count, taken_s = _requeue()
        return {**figures, "bulk_requeue": count, "bulk_requeue_s": round(taken_s, 2)}


def _fill(tasks: int) -> dict[str, str]:
    """Rows as years would leave them. Returns a token of the team and of a lecturer."""
    chance, now = random.Random(1), datetime.now(UTC)
    people = [users.create(f"lecturer{number}", "lecturer", "", now) for number in range(OWNERS)]
    team = users.create("team", "team", "", now)
    for code, reason in zip(CODES, REASONS, strict=True):
        mark, form = fingerprint("encode", code, reason.format(n=7)), general_form(reason.format(n=7))
        ErrorGroup.create(fingerprint=mark, kind="encode", code=code, form=form, first_at=now - timedelta(days=900))
    for first in range(0, tasks, SLICE):
        _fill_slice(range(first + 1, min(tasks, first + SLICE) + 1), tasks, people, chance, now)
    for table in (Video, Task):
        if isinstance(models.database.obj, PostgresqlDatabase):
            table.raw(f"SELECT setval('{table._meta.table_name}_id_seq', {tasks})").execute()  # noqa: S608
    callers = {"team": team, "lecturer": people[0], "worker": users.create("worker", "worker", None, now)}
    return {role: users.create_token(user, "bench", now) for role, user in callers.items()}


def _fill_slice(numbers: range, tasks: int, people: list[User], chance: random.Random, now: datetime) -> None:
    videos, rows, attempts, outputs = [], [], [], []
    for number in numbers:
        at = now - timedelta(days=1000 * (tasks - number) / tasks)
        failed, waits = number % 10 == 0, number > tasks - 300
        code, reason = CODES[number // 10 % 3], REASONS[number // 10 % 3].format(n=number)
        mark = fingerprint("encode", code, reason)
        begun, ended = at + timedelta(minutes=3), at + timedelta(minutes=8)
        said = {"error_code": code, "error_reason": reason, "error_group": mark} if failed and not waits else {}
        state = "waiting" if waits else "error" if failed else "done"
        videos.append(
            {
                "id": number,
                "owner": people[number % OWNERS],
                **titled(f"{chance.choice(('Thermodynamique', 'Algèbre', 'Histoire', 'Droit'))} {number}"),
                "source_name": "a.mp4",
                "source_path": "",
                "source_bytes": 10**9,
                "created_at": at,
                "duration_s": 3600.0,
            }
        )
        rows.append(
            {
                "id": number,
                "video": number,
                "kind": "encode",
                "template": "web",
                "purpose": "play",
                "state": state,
                "created_at": at,
                "queued_at": at,
                "started_at": None if waits else begun,
                "ended_at": None if waits else ended,
                **dict.fromkeys(("error_code", "error_reason", "error_group")),
                **said,
            }
        )
        if not waits:
            attempts.append(
                {
                    "task": number,
                    "generation": 1,
                    "number": 1,
                    "worker": "encoding.enc.1",
                    "host": HOSTS[number % len(HOSTS)],
                    "pid": 1,
                    "started_at": begun,
                    "ended_at": ended,
                    "outcome": state,
                    "error_code": said.get("error_code"),
                    "error_group": said.get("error_group"),
                    "version": "0.1.0",
                    "ffmpeg": "7.1",
                }
            )
        if state == "done":
            outputs.append(
                {
                    "video": number,
                    "task": number,
                    "folder": "",
                    "name": "360p.mp4",
                    "kind": "mp4",
                    "mime": "video/mp4",
                    "bytes": 10**8,
                }
            )
    with database.transaction():
        for table, made in ((Video, videos), (Task, rows), (Attempt, attempts), (Output, outputs)):
            for begin in range(0, len(made), 50):
                table.insert_many(made[begin : begin + 50]).execute()


def _fill_statements(count: int) -> None:
    """Statements about videos in turn, a hundred for each attempt at one, of which the lane has sent the most."""
    now = datetime.now(UTC)
    body = "{" + " " * 600 + "}"
    for first in range(0, min(BLOCK, count), SLICE // 4):
        numbers = range(first + 1, min(BLOCK, count, first + SLICE // 4) + 1)
        rows = [
            {
                "number": number,
                "id": f"bench-{number}",
                "body": body,
                "verb": f"https://w3id.org/xapi/video/verbs/{('played', 'paused', 'seeked')[number % 3]}",
                "registration": f"bench-{number // 100}",
                "labels": [],
                "suspect": False,
                "of_profile": True,
                "video": number // 100,
                "received_at": now - timedelta(days=30),
            }
            for number in numbers
        ]
        Statement.insert_many(rows).execute()
    for added in range(BLOCK, count, BLOCK):
        number, registration = Statement.number + added, database.joined("bench-", Statement.video + added // 100)
        copied: dict[Any, Any] = {one: one for one in Statement._meta.sorted_fields}
        copied |= {Statement.number: number, Statement.id: database.joined("bench-", number)}
        copied |= {Statement.registration: registration, Statement.video: Statement.video + added // 100}
        Statement.insert_from(Statement.select(*copied.values()).where(Statement.number <= BLOCK), [*copied]).execute()
    StatementCounter.create(id=1, number=count)
    Lane.create(name=LANE["name"], cursor=count * 9 // 10, since=now)
    days = [(now - timedelta(days=number)).date().isoformat() for number in range(365)]
    for label in ("", "conform", "no-length"):
        verbs = ("played", "paused", "seeked", "completed", "terminated", "initialized")
        counts = [{"day": day, "verb": verb, "label": label, "statements": 900} for day in days for verb in verbs]
        for begin in range(0, len(counts), 100):
            TraceCount.insert_many(counts[begin : begin + 100]).execute()


def _ask(app: Flask, tokens: dict[str, str], times: int) -> dict[str, Any]:
    client = app.test_client(use_cookies=False)
    team, lecturer = ({"Authorization": f"Token {tokens[role]}"} for role in ("team", "lecturer"))
    mark = fingerprint("encode", CODES[0], REASONS[0].format(n=7))
    taken: dict[str, list[float]] = {}
    for page in PAGES:
        path = page.replace("{group}", mark).replace("{task}", "10")
        taken[page] = [_milliseconds(client, path, team, 200) for _ in range(times + 1)][1:]
    polled: dict[str, list[float]] = {}
    for page in POLLS:
        own = lecturer if page == "/api/v1/videos" else team
        headers = {**own, "HX-Request": "true"}
        first = client.get(page, headers=headers)
        headers["If-None-Match"] = first.headers["ETag"]
        polled[f"304 {page}"] = [_milliseconds(client, page, headers, 304) for _ in range(times + 1)][1:]
    everything = {**taken, **polled}
    return {
        "pages": {page: round(_p95(ms), 1) for page, ms in taken.items()},
        "polls": {page: round(_p95(ms), 1) for page, ms in polled.items()},
        "median_ms": {page: round(median(ms), 1) for page, ms in everything.items()},
        "poll_p95_ms": round(max(_p95(ms) for ms in polled.values()), 1),
    }


def _calls(app: Flask, token: str, options: argparse.Namespace) -> dict[str, float]:
    """The 95th percentile in milliseconds of what a worker calls: the beginning of a waiting task, and the report on its end."""
    client, headers = app.test_client(use_cookies=False), {"Authorization": f"Token {token}"}
    taken: dict[str, list[float]] = {"start": [], "report": []}
    for task in range(options.tasks - options.asked, options.tasks + 1):
        path, worker = f"/api/v1/tasks/{task}", {"worker": "encoding.bench.1", "host": "bench", "pid": 1}
        order, milliseconds = _timed(client, "POST", f"{path}/start", headers, json={"generation": 1, **worker})
        taken["start"].append(milliseconds)
        report = {"generation": 1, "attempt": order.json["attempt"], "worker": worker["worker"], "outcome": "error"}
        report |= {"error_code": CODES[0], "reason": REASONS[0].format(n=task)}
        sealed = {**headers, seals.HEADER: seals.seal_of(order.json["key"], report)}
        taken["report"].append(_timed(client, "POST", f"{path}/report", sealed, json=report)[1])
    return {call: round(_p95(milliseconds[1:]), 1) for call, milliseconds in taken.items()}


def _milliseconds(client: FlaskClient, path: str, headers: dict[str, str], status: int) -> float:
    return _timed(client, "GET", path, headers, status)[1]


def _timed(
    client: FlaskClient, method: str, path: str, headers: dict[str, str], status: int = 200, **more: Any
) -> tuple[Any, float]:
    """The answer, and milliseconds until all of it was there."""
    began = time.perf_counter()
    response = client.open(path, method=method, headers=headers, buffered=True, **more)
    taken = (time.perf_counter() - began) * 1000
    if response.status_code not in (status, 200):
        raise RuntimeError(f"{path}: {response.status_code} {response.text[:200]}")
    return response, taken


def _requeue() -> tuple[int, float]:
    """Requeue every failed task by one order, as the page does. Returns how many, and the seconds until all are committed and
    RQ has the first ones."""
    began = time.monotonic()
    outcome = many_orders.run_again(User.get(User.name == "team"), Chosen(wanted=TaskFilter(state="error")))
    return len(outcome.done), time.monotonic() - began


def _p95(milliseconds: list[float]) -> float:
    ordered = sorted(milliseconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
