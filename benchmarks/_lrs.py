"""Record stores for benchmarks: a real Ralph with an indexed store, in a process of its own that can be killed."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import requests

from benchmarks._instance import free_port, wait_for
from tests.integration.xapi import ralph


class RalphProcess:
    """Ralph over `folder`; what was stored survives `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        if not ralph.is_installed():
            print("installing Ralph …", file=sys.stderr)
            ralph.install()
        folder.mkdir(parents=True)
        self.folder = folder
        self.ralph = ralph.Ralph(free_port(), folder / "statements.db")
        self._environment = ralph._environment(self.ralph, folder, False)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.ralph.endpoint().url

    def start(self) -> None:
        command = ralph._command(self.ralph.port)
        self.process = subprocess.Popen(command, cwd=self.folder, env=self._environment, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        wait_for(self._answers, 60, "Ralph answers")

    def stop(self, signum: int = signal.SIGTERM) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signum)
            self.process.wait(20)
            self.process = None

    def count(self) -> int:
        with closing(sqlite3.connect(self.ralph.store, timeout=30)) as connection:
            return int(connection.execute("SELECT count(*) FROM statement").fetchone()[0])

    def bodies(self) -> dict[str, list[str]]:
        """Id -> each statement that the store has under it, as JSON text."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self.ralph.store, timeout=30)) as connection:
            for statement_id, body in connection.execute("SELECT id, body FROM statement"):
                found.setdefault(statement_id, []).append(body)
        return found

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.ralph.port}/__heartbeat__", timeout=2).ok
        except requests.RequestException:
            return False
