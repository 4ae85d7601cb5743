"""./run bench pod: an Esup-Pod as the client, against the whole product without workers for the submissions.

1. --submissions orders in about 10 s; in the middle the web app's processes and the key-value server are killed (-9) and
   started again. What was not answered is sent again, as Pod's cron does. Counted: orders accepted, lost, doubled, and out of
   order: queued before one that had its answer earlier.
2. The list and the status, with --tasks tasks in the catalog.
3. A result of --result-mb MB, served to one client, compared with nginx serving the same file in the same run.
4. --callbacks ends, told to a Pod that is away for an hour and then answers 404, 500, nothing, or 200: lost, and told again
   after a 200.
5. A Pod 4.1: from its Celery message to the callback, compared with the two slow passes of its own encoder in the same run.
With --json, the object has the keys of FIGURES; the table has some more.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import requests

from benchmarks._instance import Instance, free_port, wait_for
from benchmarks._pod_callbacks import measure_callbacks
from benchmarks._pod_celery import measure_celery

SUMMARY = "an Esup-Pod as client: submissions through kill -9, lists, results, callbacks; --submissions N, --tasks N"
TOKEN = "token-of-the-benchmark-0123456789"
SITE = [{"name": "bench", "private_networks": ["127.0.0.0/8"]}]
FIGURES = (
    *("accepted", "lost", "doubled", "submit_p95_ms", "list_p95_ms"),
    *("serve_ratio_vs_nginx", "callbacks_lost", "callbacks_doubled"),
)
CLIENTS = 8
HOLD_S = 60.0  # what an order is sent again for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--submissions", type=int, default=1000, metavar="N")
    parser.add_argument("--tasks", type=int, default=100_000, metavar="N", help="in the catalog for the list")
    parser.add_argument("--result-mb", type=int, default=2000, metavar="MB")
    parser.add_argument("--callbacks", type=int, default=500, metavar="N")
    parser.add_argument(
        "--pod-video", default="", metavar="FILE", help="for part 5; default: one like Pod's test video"
    )
    parser.add_argument("--only-celery", action="store_true", help="part 5 alone")


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    say("a Pod 4.1: message to callback")
    figures = measure_celery(options.pod_video)
    if options.only_celery:
        return figures
    instance = Instance(("web",), "pod_jobs.processes", 1)
    instance.environment["POD_JOBS_SITE"] = json.dumps(SITE)
    instance.environment["POD_JOBS_SITE_TOKENS__BENCH"] = TOKEN
    try:
        instance.start()
        figures |= _submissions(instance, options.submissions)
        figures |= _lists(instance, options.tasks)
        figures |= _serving(instance, options.result_mb)
        say(f"{options.callbacks} callbacks to a Pod in a bad mood")
        with _catalog(instance) as settings:
            figures |= measure_callbacks(settings, TOKEN, options.callbacks)
    finally:
        instance.stop()
        instance.remove()
    if options.json:
        say(table(figures))
        return {name: figures[name] for name in FIGURES}
    return figures


def table(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name:24} {value}" for name, value in figures.items())


def failed(figures: dict[str, Any]) -> bool:
    return any(figures.get(name) for name in ("out_of_order", "lost", "doubled", "callbacks_lost", "callbacks_doubled"))


# submissions


class Answer(NamedTuple):
    """An accepted order. Times are in seconds of one clock; `sent_s` of the try that was answered."""

    public_id: str
    sent_s: float
    answered_s: float
    tries: int


def count_out_of_order(answers: Sequence[Answer], task_of: Mapping[str, int]) -> int:
    """How many orders were sent after another one had its answer, and have a lower number than that one's task: numbers are the
    order in which tasks of one priority begin. `task_of`: public id -> number."""
    ended = sorted((one.answered_s, task_of[one.public_id]) for one in answers if one.public_id in task_of)
    count = place = highest = 0
    for one in sorted(answers, key=lambda one: one.sent_s):
        while place < len(ended) and ended[place][0] < one.sent_s:
            highest = max(highest, ended[place][1])
            place += 1
        count += task_of.get(one.public_id, highest) < highest
    return count


def _order(number: int) -> dict[str, Any]:
    return {
        "etab_name": "Université / Pod",
        "app_name": "Esup-Pod",
        "app_version": "4.4.0",
        "task_type": "encoding",
        "source_url": f"http://127.0.0.1/media/videos/{number:06d}.mp4",
        "notify_url": "http://127.0.0.1/runner/notify_task_end/",
        "parameters": {"rendition": "{}", "video_id": number, "video_title": f"Cours {number}"},
    }


def _submissions(instance: Instance, count: int) -> dict[str, Any]:
    say(f"{count} submissions in 10 s, kill -9 in the middle")
    quiet = _submit_all(instance, range(10**6, 10**6 + count), lambda: None)
    times_ms = sorted((one.answered_s - one.sent_s) * 1000 for one in quiet if one.tries == 1)

    def kill() -> None:
        time.sleep(4.0)
        for pid, command in instance.ours():
            if "pod_jobs.processes web" in command:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        instance.stop_redis(kill=True)
        time.sleep(1.0)
        instance.start_redis()
        with (instance.home / "web.log").open("ab") as log:
            line = [sys.executable, "-m", instance.module, "web"]
            instance.processes["web"] = subprocess.Popen(
                line, env=instance.environment, stdout=log, stderr=log, start_new_session=True
            )

    answers = _submit_all(instance, range(count), kill)
    wait_for(instance.is_ready, 60, "the instance is up again")
    with _catalog(instance):
        from pod_jobs.catalog.models import Outbox, Task, Video
        from pod_jobs.catalog.site_models import SiteOrder

        titles = [row.title for row in Video.select(Video.title).where(Video.title.startswith("Cours "))]
        known = {row.public_id: row.task_id for row in SiteOrder.select(SiteOrder.public_id, SiteOrder.task)}
        waiting = Task.select().where(Task.state == "waiting").count()
        in_outbox = Outbox.select().count()
    from redis import Redis

    with closing(Redis(port=instance.redis_port)) as redis:
        queued = int(redis.llen("rq:queue:encoding"))
    said = [one.public_id for one in answers]
    return {
        "accepted": len(said),
        "lost": sum(public_id not in known for public_id in said) + max(0, waiting - queued - in_outbox),
        "doubled": len(titles) - len(set(titles)),
        # what was sent again may have been stored at its first try
        "out_of_order": count_out_of_order([one for one in (*quiet, *answers) if one.tries == 1], known),
        "submit_p95_ms": round(_p95(times_ms), 1),
        "submit_p50_ms": round(statistics.median(times_ms), 1),
        "sent_again": sum(one.tries - 1 for one in answers),
    }


def _submit_all(instance: Instance, numbers: range, beside: Callable[[], None]) -> list[Answer]:
    """Order all numbers, spread over 10 s."""
    began, gap_s = time.monotonic(), 10.0 / len(numbers)
    sessions = threading.local()

    def submit(place: int) -> Answer:
        time.sleep(max(0.0, began + place * gap_s - time.monotonic()))
        if not hasattr(sessions, "one"):
            sessions.one = requests.Session()
        tries, until = 0, time.monotonic() + HOLD_S
        while True:
            tries += 1
            sent = time.monotonic()
            try:
                answer = sessions.one.post(
                    f"http://127.0.0.1:{instance.web_port}/task/execute",
                    json=_order(numbers[place]),
                    headers={"Authorization": f"Bearer {TOKEN}"},
                    timeout=30,
                )
                if answer.status_code == 200:
                    return Answer(answer.json()["task_id"], sent, time.monotonic(), tries)
            except requests.RequestException:
                pass
            if time.monotonic() > until:
                raise TimeoutError(f"order {numbers[place]} was not accepted")
            time.sleep(0.5)

    killer = threading.Thread(target=beside)
    killer.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = list(pool.map(submit, range(len(numbers))))
    killer.join()
    return found


# lists


def _lists(instance: Instance, count: int) -> dict[str, Any]:
    say(f"status and list with {count} tasks")
    with _catalog(instance):
        public_ids = _fill(count)
    times: dict[str, list[float]] = {"list": [], "status": []}
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    for number in range(200):
        for name, path in (("list", "/task/list"), ("status", f"/task/status/{random.choice(public_ids)}")):
            began = time.monotonic()
            answer = session.get(f"http://127.0.0.1:{instance.web_port}{path}", timeout=30)
            answer.raise_for_status()
            if number >= 10:
                times[name].append((time.monotonic() - began) * 1000)
    return {f"{name}_p95_ms": round(_p95(sorted(found)), 1) for name, found in times.items()}


def _fill(count: int) -> list[str]:
    """Rows of so many finished tasks of the site. Returns some of their public ids."""
    import uuid

    from pod_jobs.catalog.database import transaction
    from pod_jobs.catalog.models import Task, User, Video
    from pod_jobs.catalog.site_models import SiteOrder

    owner, now = User.get(User.name == "site-bench"), datetime.now(UTC)
    first = max((Video.select().order_by(Video.id.desc()).first() or Video(id=0)).id + 1, 2_000_000)
    first_task = max((Task.select().order_by(Task.id.desc()).first() or Task(id=0)).id + 1, 2_000_000)
    public_ids = [str(uuid.uuid4()) for _ in range(count)]
    for start in range(0, count, 500):
        part = range(start, min(start + 500, count))
        at = {n: now - timedelta(seconds=count - n) for n in part}
        of_video = {"owner": owner, "source_name": "a.mp4", "source_path": "", "source_bytes": 0}
        of_task = {"kind": "pod_encode", "purpose": "play", "state": "done", "author": owner}
        of_order = {"site": "bench", "asked": _order(1), "notify_url": "", "token": "", "plain_manifest": False}
        with transaction():
            Video.insert_many(
                [{**of_video, "id": first + n, "title": f"Old {n}", "created_at": at[n]} for n in part]
            ).execute()
            times = [{"created_at": at[n], "queued_at": at[n], "ended_at": at[n]} for n in part]
            tasks = [{**of_task, **times[n - start], "id": first_task + n, "video": first + n} for n in part]
            Task.insert_many(tasks).execute()
            orders = [
                {
                    **of_order,
                    "task": first_task + n,
                    "public_id": public_ids[n],
                    "fingerprint": str(n),
                    "created_at": at[n],
                }
                for n in part
            ]
            SiteOrder.insert_many(orders).execute()
    return public_ids[:: max(1, count // 500)]


# results


def _serving(instance: Instance, size_mb: int) -> dict[str, Any]:
    if shutil.which("nginx") is None:
        return {"serve_ratio_vs_nginx": None}
    say(f"a result of {size_mb} MB, and the same by nginx")
    with _catalog(instance):
        public_id, path = _result(instance, size_mb)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    ours = f"http://127.0.0.1:{instance.web_port}/task/result/{public_id}/file/{path.name}"
    with _nginx(instance.home, path.parent) as theirs:
        speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(3):  # in turn, because the machine is not ours alone
            speeds["theirs"].append(_speed(f"{theirs}/{path.name}", {}, path.stat().st_size))
            speeds["ours"].append(_speed(ours, headers, path.stat().st_size))
    path.unlink()
    ratio = statistics.median(speeds["ours"]) / statistics.median(speeds["theirs"])
    return {"serve_ratio_vs_nginx": round(ratio, 2), "serve_mb_s": round(statistics.median(speeds["ours"]))}


def _result(instance: Instance, size_mb: int) -> tuple[str, Path]:
    from pod_jobs.catalog.models import Output, Task, Video
    from pod_jobs.catalog.site_models import SiteOrder
    from pod_jobs.media_folder import run_folder, video_folder

    row = SiteOrder.select(SiteOrder, Task).join(Task).where(Task.state == "waiting").first()
    Task.update(state="done", ended_at=datetime.now(UTC)).where(Task.id == row.task_id).execute()
    folder = f"{video_folder(row.task.video_id)}/{run_folder('pod_encode', row.task_id, 1)}"
    what = {"kind": "mp4", "name": "big.mp4", "mime": "video/mp4", "bytes": size_mb * 10**6}
    Output.create(video=Video.get_by_id(row.task.video_id), task=row.task, folder=folder, **what)
    if instance.has_tmpfs:  # too small for the result
        instance.unmount_media()
    media = instance.home / "media"
    (media / folder).mkdir(parents=True, exist_ok=True)
    path = media / folder / "big.mp4"
    with path.open("wb") as file:
        for _ in range(size_mb):
            file.write(os.urandom(1000) * 1000)
    return str(row.public_id), path


@contextmanager
def _nginx(home: Path, folder: Path) -> Iterator[str]:
    port, place = free_port(), home / "nginx"
    place.mkdir()
    for path in (home, *folder.parents[:4], folder):
        path.chmod(0o755)
    (place / "nginx.conf").write_text(
        f"""user root; daemon off; error_log {place}/error.log; pid {place}/pid; worker_processes 2;
        events {{}} http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"""
    )
    process = subprocess.Popen(["nginx", "-p", str(place), "-c", str(place / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            with suppress(requests.RequestException):
                return requests.get(url, timeout=2).status_code in (200, 403)
            return False

        wait_for(answers, 20, "nginx answers")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _speed(url: str, headers: dict[str, str], size: int) -> float:
    """MB/s of a download that throws everything away."""
    began, got = time.monotonic(), 0
    with requests.get(url, headers=headers, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        while piece := answer.raw.read(1024 * 1024):
            got += len(piece)
    if got != size:
        raise RuntimeError(f"{got} of {size} bytes from {url}")
    return got / 1e6 / (time.monotonic() - began)


@contextmanager
def _catalog(instance: Instance) -> Iterator[Any]:
    """The instance's catalog, open in this process; gives its settings."""
    from pod_jobs.catalog import database
    from pod_jobs.settings import load

    variables = {name: value for name, value in instance.environment.items() if name.startswith("POD_JOBS_")}
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        settings = load(instance.home)
    finally:
        os.environ.clear()
        os.environ.update(before)
    with database.connect(settings.database_url).connection_context():
        yield settings


def _p95(ordered: list[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]
