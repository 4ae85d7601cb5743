"""`./run worker encoding --workers 1..2`: a second worker starts while a recording waits, and both encode."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pod_jobs.jobs import workforce
from pod_jobs.settings import ROOT
from tests.acceptance.instance import ffmpegs
from tests.acceptance.site import Site, make_clip, serve
from tests.servers import KeyValueServer, short_folder, wait_until


def test_another_worker_starts_while_jobs_wait(tmp_path: Path) -> None:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(tmp_path / "home", server) as site:
                scales(site, server, make_clip(tmp_path / "clip.mp4", seconds=4))
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
        site.upload("Un.mp4", clip)
        wait_until(lambda: states(site) == ["busy"] and ffmpegs(site.home), 60, "one worker, which encodes")
        slowed = ffmpegs(site.home)
        send(slowed, signal.SIGSTOP)  # however quick the machine is, its encode outlives the start of the other worker
        site.upload("Deux.mp4", clip)
        wait_until(lambda: states(site) == ["busy", "busy"], 60, "another one has the other job")
        send(slowed, signal.SIGCONT)
    finally:
        line.terminate()
        assert line.wait(20) == 0


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def states(site: Site) -> list[str]:
    return [one["state"] for one in workforce.list_workers(site.redis, ["encoding"])]
