"""Two hosts with encoders that share nothing with the web host but an address: real processes in namespaces of the kernel."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.models import ApiToken
from pod_jobs.catalog.store import users
from pod_jobs.jobs import queue
from pod_jobs.settings import ROOT, load
from tests import namespaces
from tests.acceptance.site import Site, make_clip, serve
from tests.namespaces import WEB, Host
from tests.servers import KeyValueServer, need, short_folder, wait_until

PASSWORD = "a-password-of-the-key-value-server"
SETTINGS = """
[web]
host = "0.0.0.0"
[janitor]
reconcile_s = 1
[[rendition]]
name = "240p"
height_px = 240
crf = 20
preset = "slow"
maxrate_kbps = 900
audio_kbps = 64
mp4 = false
"""


@dataclass
class Network:
    """The web host, which runs no encoder, and two hosts for encoders."""

    site: Site
    redis_url: str
    hosts: list[Host]
    folder: Path

    def pod_jobs(self, *arguments: str) -> str:
        """A command on the web host; gives what it prints."""
        command = [sys.executable, "-m", "pod_jobs.cli", *arguments]
        done = subprocess.run(command, env=self.variables(), cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout

    def variables(self) -> dict[str, str]:
        """Those of processes on the web host."""
        own = {"POD_JOBS_HOME": str(self.site.home), "POD_JOBS_WEB__PORT": str(self.site.port)}
        own |= {"POD_JOBS_REDIS__URL": self.redis_url, "POD_JOBS_WEB__PUBLIC_URL": f"http://{WEB}:{self.site.port}"}
        return {**os.environ, **own, "PYTHONPATH": str(ROOT)}

    def join(self, host: Host) -> None:
        """Have a host join with one line, and run one encoder."""
        line = self.pod_jobs("worker", "invite", "--queues", "encoding").partition("'")[2].partition("'")[0]
        home = self.folder / host.namespace
        command = [sys.executable, "-m", "pod_jobs.cli", "worker", "--home", str(home)]
        command += ["join", line, "encoding", "--workers", "1"]
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        host.start(command, self.folder / f"{host.namespace}.log", {**known, "PYTHONPATH": str(ROOT)})

    def task_of(self, video: int) -> Any:
        return self.site.api("GET", f"tasks/{self.site.api('GET', f'videos/{video}')['task']['id']}")

    def progress(self, video: int) -> dict[str, Any]:
        task = self.site.api("GET", f"videos/{video}")["task"]["id"]
        return queue.read_progress(self.site.redis, [task]).get(task, {})


@pytest.fixture
def network() -> Iterator[Network]:
    need(namespaces.can_be_made(), "the right to make network namespaces")
    with short_folder() as folder, namespaces.hosts("b", "c") as hosts:
        server = KeyValueServer(folder, address=WEB, password=PASSWORD)
        server.start()
        (folder / "home").mkdir()
        (folder / "home/settings.toml").write_text(SETTINGS, encoding="utf-8")
        try:
            with serve(folder / "home", server) as site:
                made = Network(site, server.url, hosts, folder)
                lines = [["worker.py", "catalog"], ["-m", "pod_jobs.processes", "janitor"]]
                with (folder / "web-host.log").open("ab") as log:
                    own = [
                        subprocess.Popen(
                            [sys.executable, *line], env=made.variables(), cwd=ROOT, stdout=log, stderr=log
                        )
                        for line in lines
                    ]
                try:
                    yield made
                finally:
                    for process in own:
                        process.terminate()
                        process.wait(20)
        finally:
            server.stop()


def revoke_token_of(site: Site, host: Host) -> None:
    with database.connect(load(site.home).database_url).connection_context():
        row = ApiToken.get(ApiToken.label == f"host {host.namespace}")
        users.revoke_token(row.id, datetime.now(UTC))


def test_a_cut_link_and_a_revoked_token(network: Network, tmp_path: Path) -> None:
    site, (near, other) = network.site, network.hosts
    began = time.monotonic()
    network.join(near)
    clip = make_clip(tmp_path / "clip.mp4", seconds=40)
    first = site.upload("Cours é.mp4", clip)
    wait_until(lambda: network.progress(first).get("fraction", 0) > 0, 45, "a host that joined encodes")
    assert time.monotonic() - began < 60

    wait_until(lambda: site.api("GET", f"videos/{first}")["playable"], 30, "it can be watched")
    master = site.api("GET", f"videos/{first}")["play"]["master"]
    playlist = site.session.get(master.replace("master", "240p"), timeout=10)
    assert playlist.ok and "#EXTINF" in playlist.text
    assert site.api("GET", f"videos/{first}")["state"] == "running", "while it is being encoded"

    near.cut()
    threading.Timer(4, near.mend).start()
    wait_until(lambda: site.api("GET", f"videos/{first}")["state"] == "ready", 120, "it is ready")
    (attempt,) = network.task_of(first)["attempts"]
    assert (attempt["host"], attempt["outcome"]) == (near.namespace, "done")

    second = site.upload("TP.mp4", clip)
    wait_until(lambda: network.progress(second).get("fraction", 0) > 0, 30, "the second one is encoded")
    revoke_token_of(site, near)
    revoked = time.monotonic()
    wait_until(lambda: network.task_of(second)["generation"] == 2, 15, "its job is taken away")
    assert time.monotonic() - revoked < 10
    network.join(other)
    wait_until(lambda: site.api("GET", f"videos/{second}")["state"] == "ready", 120, "the other host made it")
    outcomes = [(one["host"], one["outcome"]) for one in network.task_of(second)["attempts"]]
    assert outcomes == [(near.namespace, "lost"), (other.namespace, "done")]
    assert not (network.folder / near.namespace / "catalog.sqlite3").exists()
