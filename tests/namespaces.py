"""Hosts that share nothing but a network: a bridge, and namespaces of the kernel with one link each. Only root can make them."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pod_jobs.settings import ROOT

# One of its own for each process: two bridges with the same addresses would answer for each other
NETWORK = f"10.213.{os.getpid() % 250 + 1}"
WEB = f"{NETWORK}.1"  # the address of the host that runs the tests, and with them the web app


def can_be_made() -> bool:
    """May this process make namespaces?"""
    name = f"pj-probe-{os.getpid()}"
    may = os.geteuid() == 0 and shutil.which("ip") is not None and _ip("netns", "add", name, fails=True)
    return may and _ip("netns", "del", name, fails=True)


class Host:
    """A host of its own, with a link to the web host."""

    def __init__(self, name: str, number: int, bridge: str) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        self.namespace, self._link = f"{bridge}-{name}", f"{bridge}{number}"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _ip("link", "set", self._link, "master", bridge, "up")
        _ip("-n", self.namespace, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", self.namespace, "link", "set", device, "up")

    def start(self, command: Sequence[str], log: Path, variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """A process on this host, under a host name of its own; the processes of other hosts cannot see it, nor that it ends."""
        apart = ["--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
        named = ["unshare", *apart, "sh", "-c", 'hostname "$0" && exec "$@"', self.namespace, *command]
        with log.open("ab") as said:
            inside = ["ip", "netns", "exec", self.namespace, *named]
            started = subprocess.Popen(inside, env=variables, cwd=ROOT, stdout=said, stderr=said)
        self._started.append(started)
        return started

    def cut(self) -> None:
        """Take its link away; connections hang, as with a pulled cable."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        _ip("link", "set", self._link, "up")

    def processes(self) -> list[int]:
        """The ids of all its processes, as the web host sees them."""
        return [int(pid) for pid in _ip_lines("netns", "pids", self.namespace)]

    def kill(self) -> None:
        """Kill all its processes at once, as a power cut does."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            process.wait(10)

    def remove(self) -> None:
        self.kill()
        _ip("link", "del", self._link, fails=True)
        _ip("netns", "del", self.namespace, fails=True)


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Hosts of these names on a network of their own, which the web host reaches as WEB."""
    bridge = f"pj{uuid.uuid4().hex[:6]}"
    _ip("link", "add", bridge, "type", "bridge")
    made: list[Host] = []
    try:
        _ip("addr", "add", f"{WEB}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(names, 2):
            made.append(Host(name, number, bridge))
        yield made
    finally:
        for host in made:
            host.remove()
        _ip("link", "del", bridge, fails=True)


def _ip(*arguments: str, fails: bool = False) -> bool:
    """Run `ip`. `fails`: it may. Did it succeed?"""
    return subprocess.run(["ip", *arguments], check=not fails, capture_output=True).returncode == 0


def _ip_lines(*arguments: str) -> list[str]:
    return subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True).stdout.split()
