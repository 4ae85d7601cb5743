"""The faults of the chaos run on several hosts, by name: what each one does, and how often it is drawn.

A is the web host with the key-value server; B and C encode, and share nothing with A but an address; D delivers learning traces
to a record store that runs there. All reach the web app by a proxy that refuses bodies over 16 MiB.
"""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from benchmarks._instance import ROOT, children_of
from tests.acceptance.hosts import Network
from tests.namespaces import Host
from tests.proxy import HttpProxy

# name -> weight. Long outages are rare because they are long, not because they are harmless.
FAULTS: dict[str, float] = {
    "link cut": 10,
    "link cut for 2 min": 0.7,
    "power cut": 6,
    "kill a process": 12,
    "kill ffmpeg": 6,
    "clock 10 min off": 4,
    "clock 1 h off": 1,
    "host's disk full": 5,
    "web host's disk full": 2,
    "token revoked": 2,
    "catalog hangs": 5,
    "catalog away for 5 min": 0.2,
    "kill web": 4,
    "kill janitor": 3,
    "kill key-value server": 2,
    "key-value server away for 20 s": 1,
    "record store away": 4,
    "proxy answers itself": 4,
}
DISK_MB = 300


class Hosts:
    """The network with its disks and clocks. `start` lets all hosts join."""

    def __init__(self, network: Network, proxy: HttpProxy) -> None:
        self.network, self.proxy = network, proxy
        self.near, self.other, self.far = network.hosts
        self.queues = {self.near: "encoding", self.other: "encoding", self.far: "xapi"}
        self._library = network.folder / "machine.so"
        source = ROOT / "benchmarks" / "_machine.c"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(source), "-ldl"]
        self.has_clocks = shutil.which("cc") is not None and subprocess.run(command, check=False).returncode == 0

    def start(self) -> None:
        for host, queue in self.queues.items():
            self.clock(host).write_bytes(bytes(16))
            home = self.network.home_of(host)
            home.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0750", "tmpfs", str(home)]
            subprocess.run(command, check=True)
            join = self.network.join_with_store if host is self.far else self.network.join
            join(host, queue, **self.variables(host))

    def clock(self, host: Host) -> Path:
        return self.network.folder / f"{host.namespace}.machine"

    def variables(self, host: Host) -> dict[str, str]:
        own = {"POD_JOBS_UPLOAD__FREE_GB": "0"}
        if self.has_clocks:
            own |= {"LD_PRELOAD": str(self._library), "CHAOS_MACHINE": str(self.clock(host))}
        return own

    def processes(self, host: Host, name: str = "") -> list[int]:
        """The processes on a host whose command line contains `name`."""
        return [pid for pid in host.processes() if name.encode() in _command(pid)]

    def remove(self) -> None:
        for host in self.queues:
            host.kill()
            subprocess.run(["umount", "-l", str(self.network.home_of(host))], check=False, stderr=subprocess.DEVNULL)


class HostFaults:
    """Injects faults."""

    def __init__(self, hosts: Hosts, dice: random.Random) -> None:
        self.hosts, self.dice = hosts, dice
        self._healing: list[threading.Timer] = []
        self._busy: set[object] = set()  # what a fault lasts for: one fault at a time for each

    def possible(self, name: str) -> bool:
        """Can this fault be injected on this machine?"""
        return self.hosts.has_clocks or not name.startswith("clock")

    def inject(self, name: str) -> bool:
        """Inject a fault. False when there was nothing to hit."""
        host, dice = self.dice.choice([self.hosts.near, self.hosts.other]), self.dice
        anyone = self.dice.choice(list(self.hosts.queues))
        actions: dict[str, Callable[[], bool]] = {
            "link cut": lambda: self._cut(anyone, dice.uniform(2, 20)),
            "link cut for 2 min": lambda: self._cut(host, 120),
            "power cut": lambda: self._power_cut(anyone),
            "kill a process": lambda: self._kill(self.hosts.processes(anyone, "worker.py")),
            "kill ffmpeg": lambda: self._kill(self.hosts.processes(host, "ffmpeg")),
            "clock 10 min off": lambda: self._clock(anyone, dice.choice((-600, 600)), dice.uniform(5, 40)),
            "clock 1 h off": lambda: self._clock(anyone, dice.choice((-3600, 3600)), dice.uniform(5, 40)),
            "host's disk full": lambda: self._fill(self.hosts.network.home_of(host)),
            "web host's disk full": lambda: self._fill(self.hosts.network.site.home / "media"),
            "token revoked": lambda: self._revoke(anyone),
            "catalog hangs": lambda: self._hang(dice.uniform(2, 15)),
            "catalog away for 5 min": lambda: self._hang(300),
            "kill web": lambda: self._kill(children_of(self.hosts.network.site.process.pid)),
            "kill janitor": lambda: self._kill(self._janitors()),
            "kill key-value server": lambda: self._server_away(0.2),
            "key-value server away for 20 s": lambda: self._server_away(20),
            "record store away": lambda: self._store_away(dice.uniform(3, 20)),
            "proxy answers itself": lambda: self._moody(dice.uniform(5, 20)),
        }
        return actions[name]()

    def heal(self) -> None:
        """Wait until the faults that last are over."""
        for timer in self._healing:
            timer.join()

    def _cut(self, host: Host, seconds: float) -> bool:
        return self._for(("link", host), seconds, host.cut, host.mend)

    def _power_cut(self, host: Host) -> bool:
        network, queue = self.hosts.network, self.hosts.queues[host]
        if ("power", host) in self._busy:
            return False

        def on_again() -> None:
            if host is self.hosts.far:
                network.start_store(host)
            network.run(host, queue, **self.hosts.variables(host))

        return self._for(("power", host), self.dice.uniform(1, 6), host.kill, on_again)

    def _kill(self, pids: list[int]) -> bool:
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.dice.choice(sorted(pids)), signal.SIGKILL)
        return True

    def _clock(self, host: Host, seconds: int, lasting_s: float) -> bool:
        path = self.hosts.clock(host)
        return self._for(("clock", host), lasting_s, lambda: _set_clock(path, seconds), lambda: _set_clock(path, 0))

    def _fill(self, folder: Path) -> bool:
        filler = folder / "filler"

        def fill() -> None:
            with suppress(OSError), filler.open("ab") as file:
                while True:
                    file.write(b"\0" * 1_000_000)

        return self._for(folder, self.dice.uniform(3, 15), fill, lambda: filler.unlink(missing_ok=True))

    def _revoke(self, host: Host) -> bool:
        path = self.hosts.network.site.home / "catalog.sqlite3"
        token = (self.hosts.network.home_of(host) / "secrets" / "worker_token").read_text().strip()
        digest = hashlib.sha256(token.encode()).hexdigest()

        def allow(revoked_at: int | None) -> None:
            with closing(sqlite3.connect(path, timeout=30)) as catalog, catalog:
                catalog.execute("update api_token set revoked_at = ? where token_hash = ?", (revoked_at, digest))

        return self._for(("token", host), 5, lambda: allow(time.time_ns() // 1000), lambda: allow(None))

    def _hang(self, seconds: float) -> bool:
        def everyone(signum: int) -> None:
            master = self.hosts.network.site.process.pid
            for pid in [master, *children_of(master)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signum)

        return self._for("web", seconds, lambda: everyone(signal.SIGSTOP), lambda: everyone(signal.SIGCONT))

    def _janitors(self) -> list[int]:
        """The janitor itself, which its supervisor starts again."""
        found = [pid for pid in children_of(os.getpid()) if b"janitor" in _command(pid)]
        return [child for supervisor in found for child in children_of(supervisor)]

    def _server_away(self, seconds: float) -> bool:
        server = self.hosts.network.server
        return self._for("server", seconds, lambda: server.stop(kill=True), server.start)

    def _store_away(self, seconds: float) -> bool:
        def stop() -> None:
            for pid in self.hosts.processes(self.hosts.far, "record_store"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            for pid in self.hosts.processes(self.hosts.far, "record_store"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        return self._for("store", seconds, stop, go_on)

    def _moody(self, seconds: float) -> bool:
        """Each third request gets 408, 413, 502 or the like of the proxy's own."""

        def be(moody: bool) -> None:
            self.hosts.proxy.is_moody = moody

        return self._for("proxy", seconds, lambda: be(True), lambda: be(False))

    def _for(self, what: object, seconds: float, begin: Callable[[], object], end: Callable[[], object]) -> bool:
        """Let something be so for some time. False while it is so already."""
        if what in self._busy:
            return False
        self._busy.add(what)
        begin()

        def heal() -> None:
            end()
            self._busy.discard(what)

        timer = threading.Timer(seconds, heal)
        timer.daemon = True
        timer.start()
        self._healing = [known for known in self._healing if known.is_alive()] + [timer]
        return True


def _set_clock(path: Path, seconds: int) -> None:
    with path.open("r+b") as file:
        file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
