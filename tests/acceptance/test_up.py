"""A real instance: start, second start, stop, kill -9 of honcho, a plain `honcho start`. Ends with a look at /proc each time."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers import short_folder, wait_until

ROOT = Path(__file__).parents[2]
START_S = 40
STOP_S = 10


class Instance:
    """An instance on a free port, in `home`; `command` is what starts it."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home, self.log = home, log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> "subprocess.Popen[bytes]":
        return self.start(
            [sys.executable, "-m", "pod_jobs.cli", "up", "--home", str(self.home), "--port", str(self.port)]
        )

    def honcho(self) -> "subprocess.Popen[bytes]":
        variables = {"POD_JOBS_HOME": str(self.home), "POD_JOBS_WEB__PORT": str(self.port)}
        return self.start([str(Path(sys.executable).with_name("honcho")), "start"], variables)

    def start(self, command: list[str], variables: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **(variables or {})}, stdout=log, stderr=log, process_group=0
            )
        return self.process

    def is_up(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def wait_until_up(self) -> None:
        wait_until(self.is_up, START_S, f"{self.home} is up; it said: {self.words()[-3000:]}")

    def words(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def processes(self) -> dict[int, str]:
        """Every process of this home that still lives: pid -> command line."""
        return {pid: _command_line(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self.owns(pid)}

    def owns(self, pid: int) -> bool:
        """By its environment; Valkey overwrites that with its title, and works in a folder of the home."""
        folder = Path(f"/proc/{pid}")
        try:
            started_for = f"POD_JOBS_HOME={self.home}".encode() in (folder / "environ").read_bytes().split(b"\0")
            return started_for or (folder / "cwd").readlink().is_relative_to(self.home)
        except OSError:
            return False

    def one(self, words: str) -> int:
        """The pid of the newest process whose command line holds `words`; 0 when there is none."""
        return max((pid for pid, command in self.processes().items() if words in command), default=0)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone"


@pytest.fixture
def instance() -> Iterator[Instance]:
    """In a folder whose name is a trap for quoting."""
    pytest.importorskip("pod_jobs.web.app")
    with short_folder() as folder:
        made = Instance(folder / "une instance d'été", folder / "words.txt")
        yield made
        _clear_away(made)


def _clear_away(instance: Instance) -> None:
    if instance.process and instance.process.poll() is None:
        instance.process.terminate()
        instance.process.wait(STOP_S + 5)
    for pid in instance.processes():
        os.kill(pid, signal.SIGKILL)


def test_up_a_second_start_and_ctrl_c(instance: Instance) -> None:
    process = instance.up()
    instance.wait_until_up()
    assert f"http://127.0.0.1:{instance.port}/sign-in/" in instance.words()
    second = subprocess.run(process.args, cwd=ROOT, capture_output=True, text=True, timeout=START_S)
    assert second.returncode == 1
    assert "This instance is running already." in second.stderr
    assert instance.is_up()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: honcho's readers of the lines get it too
    assert process.wait(STOP_S) == 0
    assert instance.processes() == {}
    assert "Traceback" not in instance.words()
    assert "did not end" not in instance.words()
    assert "the next one starts" not in instance.words()
    assert "SIGKILL" not in (instance.home / "logs" / "pod_jobs.log").read_text()


def test_a_stop_in_the_very_beginning(instance: Instance) -> None:
    process = instance.up()
    wait_until(lambda: "Ctrl-C" in instance.words(), START_S)
    process.terminate()
    assert process.wait(STOP_S) == 0
    assert instance.processes() == {}
    assert "Traceback" not in instance.words()


def test_two_instances_side_by_side(instance: Instance) -> None:
    other = Instance(instance.home.with_name("other"), instance.log.with_name("other.txt"))
    process = instance.up()
    other.up()
    try:
        instance.wait_until_up()
        other.wait_until_up()
        process.terminate()
        assert process.wait(STOP_S) == 0
        assert instance.processes() == {}
        assert other.is_up()
    finally:
        _clear_away(other)


def test_a_plain_honcho_start(instance: Instance) -> None:
    process = instance.honcho()
    instance.wait_until_up()
    second = Instance(instance.home, instance.log.with_name("second.txt"))
    assert second.honcho().wait(START_S) != 0
    assert "This instance is running already." in second.words()
    assert instance.is_up()
    process.terminate()
    process.wait(STOP_S)
    assert instance.processes() == {}
    assert "SIGKILL" not in instance.words()


@pytest.mark.parametrize("start", ["up", "honcho"])
def test_nothing_is_left_when_honcho_is_killed(instance: Instance, start: str) -> None:
    process = getattr(instance, start)()
    instance.wait_until_up()
    process.kill()
    process.wait()
    wait_until(lambda: instance.processes() == {}, STOP_S, f"left: {instance.processes()}")


def test_a_killed_line_member_is_replaced_and_the_others_go_on(instance: Instance) -> None:
    instance.up()
    instance.wait_until_up()
    others = {instance.one("web.py"), instance.one("processes janitor")}
    for words in ("worker.py encoding", "valkey-server"):
        victim = instance.one(words)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: instance.one(words) > victim, what=f"{words} is back")  # noqa: B023  # called in this round
    instance.wait_until_up()
    assert others <= set(instance.processes())


def test_a_taken_port_is_said_before_anything_starts(instance: Instance) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", instance.port))
        other.listen()
        assert instance.up().wait(START_S) == 1
    assert "another program listens there" in instance.words()


def test_all_faulty_settings_are_listed(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[web]\nport = 0\n[encode]\nsegment_s = 5\n")
    command = [sys.executable, "-m", "pod_jobs.cli", "up", "--home", str(tmp_path)]
    variables = {**os.environ, "POD_JOBS_UPLOAD__MAX_GB": "many"}
    refused = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=START_S)
    assert refused.returncode == 1
    assert "web.port: " in refused.stderr
    assert "upload.max_gb: " in refused.stderr
    assert "encode: " in refused.stderr
    assert not (tmp_path / "run").exists()
