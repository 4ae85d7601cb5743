"""Short functions that start a run of a task, and report its end."""

from typing import Any

from pod_jobs.catalog.models import Attempt, Task
from pod_jobs.catalog.store import reports, tasks
from pod_jobs.catalog.store.reports import Report
from pod_jobs.catalog.store.tasks import Runner
from tests.integration.catalog.conftest import later

WORKER = Runner("encoding.host.12", "host", 12)
RESULT: dict[str, Any] = {
    "folder": "videos/000001/encode-1-g1",
    "outputs": [
        {"kind": "hls", "name": "master.m3u8", "mime": "application/vnd.apple.mpegurl", "bytes": 300},
        {"kind": "mp4", "name": "360p.mp4", "mime": "video/mp4", "bytes": 5_000_000_000, "rendition": "360p"},
    ],
    "duration_s": 10.5,
    "is_video": True,
    "facts": {"codec": "h264"},
    "wall_s": 3.5,
}
ALLOWED = reports.Allowed(deaths=2, losses=5)
LOSSES = 10  # more than any test here has


def start(task: Task, runner: Runner = WORKER) -> Attempt:
    return tasks.start(task.id, tasks.get(task.id).generation, runner, later(5), LOSSES)[1]


def report(task: Task, outcome: str, **more: Any) -> Task:
    more.setdefault("attempt", 1)
    more.setdefault("generation", 1)
    more.setdefault("worker", WORKER.worker)
    return reports.accept(task.id, Report(outcome=outcome, **more), ALLOWED, later(9))[0]
