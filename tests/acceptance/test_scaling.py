"""`./run worker encoding --workers 1..2`: a second worker starts while a recording waits, and both encode."""

import os
import subprocess
import sys
from pathlib import Path

from pod_jobs.jobs import workforce
from pod_jobs.settings import ROOT
from tests.acceptance.site import Site, make_clip, serve
from tests.servers import KeyValueServer, short_folder, wait_until


def test_another_worker_starts_while_jobs_wait(tmp_path: Path) -> None:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(tmp_path / "home", server) as site:
                scales(site, server, make_clip(tmp_path / "clip.mp4", seconds=60))
        finally:
            server.stop()


def scales(site: Site, server: KeyValueServer, clip: Path) -> None:
    variables = {**os.environ, "POD_JOBS_REDIS__URL": server.url, "POD_JOBS_WEB__PORT": str(site.port)}
    variables |= {"POD_JOBS_WORKER__HEARTBEAT_S": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pod_jobs.cli", "worker", "--home", str(site.home)]
    command += ["encoding", "--workers", "1..2"]
    with (site.home / "workers.log").open("ab") as log:
        line = subprocess.Popen(command, env=variables, cwd=ROOT, stdout=log, stderr=log)
    try:
        first = site.upload("Un.mp4", clip)
        wait_until(lambda: states(site) == ["busy"], 60, "one worker, with a job")
        second = site.upload("Deux.mp4", clip)
        wait_until(
            lambda: {site.api("GET", f"videos/{video}")["state"] for video in (first, second)} == {"running"},
            60,
            "another one has the other job",
        )
        assert states(site) == ["busy", "busy"]
    finally:
        line.terminate()
        assert line.wait(20) == 0


def states(site: Site) -> list[str]:
    return [one["state"] for one in workforce.list_workers(site.redis, ["encoding"])]
