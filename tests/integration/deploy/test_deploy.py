"""The files of deploy/: each is read by the program that it is for. nginx: web/test_behind_nginx.py."""

import configparser
import getpass
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from pod_jobs.jobs import workforce
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.processes import lines
from pod_jobs.settings import QUEUES, ROOT
from tests.servers import KeyValueServer, free_port, need, short_folder, wait_until

DEPLOY = ROOT / "deploy"
ROLES = {*lines.NAMES} - {"server"}  # that is embedded
PROGRAM = re.compile(r"-m pod_jobs\.processes ([\w-]+)")


def run(*command: str | Path, **variables: str) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_units_are_those_that_systemd_takes(tmp_path: Path) -> None:
    need(shutil.which("systemd-analyze"), "systemd-analyze")
    units, program = tmp_path / "units", tmp_path / "pod_jobs"
    program.symlink_to(ROOT)  # whose own path may have a space, which an installation in /opt has not
    shutil.copytree(DEPLOY / "systemd", units)
    for path in units.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/opt/pod_jobs", str(program)))
    names = [path.name.replace("@.", "@encoding.") for path in units.iterdir() if path.is_file()]
    own = {"SYSTEMD_UNIT_PATH": f"{units}:"}
    assert run("systemd-analyze", "verify", "--man=no", *(units / name for name in names), **own) == ""
    common = next(units.glob("*.d/common.conf"))
    common.write_text(common.read_text() + "\n[Service]\nUsr=x\n")
    said = run("systemd-analyze", "verify", "--man=no", units / "pod-jobs-web.service", **own)
    assert "Usr" in said, "the common part is read with each unit"


def test_supervisor_runs_a_program_per_role(tmp_path: Path) -> None:
    settings = configparser.RawConfigParser(comment_prefixes=(";",))
    settings.read(DEPLOY / "supervisor.conf")
    programs = [name for name in settings.sections() if name.startswith("program:")]
    assert {match[1] for name in programs if (match := PROGRAM.search(settings[name]["command"]))} == ROLES
    listed = settings["group:pod_jobs"]["programs"].split(",")
    assert {f"program:{name}" for name in listed} == set(programs)
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            supervise(folder, server)
        finally:
            server.stop()


def supervise(folder: Path, server: KeyValueServer) -> None:
    home, program, port = folder / "home", folder / "pod_jobs", free_port()
    home.mkdir()
    program.symlink_to(ROOT)
    text = (DEPLOY / "supervisor.conf").read_text()
    for old, new in {
        "/opt/pod_jobs": str(program),
        "/srv/pod_jobs": str(home),
        "/var/log/pod_jobs": str(folder),
        "user=pod-jobs": f"user={getpass.getuser()}",
    }.items():
        text = text.replace(old, new)
    own = f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\n"
    (folder / "supervisord.conf").write_text(f"{own}\n{text}")
    variables = {"POD_JOBS_REDIS__URL": server.url, "POD_JOBS_WEB__PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [str(Path(sys.executable).with_name("supervisord")), "-c", str(folder / "supervisord.conf")]
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_well(port), 60, f"all roles are there, see the logs in {folder}")
        with connect_promptly(server.url) as redis:
            assert all(found.alive for found in workforce.strengths(redis, QUEUES).values())
        assert {path.stem for path in folder.glob("*.log")} == {*ROLES, "supervisord"}
    finally:
        process.terminate()
        assert process.wait(30) == 0
    ended = (folder / "supervisord.log").read_text()
    assert "SIGKILL" not in ended and ended.count("stopped: ") == len(ROLES)


def is_well(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_the_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    said = run(Path(sys.executable).with_name("hadolint"), "--no-color", DEPLOY / "Dockerfile")
    assert said == ""


def test_compose_has_every_role_and_builds_what_the_dockerfile_has() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"redis", *ROLES}
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    for name in ROLES:
        build = services[name]["build"]
        assert services[name]["command"] == [name] and build["target"] in stages - {"base"}
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    named = {key for key in services["web"]["environment"] if key.startswith("POD_JOBS_")}
    assert len(named) == 5


@pytest.mark.parametrize("wrong", [False, True])
def test_logs_are_rotated(tmp_path: Path, wrong: bool) -> None:
    program = shutil.which("logrotate") or shutil.which("/usr/sbin/logrotate")
    need(program, "logrotate")
    (tmp_path / "logs").mkdir(mode=0o750)  # and root's, as docs/administration.md says
    (tmp_path / "logs" / "web.log").write_text("a line\n")
    text = (DEPLOY / "logrotate").read_text().replace("/var/log/pod_jobs", str(tmp_path / "logs"))
    (tmp_path / "conf").write_text(text.replace("weekly", "wekly") if wrong else text)
    (tmp_path / "conf").chmod(0o644)
    command = [str(program), "--force", "--state", str(tmp_path / "state"), str(tmp_path / "conf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode != 0 or "wekly" in done.stderr) == wrong, done.stderr
    if not wrong:
        assert (tmp_path / "logs" / "web.log.1").read_text() == "a line\n"
        assert (tmp_path / "logs" / "web.log").read_text() == ""
