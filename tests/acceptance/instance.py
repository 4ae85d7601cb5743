"""A real instance for acceptance tests: started as a person starts it, and looked after in /proc."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.servers import free_port, short_folder, wait_until

ROOT = Path(__file__).parents[2]
START_S = 40
STOP_S = 10


class Instance:
    """An instance on a free port, in `home`; `command` is what starts it."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home, self.log = home, log
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> "subprocess.Popen[bytes]":
        return self.start(
            [sys.executable, "-m", "pod_jobs.cli", "up", "--home", str(self.home), "--port", str(self.port)]
        )

    def honcho(self) -> "subprocess.Popen[bytes]":
        return self.start([str(Path(sys.executable).with_name("honcho")), "start"], self.environment())

    def environment(self) -> dict[str, str]:
        return {**os.environ, "POD_JOBS_HOME": str(self.home), "POD_JOBS_WEB__PORT": str(self.port)}

    def start(self, command: list[str], variables: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log, process_group=0)
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
        """Does the process belong to this home? Its environment tells; Valkey, which overwrites that, works in a folder of it."""
        folder = Path(f"/proc/{pid}")
        try:
            started_for = f"POD_JOBS_HOME={self.home}".encode() in (folder / "environ").read_bytes().split(b"\0")
            return started_for or (folder / "cwd").readlink().is_relative_to(self.home)
        except OSError:
            return False

    def one(self, words: str) -> int:
        """The pid of the newest process whose command line holds `words`; 0 when there is none."""
        return max((pid for pid, command in self.processes().items() if words in command), default=0)


def ffmpegs(home: Path) -> list[int]:
    """The pids of ffmpeg, and of the sandboxes around it, that work on files of this home."""
    commands = {pid: _command_line(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    return [pid for pid, command in commands.items() if "ffmpeg" in command and str(home) in command]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "gone"


@contextmanager
def running(name: str = "une instance é", prepare: Callable[[Path], None] = lambda home: None) -> Iterator[Instance]:
    """An instance that is up, in a folder of that name; `prepare(home)` comes before the start."""
    with short_folder() as folder:
        made = Instance(folder / name, folder / "words.txt")
        prepare(made.home)
        made.up()
        try:
            made.wait_until_up()
            yield made
        finally:
            clear_away(made)


def clear_away(instance: Instance) -> None:
    """Stop the instance if it runs, and kill whatever is left."""
    if instance.process and instance.process.poll() is None:
        instance.process.terminate()
        instance.process.wait(STOP_S + 5)
    for pid in instance.processes():
        os.kill(pid, signal.SIGKILL)
