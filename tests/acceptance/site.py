"""A real web app for page tests: on its own server and a free port, and a stand-in for the workers that speaks their API.

The stand-in publishes real HLS, MP4 and pictures: made once per session by the media library, copied for every video.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from redis import Redis
from werkzeug.security import generate_password_hash

from pod_jobs.catalog import database
from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.catalog.seals import seal_of
from pod_jobs.catalog.store import users
from pod_jobs.jobs import queue
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import find_tools
from pod_jobs.media.sharing.sharing import Team
from pod_jobs.processes.web_server import WebServer
from pod_jobs.settings import ROOT, load
from tests.servers import KeyValueServer, WatchedServers, free_port, short_folder, wait_until
from tests.unit.media.samples import LIMITS

PASSWORD = "a password for tests"
CLIP_S = 16
DRESSING = "Université"


def make_clip(path: Path, seconds: int = CLIP_S, size: str = "640x360") -> Path:
    """A clip with a test pattern and a tone."""
    sources = [f"testsrc2=s={size}:r=25:d={seconds}", f"sine=440:d={seconds}"]
    inputs = [argument for source in sources for argument in ("-f", "lavfi", "-i", source)]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    ffmpeg = str(find_tools("", "none").ffmpeg)
    subprocess.run([ffmpeg, "-v", "error", "-y", *inputs, *codecs, str(path)], check=True)
    return path


class Line:
    """A TCP line to `port` that can be cut: every connection breaks, and new ones are refused until it is mended."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._open: set[socket.socket] = set()
        self._whole = True
        self.carried = 0  # bytes, in both directions
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole = False
        for end in list(self._open):
            self._close(end)

    def mend(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if not self._whole:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open |= {near, far}
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                self.carried += len(piece)
                target.sendall(piece)
        self._close(source)
        self._close(target)

    def _close(self, end: socket.socket) -> None:
        self._open.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


class Outputs:
    """One real encode of `make_clip` (`source`: made already): a folder of files, and the result a worker would report."""

    def __init__(
        self, folder: Path, plan: EncodePlan | None = None, team: Team | None = None, source: Path | None = None
    ) -> None:
        self.folder = folder / "encoded"
        self.folder.mkdir()
        self.source = source or make_clip(folder / "clip.mp4")
        rung = Rendition("360p", 360, crf=28, preset="ultrafast", maxrate_kbps=1200, audio_kbps=96, mp4=True)
        plan = plan or EncodePlan((rung,), share_from_s=1, chunk_s=4, limits=LIMITS)
        encoded = encode(self.source, self.folder, plan, find_tools("", "none"), lambda progress: None, team)
        self.result: dict[str, Any] = asdict(encoded)


class StandIn:
    """A worker that runs one task of one video by hand: the latest of `template`."""

    def __init__(self, site: "Site", video_id: int, outputs: Outputs, template: str = "web") -> None:
        self.site, self.outputs = site, outputs
        tasks = site.api("GET", f"videos/{video_id}")["tasks"]
        task = next(one for one in tasks if one["template"] == template)
        self.order: Order = site.workers.start(task["id"], task["generation"], "encoding-1", "video-host", 1)
        run = f"encode-{self.order.task}-g{self.order.generation}"
        queue.remove(site.redis, run)  # a real worker would have taken it from the queue
        self.folder = f"{self.order.folder}/{run}"
        self.complete = site.home / "media" / self.folder
        self.growing = self.complete.with_name(self.complete.name + ".part")

    def say(self, fraction: float, *, first_playable: bool = False, **more: Any) -> None:
        """Write progress as a running job does."""
        progress = {"step": "encode", "fraction": fraction, "speed": 1.8, "eta_s": 95, "first_playable": first_playable}
        progress |= {"workers": 1, "folder": self.folder, "worker": "encoding-1", "host": "video-host", "attempt": 1}
        queue.write_progress(self.site.redis, self.order.task, progress | more)

    def fall_silent(self) -> None:
        queue.clear_progress(self.site.redis, self.order.task)

    def grow(self, segments: int) -> None:
        """Make the folder look as it does when `segments` of 4 s are encoded."""
        if not self.growing.exists():
            shutil.copytree(self.outputs.folder, self.growing)
        for playlist in ("360p.m3u8", "audio.m3u8"):
            lines = (self.outputs.folder / playlist).read_text().splitlines(keepends=True)
            starts = [number for number, line in enumerate(lines) if line.startswith("#EXTINF")]
            (self.growing / playlist).write_text("".join(lines[: starts[segments]]))

    def publish(self, texts: dict[str, str] | None = None, **more: Any) -> None:
        """Report the encoding as done. `texts`: files beside it, by name, which `outputs` in `more` may list."""
        shutil.copytree(self.outputs.folder, self.growing, dirs_exist_ok=True)
        for name, text in (texts or {}).items():
            (self.growing / name).write_text(text, encoding="utf-8")
        self.growing.rename(self.complete)  # at once, as a worker does: somebody may be watching
        self.end("done", result={**self.outputs.result, "folder": self.folder, **more})

    def end(self, outcome: str, **more: Any) -> None:
        run = {"generation": self.order.generation, "attempt": self.order.attempt, "worker": "encoding-1"}
        report = {**run, "outcome": outcome, **more}
        if "result" in report:
            report["result"] = {
                **report["result"],
                "outputs": [self._sized(one) for one in report["result"]["outputs"]],
            }
        self.site.workers.report(self.order.task, report, seal_of(self.order.key, report))

    def _sized(self, output: dict[str, Any]) -> dict[str, Any]:
        """As the file is now: a test may have changed it, and the catalog compares."""
        return {**output, "bytes": (self.complete / output["name"]).stat().st_size}


class Site:
    """The running app: its address, its API as the administrator, and what workers may call."""

    def __init__(self, home: Path, port: int, redis: Redis, tokens: dict[str, str]) -> None:
        self.home, self.port, self.redis = home, port, redis
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Connection"] = "close"  # gunicorn ends idle ones, perhaps just when the next call begins
        self.session.headers["Authorization"] = f"Token {tokens['admin']}"
        self.session.headers["Connection"] = "close"  # a kept one may be closed just when a request leaves
        self.workers = CatalogClient(self.url, tokens["workers"])

    process: "subprocess.Popen[bytes]"  # of the app

    def api(self, method: str, path: str, **more: Any) -> Any:
        response = self.session.request(method, f"{self.url}/api/v1/{path}", timeout=10, **more)
        assert response.ok, response.text
        return response.json() if response.content else None

    def upload(self, name: str, clip: Path) -> int:
        """Upload a clip. Returns the id of the new video."""
        document = self.api("POST", "videos", params={"name": name}, data=clip.read_bytes())
        return int(document["id"])

    def is_watchable(self, video: int, rendition: str) -> bool:
        """Whether the first seconds of a video can be watched in this rendition."""
        found = self.api("GET", f"videos/{video}")
        if not found["playable"]:
            return False
        playlist = self.session.get(found["play"]["master"].replace("master", rendition), timeout=10)
        return playlist.ok and "#EXTINF" in playlist.text

    def answers(self) -> bool:
        try:
            return self.session.get(self.url + "/healthz", timeout=5).status_code in (200, 503)
        except requests.RequestException:
            return False


@contextmanager
def serve(home: Path, server: KeyValueServer | WatchedServers, module: str = "tests.acceptance.site") -> Iterator[Site]:
    """An app on its own instance folder, with the people "admin", "lea" (a lecturer) and "workers"."""
    port = free_port()
    (home / "secrets").mkdir(parents=True, exist_ok=True)
    (home / "media").mkdir()
    (home / "secrets" / "session_key").write_text("a session key of the tests")
    (home / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with (home / "settings.toml").open("a", encoding="utf-8") as file:  # a test may have written some
        file.write(f'[[dressing]]\nname = "{DRESSING}"\nwatermark = "logo.png"\n')
    environment = {**os.environ, "POD_JOBS_HOME": str(home), "POD_JOBS_REDIS__URL": server.url}
    environment |= {"POD_JOBS_WEB__PORT": str(port), "POD_JOBS_UPLOAD__FREE_GB": "0", "PYTHONPATH": str(ROOT)}
    environment |= {"POD_JOBS_WEB__PROCESSES": "1", "POD_JOBS_WEB__THREADS": "16"}
    tokens = _people(home)
    (home / "secrets" / "worker_token").write_text(tokens["workers"])
    log = (home / "web.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", module, "web"], env=environment, stdout=log, stderr=log)
    try:
        with connect_promptly(server.url) as redis:
            site = Site(home, port, redis, tokens)
            site.process = process

            def is_up() -> bool:
                assert process.poll() is None, (home / "web.log").read_text()[-3000:]
                return site.answers()

            wait_until(is_up, 60, f"the web app answers, see {home}/web.log")
            yield site
    finally:
        process.terminate()
        process.wait(40)
        log.close()


@contextmanager
def served() -> Iterator[Site]:
    """`serve` with a new instance folder and a key-value server of its own."""
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(folder / "home", server) as site:
                yield site
        finally:
            server.stop()


@contextmanager
def running_lines(names: Sequence[str], variables: Mapping[str, str], log: Path) -> Iterator[None]:
    """Lines of the Procfile (queues, "janitor") for a `with` block. They write into one log."""
    with log.open("ab") as said:
        lines = [
            subprocess.Popen(
                [sys.executable, "-m", "pod_jobs.processes", name], env=variables, cwd=ROOT, stdout=said, stderr=said
            )
            for name in names
        ]
        try:
            yield
        finally:
            for line in lines:
                line.terminate()
            for line in lines:
                line.wait(20)


def _people(home: Path) -> dict[str, str]:
    """Name -> API token."""
    catalog = database.connect(load(home).database_url)
    database.migrate(catalog)
    now = datetime.now(UTC)
    password = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")  # quick: its strength is not what is tested
    with catalog.connection_context():
        people = [users.create("admin", "admin", password, now), users.create("lea", "lecturer", password, now)]
        people += [users.create("workers", "worker", None, now)]
        return {user.name: users.create_token(user, "tests", now) for user in people}


if __name__ == "__main__":
    WebServer(load()).run()
