"""A key-value server dies, Sentinel makes its copy the master, and no recording is lost or encoded twice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.instance.doctor import services
from pod_jobs.settings import ROOT, load
from tests.acceptance.site import Site, make_clip, running_lines, serve
from tests.servers import WatchedServers, short_folder, wait_until

SETTINGS = """
[janitor]
reconcile_s = 1
lost_s = 2
[[rendition]]
name = "240p"
height_px = 240
crf = 20
preset = "medium"
maxrate_kbps = 900
audio_kbps = 64
mp4 = false
"""


@pytest.fixture
def servers() -> Iterator[WatchedServers]:
    with short_folder() as folder:
        made = WatchedServers(folder)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def site(servers: WatchedServers, tmp_path: Path) -> Iterator[Site]:
    """The web app, a janitor, an encoder and a worker of `catalog`."""
    home = tmp_path / "instance é"
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    with serve(home, servers) as made:
        variables = {"POD_JOBS_HOME": str(home), "POD_JOBS_REDIS__URL": servers.url, "PYTHONPATH": str(ROOT)}
        variables = {**os.environ, **variables, "POD_JOBS_WEB__PORT": str(made.port)}
        with running_lines(("encoding", "catalog", "janitor"), variables, tmp_path / "lines.log"):
            yield made


def test_a_failover_loses_nothing_and_does_nothing_twice(site: Site, servers: WatchedServers, tmp_path: Path) -> None:
    first = site.upload("Avant.mp4", make_clip(tmp_path / "long.mp4", seconds=45))
    wait_until(lambda: state(site, first) == "running", 60, "it is encoded")
    short = make_clip(tmp_path / "short.mp4", seconds=2)

    # the copy no longer gets what is written: the second job is acknowledged, and lost with the master
    servers.processes[servers.second].send_signal(signal.SIGSTOP)
    with servers.connect(servers.first) as master:
        master.client_kill_filter(_type="slave")
        second = site.upload("Perdu.mp4", short)
        job = f"rq:job:encode-{task_of(site, second)['id']}-g1"
        assert master.exists(job)
        servers.processes[servers.first].kill()
    servers.processes[servers.second].send_signal(signal.SIGCONT)

    wait_until(lambda: servers.info(servers.second)["role"] == "master", 30, "the copy is the master")
    assert state(site, first) == "running", "the failover was in mid-encode"
    third = site.upload("Après.mp4", short)
    for video in (first, second, third):
        wait_until(lambda video=video: state(site, video) == "ready", 90, "it is ready")  # type: ignore[misc]
        task = task_of(site, video)
        assert (task["generation"], [one["outcome"] for one in task["attempts"]]) == (1, ["done"])
    parts = site.session.get(f"{site.url}/healthz", timeout=10).json()["parts"]
    assert [name for name in ("redis", "janitor", "workers.encoding", "workers.catalog") if not parts[name]["ok"]] == []
    found = services.check_key_value_server(load(site.home, redis={"url": servers.url}))
    said = {one.check: (one.state, one.text) for one in found}
    assert said["sentinels"] == ("ok", "3 of 3 answer")
    assert said["copies"] == ("warning", "no other server has a copy of the key-value server's data")


def state(site: Site, video: int) -> str:
    return str(site.api("GET", f"videos/{video}")["state"])


def task_of(site: Site, video: int) -> dict[str, Any]:
    found: dict[str, Any] = site.api("GET", f"tasks/{site.api('GET', f'videos/{video}')['task']['id']}")
    return found
