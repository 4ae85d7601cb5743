"""Real RQ workers in processes of their own, a real key-value server, and a catalog that is a small HTTP server on a thread."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.jobs.worker import run_worker
from pod_jobs.settings import Settings, load
from tests.servers import QuietHandler, answering, wait_until

KEY = "the key of the attempt"


@dataclass
class SmallCatalog:
    """A catalog that answers `start` and keeps each `report`. A `status` other than 200 stands for a fault."""

    url: str = ""
    status: int = 200
    problem: Any = None
    starts: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    kind: str = "encode"
    template: str = "web"
    media: str = ""
    takes_reports: bool = True
    more: dict[str, Any] = field(default_factory=dict)  # of each order

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        task = int(path.split("/")[4])
        if self.status != 200:
            return self.status, self.problem
        if path.endswith("/report?final=1"):
            if not self.takes_reports:
                return 503, {}
            self.reports.append({"task": task, **body})
            return 200, {}
        self.starts.append({"task": task, **body})
        order = {"task": task, "generation": body["generation"], "attempt": len(self.starts), "failures": self.failures}
        order["key"] = KEY
        place = {"video": 3, "title": "t", "source": "videos/000003/source", "folder": "videos/000003"}
        return 200, {**order, **place, "kind": self.kind, "template": self.template, "media": self.media, **self.more}


@pytest.fixture
def small_catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallCatalog]:
    catalog = SmallCatalog()

    class Answering(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Authorization"] == "Token worker-token-of-the-tests"
            status, answer = catalog.answer(self.path, body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with answering(Answering) as port:
        catalog.url = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("POD_JOBS_WEB__PORT", str(port))  # the workers are the web host's own
        yield catalog


@pytest.fixture
def settings(home: Path, small_catalog: SmallCatalog, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with quick retries, and an empty key-value server."""
    monkeypatch.setenv("POD_JOBS_RETRY__BASE_S", "1")
    monkeypatch.setenv("POD_JOBS_WORKER__STOP_S", "2")
    monkeypatch.setenv("POD_JOBS_WORKER__HEARTBEAT_S", "1")
    return load()


@dataclass
class WorkerProcess:
    """A worker in a forked process; `pid` is the worker's, the horses are its children."""

    pid: int

    def signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def wait(self) -> int:
        """The exit status of the process, which must end by itself soon."""
        found: list[tuple[int, int]] = []

        def ended() -> bool:
            found.append(os.waitpid(self.pid, os.WNOHANG))
            return found[-1][0] == self.pid

        wait_until(ended, 40, "the worker ended")
        return found[-1][1]


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(settings: Settings) -> Iterator[StartWorker]:
    """start_worker(queue, encode=function, prepare=function): what the encode job type has instead of its own."""
    started: list[WorkerProcess] = []

    def start(
        queue_name: str = "encoding",
        encode: Callable[..., Any] | None = None,
        url: str = "",
        check: Callable[[], str] = lambda: "",
        **more: Any,
    ) -> WorkerProcess:
        own = load(redis={"url": url}) if url else settings
        assert url in ("", own.redis_url)
        pid = os.fork()
        if pid == 0:
            if encode is not None:  # one that needs no ffmpeg
                more = {"run": encode, "prepare": None, **more}
            run_worker(own, queue_name, {**JOB_TYPES, "encode": replace(ENCODE, **more)}, check)
            os._exit(0)
        started.append(WorkerProcess(pid))
        return started[-1]

    yield start
    for worker in started:
        try:
            worker.signal(signal.SIGKILL)
            os.waitpid(worker.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
