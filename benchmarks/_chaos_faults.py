"""The faults of the chaos run, by name: what each one does, and how often it is drawn."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from benchmarks._instance import ROOT, Instance, children_of, free_port
from pod_jobs.system import process_identity

# name -> weight. Outages are rare because they are long, not because they are harmless.
FAULTS: dict[str, float] = {
    "kill horse": 20,
    "kill worker": 15,
    "kill ffmpeg": 10,
    "kill janitor": 8,
    "kill web": 8,
    "kill report worker": 6,
    "sigterm all": 4,
    "freeze worker": 3,
    "cut key-value server": 5,
    "hang key-value server": 4,
    "stop key-value server 5 s": 3,
    "stop key-value server 35 s": 0.5,
    "stop key-value server 100 s": 0.2,
    "kill key-value server": 3,
    "empty key-value server": 1.5,
    "catalog 500": 5,
    "catalog hangs": 3,
    "catalog down": 4,
    "disk full": 3,
    "disk read-only": 2,
    "media unmounted": 3,
    "media unmounted before the start": 1,
    "names away": 3,
    "token revoked": 2,
    "second instance": 1,
    "move clock": 2,
    "rq requeue": 3,
    "dashboard requeue": 2,
}
OF_THE_DISK = ("disk full", "disk read-only", "media unmounted", "media unmounted before the start")
Kills = dict[tuple[int, int], float]  # (pid, its start in ticks: ids come again) -> monotonic seconds
AIM_S = 5.0  # a kill waits as long for something to hit


class Faults:
    """Injects faults. `kills` remembers when a process that worked on a job was killed."""

    def __init__(self, instance: Instance, dice: random.Random) -> None:
        self.instance = instance
        self.dice = dice
        self.kills: Kills = {}
        self._healing: list[threading.Timer] = []
        self._disk_is_sound = True  # one fault of the disk at a time

    def possible(self, name: str) -> bool:
        """Can this fault be injected on this machine?"""
        if name in OF_THE_DISK:
            return self.instance.has_tmpfs
        if name in ("move clock", "names away"):
            return self.instance.has_machine
        return True

    def inject(self, name: str) -> bool:
        """Inject a fault. False when there was nothing to hit, for instance no horse at work."""
        actions: dict[str, Callable[[], bool]] = {
            "kill horse": lambda: self._kill(lambda: self._horses("encoding")),
            "kill worker": lambda: self._kill_worker("encoding"),
            "kill ffmpeg": lambda: self._kill(self._ffmpegs),
            "kill janitor": lambda: self._kill(lambda: self.instance.children("janitor")),
            "kill web": self._kill_web,
            "kill report worker": lambda: self._kill_worker("catalog"),
            "sigterm all": self._sigterm_all,
            "freeze worker": self._freeze,
            "cut key-value server": lambda: self._proxy("redis_proxy", "cut", 2),
            "hang key-value server": lambda: self._proxy("redis_proxy", "hang", 4),
            "stop key-value server 5 s": lambda: self._outage(5),
            "stop key-value server 35 s": lambda: self._outage(35),
            "stop key-value server 100 s": lambda: self._outage(100),
            "kill key-value server": lambda: self._outage(0.2, kill=True),
            "empty key-value server": lambda: self._outage(0.5, kill=True, empty=True),
            "catalog 500": lambda: self._proxy("catalog_proxy", "http500", 3),
            "catalog hangs": lambda: self._proxy("catalog_proxy", "hang", 4),
            "catalog down": lambda: self._proxy("catalog_proxy", "cut", 4),
            "disk full": self._fill_disk,
            "disk read-only": lambda: self._unmount(4, read_only=True),
            "media unmounted": lambda: self._unmount(self.dice.uniform(2, 8)),
            "media unmounted before the start": lambda: self._unmount(8) and self._sigterm_all(),
            "names away": self._take_names_away,
            "token revoked": self._revoke_token,
            "second instance": self._second_instance,
            "move clock": self._move_clock,
            "rq requeue": self._rq_requeue,
            "dashboard requeue": self._dashboard_requeue,
        }
        return actions[name]()

    def heal(self) -> None:
        """End the faults that last."""
        for timer in self._healing:
            timer.join()
        self.instance.redis_proxy.mode = self.instance.catalog_proxy.mode = "pass"

    def stray_ffmpegs(self) -> list[str]:
        """The ffmpeg processes of the instance, and their sandboxes. None should be left when every task has ended."""
        return [command for _, command in self.instance.ours() if "ffmpeg" in command]

    def _horses(self, line: str) -> list[int]:
        return [horse for worker in self.instance.children(line) for horse in children_of(worker)]

    def _ffmpegs(self) -> list[int]:
        return [pid for horse in self._horses("encoding") for pid in _descendants(horse) if _is_ffmpeg(pid)]

    def _kill(self, find: Callable[[], list[int]]) -> bool:
        """Kill one of the processes that `find` returns. Waits for one, because a fault that hits nothing shows nothing."""
        deadline = time.monotonic() + AIM_S
        while not (pids := find()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        pid = self.dice.choice(sorted(pids))
        self._note(pid)
        return _signal(pid, signal.SIGKILL)

    def _kill_worker(self, line: str) -> bool:
        workers = sorted(self.instance.children(line))
        if not workers:
            return False
        worker = self.dice.choice(workers)
        for horse in children_of(worker):
            self._note(horse)
        return _signal(worker, signal.SIGKILL)

    def _note(self, pid: int) -> None:
        if started := process_identity.start_ticks(pid):
            self.kills[pid, started] = time.monotonic()

    def _kill_web(self) -> bool:
        def processes() -> list[int]:
            masters = self.instance.children("web")
            return masters + [child for master in masters for child in children_of(master)]

        return self._kill(processes)

    def _sigterm_all(self) -> bool:
        pids = [pid for line in self.instance.lines for pid in self.instance.children(line)]
        return sum(_signal(pid, signal.SIGTERM) for pid in pids) > 0

    def _freeze(self) -> bool:
        pids = sorted(self.instance.children("encoding") + self._horses("encoding"))
        if not pids:
            return False
        pid = self.dice.choice(pids)
        self._later(self.dice.uniform(2, 25), lambda: _signal(pid, signal.SIGCONT))
        return _signal(pid, signal.SIGSTOP)

    def _proxy(self, name: str, mode: str, seconds: float) -> bool:
        proxy = getattr(self.instance, name)
        proxy.mode = mode
        self._later(seconds, lambda: setattr(proxy, "mode", "pass"))
        return True

    def _outage(self, seconds: float, *, kill: bool = False, empty: bool = False) -> bool:
        self.instance.stop_redis(kill=kill, empty=empty)
        time.sleep(seconds)
        self.instance.start_redis()
        return True

    def _fill_disk(self) -> bool:
        if not self._disk_is_sound:
            return False
        filler = self.instance.disk / "filler"
        with suppress(OSError), filler.open("ab") as handle:
            while True:
                handle.write(b"\0" * 1_000_000)
        self._later(4, lambda: filler.unlink(missing_ok=True))
        return True

    def _unmount(self, seconds: float, *, read_only: bool = False) -> bool:
        """Take the media folder away, as a share that is gone. `read_only`: put it back at once so that nobody can write."""
        if not self._disk_is_sound:
            return False
        self._disk_is_sound = False
        self.instance.unmount_media()
        if read_only:
            self.instance.mount_media(read_only=True)

        def mount_again() -> None:
            if read_only:
                self.instance.unmount_media()
            self.instance.mount_media()
            self._disk_is_sound = True

        self._later(seconds, mount_again)
        return True

    def _take_names_away(self) -> bool:
        self.instance.take_names_away(True)
        self._later(5, lambda: self.instance.take_names_away(False))
        return True

    def _revoke_token(self) -> bool:
        """Revoke the workers' token, and allow it again."""
        self._allow_token(False)
        self._later(5, lambda: self._allow_token(True))
        return True

    def _allow_token(self, allowed: bool) -> None:
        token = (self.instance.home / "secrets" / "worker_token").read_text().strip()
        revoked = "null" if allowed else str(time.time_ns() // 1000)
        with closing(sqlite3.connect(self.instance.home / "catalog.sqlite3", timeout=15)) as catalog, catalog:
            query = f"update api_token set revoked_at = {revoked} where token_hash = ?"  # noqa: S608  # a number
            catalog.execute(query, (hashlib.sha256(token.encode()).hexdigest(),))

    def _second_instance(self) -> bool:
        """Start another instance on the same key-value server. It must refuse, and touch nothing of the first. Not while a
        server that was emptied does not know yet whose it is."""
        from redis import Redis
        from redis.exceptions import RedisError

        from pod_jobs.jobs import keys

        is_owned: object = False
        with suppress(RedisError), Redis(port=self.instance.redis_port, socket_timeout=2) as redis:
            is_owned = redis.exists(keys.OWNER)
        if not is_owned:
            return False
        with tempfile.TemporaryDirectory(prefix="pod-jobs-second-") as home:
            command = [sys.executable, "-m", "pod_jobs.cli", "up", "--home", home, "--port", str(free_port())]
            variables = {**self.instance.environment, "POD_JOBS_HOME": home}
            url = f"redis://127.0.0.1:{self.instance.redis_port}"  # not by the proxy, which may be at fault
            variables["POD_JOBS_REDIS__URL"] = url
            done = subprocess.run(
                command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False
            )
            if done.returncode != 1 or "another instance" not in done.stderr:
                raise RuntimeError(f"a second instance was not refused: {done.returncode} {done.stderr[-500:]}")
        return True

    def _move_clock(self) -> bool:
        self.instance.move_clock(self.dice.choice((-300, 300)))
        self._later(6, lambda: self.instance.move_clock(0))
        return True

    def _rq_requeue(self) -> bool:
        for queue in ("encoding", "catalog"):
            command = [sys.executable, "-m", "pod_jobs.cli", "rq", "requeue", "--queue", queue, "--all"]
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    command,
                    cwd=ROOT,
                    env=self.instance.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=20,
                    check=False,
                )
        return True

    def _dashboard_requeue(self) -> bool:
        """Requeue the whole failed list as rq-dashboard's button does, without a browser."""
        from redis import Redis
        from redis.exceptions import RedisError
        from rq.exceptions import NoSuchJobError
        from rq.registry import FailedJobRegistry

        from pod_jobs.jobs.queue import open_queue
        from pod_jobs.jobs.rq_classes import PodJob

        with suppress(RedisError, NoSuchJobError), Redis(port=self.instance.redis_port, socket_timeout=2) as redis:
            registry = FailedJobRegistry(queue=open_queue(redis, "encoding"), job_class=PodJob)
            for job_id in registry.get_job_ids(cleanup=False):
                registry.requeue(job_id)
        return True

    def _later(self, seconds: float, heal: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, heal)
        timer.daemon = True
        timer.start()
        self._healing = [known for known in self._healing if known.is_alive()] + [timer]


def _signal(pid: int, signum: int) -> bool:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def _descendants(pid: int) -> list[int]:
    return [found for child in children_of(pid) for found in (child, *_descendants(child))]


def _is_ffmpeg(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().startswith("ffmpeg")
    return False
