"""Clips, and a worker that has no media folder, beside a real web app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pod_jobs.catalog.client import Order
from pod_jobs.catalog.seals import seal_of
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.storage import Run, over_http, web_calls
from pod_jobs.storage.over_http import OverHttp
from pod_jobs.storage.web_calls import WebCalls
from tests.acceptance.site import Site, serve
from tests.clips import Clips
from tests.s3 import SECRET_KEY, S3Server
from tests.servers import KeyValueServer, short_folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def tools() -> Tools:
    return find_tools("", "none")


WORKER = ("encoding-1", "far-host", 1)


@pytest.fixture(scope="package")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def site(key_value_server: KeyValueServer, s3: S3Server) -> Iterator[Site]:
    with short_folder() as folder:
        home = folder / "home"
        (home / "secrets").mkdir(parents=True)
        (home / "secrets/s3_secret_key").write_text(SECRET_KEY)
        (home / "settings.toml").write_text(s3.settings)
        with serve(home, key_value_server) as served:
            yield served


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_calls, "PAUSE_S", (0.05, 0.2))
    monkeypatch.setattr(over_http, "SEND_EVERY_S", 0.05)


def tick() -> None: ...


class Far:
    """A worker on another host that has begun to encode a new video."""

    def __init__(
        self,
        site: Site,
        clip: Path,
        folder: Path,
        url: str = "",
        cache_bytes: int = 10**9,
        calls: type[WebCalls] = WebCalls,
    ) -> None:
        self.site, self.folder = site, folder
        self.video = site.upload("Cours.mp4", clip)
        task = site.api("GET", f"videos/{self.video}")["task"]
        self.order: Order = site.workers.start(task["id"], task["generation"], *WORKER)
        self.run = self.run_of(self.order)
        self.token = (site.home / "secrets/worker_token").read_text()
        self.storage = OverHttp(calls(url or site.url, self.token), folder, cache_bytes)
        self.published = site.home / "media" / self.run.folder

    def run_of(self, order: Order) -> Run:
        assert order.video is not None
        numbers = (order.video, order.kind, order.task, order.generation, order.template)
        return Run(*numbers, attempt=order.attempt, key=order.key)

    def end(self, outcome: str, **more: object) -> None:
        who = {"generation": self.order.generation, "attempt": self.order.attempt, "worker": WORKER[0]}
        report = {**who, "outcome": outcome, **more}
        self.site.workers.report(self.order.task, report, seal_of(self.order.key, report))


@pytest.fixture
def far(site: Site, clips: Clips, tmp_path: Path) -> Far:
    return Far(site, clips.path("plain.mp4"), tmp_path / "work")
