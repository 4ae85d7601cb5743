"""The units of deploy/systemd under a real systemd: an encoding goes on while they take over new settings, and all ends well."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pod_jobs.settings import ROOT
from tests import systemd
from tests.acceptance.command_line import pod_jobs
from tests.acceptance.instance import Instance
from tests.servers import need, short_folder, wait_until
from tests.systemd import LIBRARIES, PYTHON, Systemd

USER, UID = "pod-jobs", 64_123
PROGRAM = "/opt/pod_jobs/.venv/bin/python"
ROLES = ("server", "web", "janitor", "worker@encoding", "worker@inspecting", "worker@catalog")
UNITS = [f"pod-jobs-{role}.service" for role in ROLES]


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


@pytest.fixture
def service(folder: Path) -> Iterator[tuple[Systemd, Instance]]:
    need(systemd.can_be_made(), "root's right to start a systemd")
    instance = Instance(folder / "home", folder / "home" / "units.log")
    instance.home.mkdir()
    (instance.home / "settings.toml").write_text(settings(instance, 1))
    for path in (instance.home, instance.home / "settings.toml"):
        os.chown(path, UID, UID)
    shutil.copytree(ROOT / "deploy" / "systemd", folder / "units")
    for unit in (folder / "units").glob("*.service"):
        unit.write_text(unit.read_text().replace(PROGRAM, str(PYTHON)))
    common = folder / "units" / "pod-jobs-.service.d" / "common.conf"
    own = f"Environment=LD_LIBRARY_PATH={LIBRARIES}\n"
    own += "StandardOutput=append:/srv/pod_jobs/units.log"
    common.write_text(f"{common.read_text()}\n[Service]\n{own}\nStandardError=inherit\n")
    with systemd.booted(folder, USER, UID, {ROOT: "opt/pod_jobs", instance.home: "srv/pod_jobs"}) as booted:
        booted.ctl("start", *UNITS)
        instance.wait_until_up()
        yield booted, instance


def settings(instance: Instance, encoders: int, max_gb: float = 20.0) -> str:
    lines = (
        f"[web]\nport = {instance.port}",
        f"[upload]\nfree_gb = 0\nmax_gb = {max_gb}",
        f"[workers]\ntranscripting = 0\nxapi = 0\nencoding = {encoders}",
        "[fleet]\ntranscripting = 0\nxapi = 0",
    )
    return "\n".join(lines)


def asked(instance: Instance, path: str) -> Any:
    token = (instance.home / "secrets" / "cli_token").read_text().strip()
    address = f"http://127.0.0.1:{instance.port}/api/v1{path}"
    response = requests.get(address, headers={"Authorization": f"Token {token}"}, timeout=10)
    assert response.status_code == 200, response.text
    return response.json()


def encoders(instance: Instance) -> set[str]:
    return {one["name"] for one in asked(instance, "/workers")["workers"] if one["queue"] == "encoding"}


def submit(instance: Instance, clip: Path) -> "subprocess.CompletedProcess[str]":
    return pod_jobs("submit", str(clip), "--json", "--home", str(instance.home))


def test_new_settings_interrupt_neither_the_pages_nor_an_encoding(
    service: tuple[Systemd, Instance], clip: Path
) -> None:
    booted, instance = service
    wait_until(lambda: len(encoders(instance)) == 1, what="a worker")
    before, pids = encoders(instance), booted.ctl("show", "--property=MainPID", *UNITS)
    video = json.loads(submit(instance, clip).stdout)["id"]
    wait_until(lambda: asked(instance, f"/videos/{video}")["task"]["state"] != "waiting", what="it is being encoded")
    (instance.home / "settings.toml").write_text(settings(instance, 2, max_gb=0.00001))
    booted.ctl("reload", "pod-jobs-*")
    # each look also shows that the web app is never away
    wait_until(lambda: len(encoders(instance) - before) == 2, what="two new workers")
    assert "larger than the limit" in submit(instance, clip).stderr
    task = asked(instance, f"/videos/{video}")["task"]
    assert task["state"] == "done", task["error"]
    assert len(asked(instance, f"/tasks/{task['id']}")["attempts"]) == 1
    assert booted.ctl("show", "--property=MainPID", *UNITS) == pids, "no unit was started anew"
    booted.ctl("stop", *UNITS)
    ends = booted.ctl("show", "--property=Result,ActiveState", *UNITS).split()
    assert set(ends) == {"Result=success", "ActiveState=inactive"} and instance.processes() == {}
