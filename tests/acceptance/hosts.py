"""A web host, and hosts that share nothing with it but an address, in namespaces of the kernel."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pod_jobs.jobs import queue
from pod_jobs.settings import ROOT
from tests import namespaces
from tests.acceptance.site import Site, running_lines, serve
from tests.namespaces import WEB, Host
from tests.servers import KeyValueServer, short_folder, wait_until

PASSWORD = "a-password-of-the-key-value-server"
SETTINGS = """
[web]
host = "0.0.0.0"
[janitor]
reconcile_s = 1
"""
SMALL = """
[[rendition]]
name = "240p"
height_px = 240
crf = 20
preset = "slow"
maxrate_kbps = 900
audio_kbps = 64
mp4 = false
"""
# The settings of a network in which one host has a record store that no other host reaches
LANE = """
[[xapi.lane]]
name = "store"
url = "http://127.0.0.1:8080/xAPI/statements"
login = "pod"
connect_timeout_s = 3.0
read_timeout_s = 5.0
"""


@dataclass
class Network:
    """The web host, which runs no encoder, and other hosts."""

    site: Site
    server: KeyValueServer
    hosts: list[Host]
    folder: Path
    url: str = ""  # by which other hosts reach the web app; "" = directly

    def pod_jobs(self, *arguments: str) -> str:
        """A command on the web host; gives what it prints."""
        command = [sys.executable, "-m", "pod_jobs.cli", *arguments]
        done = subprocess.run(command, env=self.variables(), cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout

    def variables(self) -> dict[str, str]:
        """Those of processes on the web host."""
        own = {"POD_JOBS_HOME": str(self.site.home), "POD_JOBS_WEB__PORT": str(self.site.port)}
        url = self.url or f"http://{WEB}:{self.site.port}"
        own |= {"POD_JOBS_REDIS__URL": self.server.url, "POD_JOBS_WEB__PUBLIC_URL": url}
        return {**os.environ, **own, "POD_JOBS_UPLOAD__FREE_GB": "0", "PYTHONPATH": str(ROOT)}

    def home_of(self, host: Host) -> Path:
        return self.folder / host.namespace

    def log_of(self, host: Host) -> Path:
        return self.folder / f"{host.namespace}.log"

    def join(self, host: Host, queue: str = "encoding", **variables: str) -> None:
        """Have a host join with one line, and run one worker of a queue."""
        self.worker(host, "join", self.invitation(queue), queue, "--workers", "1", **variables)

    def invitation(self, queue: str) -> str:
        return self.pod_jobs("worker", "invite", "--queues", queue).partition("'")[2].partition("'")[0]

    def join_with_store(self, host: Host, queue: str = "xapi", **variables: str) -> None:
        """Have a host join that has a record store, and run a worker that delivers to it what LANE says."""
        self.worker(host, "join", self.invitation(queue), "--no-start")
        home = self.home_of(host)
        wait_until((home / "settings.toml").exists, 60, "it has joined")
        with (home / "settings.toml").open("a", encoding="utf-8") as file:
            file.write(LANE)
        (home / "secrets" / "lrs_store").write_text("a-password")
        self.start_store(host)
        self.run(host, queue, **variables)

    def start_store(self, host: Host) -> None:
        command = [sys.executable, "-m", "tests.acceptance.record_store", "127.0.0.1", "8080", str(self._kept)]
        host.start(command, self.folder / "store.log", {**os.environ, "PYTHONPATH": str(ROOT)})

    def records(self) -> list[str]:
        """The statements that its record store got, as JSON, in the order in which they came."""
        return self._kept.read_text(encoding="utf-8").splitlines() if self._kept.exists() else []

    @property
    def _kept(self) -> Path:
        return self.folder / "records.jsonl"

    def run(self, host: Host, queue: str, **variables: str) -> None:
        """Have a host that joined before run one worker of a queue."""
        self.worker(host, "run", queue, "--workers", "1", **variables)

    def worker(self, host: Host, *arguments: str, **variables: str) -> None:
        """`pod-jobs worker` on a host, which knows nothing of the web host's variables."""
        command = [sys.executable, "-m", "pod_jobs.cli", "worker", "--home", str(self.home_of(host)), *arguments]
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        host.start(command, self.log_of(host), {**known, "PYTHONPATH": str(ROOT), **variables})

    def task_of(self, video: int) -> Any:
        return self.site.api("GET", f"tasks/{self.site.api('GET', f'videos/{video}')['task']['id']}")

    def progress(self, video: int) -> dict[str, Any]:
        task = self.site.api("GET", f"videos/{video}")["task"]["id"]
        return queue.read_progress(self.site.redis, [task]).get(task, {})


@contextmanager
def network(*names: str, settings: str = "", ladder: str = SMALL) -> Iterator[Network]:
    """The web host with janitor and the workers of `catalog`, and hosts ("b" and "c" without names), which have not joined yet.
    `settings`: further ones of the web host. `ladder`: its renditions; "" = those of the product."""
    with short_folder() as folder, namespaces.hosts(*(names or ("b", "c"))) as hosts:
        server = KeyValueServer(folder, address=WEB, password=PASSWORD)
        server.start()
        (folder / "home").mkdir()
        (folder / "home/settings.toml").write_text(SETTINGS + ladder + settings, encoding="utf-8")
        try:
            with serve(folder / "home", server) as site:
                made = Network(site, server, hosts, folder)
                with running_lines(("catalog", "janitor"), made.variables(), folder / "web-host.log"):
                    wait_until((site.home / "secrets/cli_token").exists, 60, "the instance is prepared")
                    yield made
        finally:
            server.stop()
