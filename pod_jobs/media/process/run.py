"""Starts processes. No other file does.

The life of one process:
1. It starts with an argument list (no shell), closed stdin and an empty environment. Its limits are set between fork and
   exec. It stays in the process group of its caller, so that a kill of the worker's group reaches it, and the kernel kills
   it when its parent dies.
2. While it runs, each line of its stdout goes to `on_line`, the end of its stderr is kept, and `tick` is called at least
   twice a second, with or without output. If `tick` raises, the process is ended (SIGTERM, `grace_s`, SIGKILL), and the
   exception goes up.
3. When it has ended, or when its wall time is over, the caller gets the return code, the end of stderr, and the measured
   processor time and memory. exits.py explains how to read them.
"""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pod_jobs.errors import FfmpegFailed, OutOfResources, SettingsError
from pod_jobs.media.process.guard import FILTER
from pod_jobs.system import seccomp
from pod_jobs.system.process_tree import die_with_parent

TICK_S = 0.25
STDERR_BYTES = 16_384
LINE_BYTES = 8_000_000  # the longest line of stdout: the answer of a probe about a file of very many tracks
# Processes and threads of this user while a command runs: many, because the kernel counts those of all containers of the host,
# and other commands start meanwhile
TASKS, TASKS_PER_CPU = 4096, 256
WHOLE_BYTES = 32_000_000  # the most that `capture` keeps
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "HOME": "/nonexistent", "AV_LOG_FORCE_NOCOLOR": "1"}


@dataclass(frozen=True)
class Bounds:
    """Limits of one process: wall time in seconds, address space (0 = no limit) and size of one file in MB, and the seconds
    between SIGTERM and SIGKILL."""

    wall_s: float
    memory_mb: int
    file_mb: int = 4000
    grace_s: float = 3.0


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended. `returncode` is negative for a signal. `peak_mb` is resident memory."""

    returncode: int
    stderr: str
    wall_s: float
    cpu_s: float
    peak_mb: float


def _ignore(line: str) -> None:
    pass


def run(
    argv: Sequence[str],
    folder: Path,
    bounds: Bounds,
    on_line: Callable[[str], None],
    tick: Callable[[], None],
    on_word: Callable[[str], None] = _ignore,
) -> ProcessEnd:
    """Run `argv` in `folder` until it ends. `on_word` gets the lines of stderr.

    Errors: what the three functions raise; FfmpegFailed for a line of more than LINE_BYTES, and (encode-too-slow) when the wall
    time is over."""
    started = time.monotonic()
    process = _start(argv, folder, bounds)
    streams = _Streams(process, on_line, on_word)
    try:
        while (usage := _reap(process)) is None:
            streams.read(TICK_S)
            tick()
            if time.monotonic() - started > bounds.wall_s:
                raise FfmpegFailed(f"{argv[0]} ran longer than {bounds.wall_s:.0f} s", code="encode-too-slow")
        streams.read_rest()
    except BaseException:
        _stop(process, bounds.grace_s)
        raise
    finally:
        streams.close()
    return ProcessEnd(
        returncode=process.returncode,
        stderr=streams.stderr.decode(errors="replace"),
        wall_s=time.monotonic() - started,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1000,
    )


def capture(argv: Sequence[str], folder: Path, bounds: Bounds, tick: Callable[[], None]) -> tuple[ProcessEnd, str]:
    """Run `argv` until it ends, and return its whole stdout too. Errors: as of `run`; FfmpegFailed for more than WHOLE_BYTES."""
    lines: list[str] = []
    left = WHOLE_BYTES

    def keep(line: str) -> None:
        nonlocal left
        left -= len(line) + 1
        if left < 0:
            raise FfmpegFailed(f"{argv[0]} said more than {WHOLE_BYTES} bytes")
        lines.append(line)

    finished = run(argv, folder, bounds, keep, tick)
    return finished, "\n".join(lines)


def _start(argv: Sequence[str], folder: Path, bounds: Bounds) -> "subprocess.Popen[bytes]":
    parent = os.getpid()
    limits = _limits(bounds)

    def before_exec() -> None:  # in the child: only calls that need no lock of another thread
        die_with_parent(parent, signal.SIGKILL)
        for resource_kind, value in limits:
            resource.setrlimit(resource_kind, (value, value))

    filters = [seccomp.open_filter(seccomp.threads_only())] if FILTER in argv else []
    try:
        return subprocess.Popen(
            [str(filters[0]) if word == FILTER else word for word in argv],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=filters,
            preexec_fn=before_exec,  # noqa: PLW1509  (the alternative is a second program)
        )
    except (FileNotFoundError, PermissionError) as error:
        raise SettingsError(f"cannot start {argv[0]}: {error}") from error
    except OSError as error:
        raise OutOfResources(f"cannot start {argv[0]}: {error}") from error
    finally:
        for descriptor in filters:
            os.close(descriptor)


def _limits(bounds: Bounds) -> list[tuple[int, int]]:
    cpus = os.cpu_count() or 1
    memory_mb = bounds.memory_mb + 128 * cpus  # each thread maps a stack and an arena
    limits = (
        (resource.RLIMIT_AS, memory_mb * 1_000_000 if bounds.memory_mb else resource.RLIM_INFINITY),
        (resource.RLIMIT_CPU, int(bounds.wall_s * cpus) + 1),
        (resource.RLIMIT_FSIZE, bounds.file_mb * 1_000_000),
        (resource.RLIMIT_NOFILE, 512),
        # of this user on this host, whoever started them; root is not limited
        (resource.RLIMIT_NPROC, _tasks_of_this_user() + TASKS + TASKS_PER_CPU * cpus),
        (resource.RLIMIT_CORE, 0),
    )
    return [(resource_kind, _within(resource_kind, value)) for resource_kind, value in limits]


def _tasks_of_this_user() -> int:
    """How many processes and threads this user has. Takes some milliseconds on a host with many."""
    count, me = 0, os.getuid()
    for entry in os.scandir("/proc"):
        if entry.name.isascii() and entry.name.isdigit():
            with suppress(OSError):  # it has just ended
                if entry.stat().st_uid == me:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))
    return count


def _within(resource_kind: int, value: int) -> int:
    hard = resource.getrlimit(resource_kind)[1]
    if resource.RLIM_INFINITY in (value, hard):
        return hard if value == resource.RLIM_INFINITY else value
    return min(value, hard)


def _reap(process: "subprocess.Popen[bytes]") -> resource.struct_rusage | None:
    """The resource usage of the process, and of those it waited for, once it has ended. Popen.poll() would lose it."""
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if not pid:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _stop(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    if process.returncode is not None or _reap(process):
        return
    os.kill(process.pid, signal.SIGTERM)  # Popen.terminate() polls first, and would reap a process that we have to reap
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        if _reap(process):
            return
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.returncode = os.waitstatus_to_exitcode(os.wait4(process.pid, 0)[1])


class _Streams:
    """The lines of stdout and the end of stderr. Never blocks longer than asked."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", on_line: Callable[[str], None], on_word: Callable[[str], None]
    ) -> None:
        assert process.stdout and process.stderr  # noqa: S101  (both are PIPE)
        self._pipes = (process.stdout, process.stderr)
        self._stdout_fd, stderr_fd = process.stdout.fileno(), process.stderr.fileno()
        self._hearers = {self._stdout_fd: on_line, stderr_fd: on_word}
        self._rests = {self._stdout_fd: bytearray(), stderr_fd: bytearray()}
        self.stderr = b""
        self._selector = selectors.DefaultSelector()
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe.fileno(), selectors.EVENT_READ)

    def read(self, wait_s: float) -> None:
        """Take what has arrived, waiting at most `wait_s`. A process that has closed both pipes is about to end."""
        if not self._selector.get_map():
            time.sleep(0.005)
            return
        for key, _ in self._selector.select(wait_s):
            self._take(key.fd)

    def read_rest(self) -> None:
        while self._selector.get_map() and (ready := self._selector.select(0)):
            for key, _ in ready:
                self._take(key.fd)
        for fd, rest in self._rests.items():
            if rest:
                self._hearers[fd](rest.decode(errors="replace"))

    def _take(self, fd: int) -> None:
        chunk = os.read(fd, 65_536)
        if not chunk:
            self._selector.unregister(fd)
            return
        *lines, rest = (bytes(self._rests[fd]) + chunk if b"\n" in chunk else b"").split(b"\n")
        if b"\n" in chunk:
            self._rests[fd] = bytearray(rest)
        else:
            self._rests[fd] += chunk
        if fd != self._stdout_fd:  # a line that never ends must not fill the memory
            self.stderr = (self.stderr + chunk)[-STDERR_BYTES:]
            self._rests[fd] = self._rests[fd][-STDERR_BYTES:]
        elif len(self._rests[fd]) > LINE_BYTES:
            raise FfmpegFailed(f"a line of its output has more than {LINE_BYTES} bytes")
        for line in lines:
            self._hearers[fd](line.decode(errors="replace"))

    def close(self) -> None:
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()
