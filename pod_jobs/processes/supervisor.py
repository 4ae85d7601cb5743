"""Keeps the child processes of one Procfile line alive, and ends them in good order.

Life of a line:
1. The line's process is this supervisor: small, one thread, no signal handler (signals are blocked and waited for). It forks its
   children. Each leads a process group of its own, so that what a terminal or honcho sends to the line's group
   reaches the supervisor alone.
2. A child that ends, for whatever reason, is started again after 0.2 s, 0.4 s … 10 s; a minute of life resets the
   wait. What it left, in its process group or out of it, is killed.
3. SIGTERM, SIGINT, or the one who started the line is gone: `before_stop` runs, the children get SIGTERM and `stop_s` seconds,
   then what is left gets SIGKILL, and the supervisor exits 0. It never exits otherwise: honcho would end everything.
4. The supervisor itself is killed: the kernel sends its children SIGTERM.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from pod_jobs.system.process_tree import adopt_orphans, die_with_parent, end_adopted, parent_and_grandparent

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
STABLE_S = 60.0  # a child that lived so long starts again after the first wait
WATCH_S = 0.5  # how often the supervisor looks whether its own starter is alive
STOP = frozenset({signal.SIGTERM, signal.SIGINT})
WAITED_FOR = STOP | {signal.SIGCHLD}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """One line of the Procfile: `count` children, each of which calls `run`. All times in seconds."""

    name: str
    run: Callable[[], None]
    count: int = 1
    stop_s: float = 4.0
    before_stop: Callable[[], None] | None = None
    watch_starter: bool = False  # end when parent or grandparent is gone: honcho, and its reader of this line
    holds: object = None  # a file whose lock lasts as long as the line


@dataclass
class Place:
    """Room for one child."""

    pid: int = 0  # 0 = nobody lives here
    started_at: float = 0.0  # monotonic
    due_at: float = 0.0  # monotonic: when the next one may start
    wait_s: float = FIRST_WAIT_S

    def vacate(self, now: float) -> float:
        """The child has ended. Returns how long it lived."""
        lived_s = now - self.started_at
        if lived_s >= STABLE_S:
            self.wait_s = FIRST_WAIT_S
        self.pid = 0
        self.due_at = now + self.wait_s
        self.wait_s = min(self.wait_s * 2, LONGEST_WAIT_S)
        return lived_s


def supervise(line: Line) -> None:
    """Run the line until it is told to stop. In each child: call `line.run`, then exit; nothing of the caller's runs there."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    adopt_orphans()
    gc.freeze()  # or the collector's marks make each child copy the pages of all that is imported here
    places = [Place() for _ in range(line.count)]
    if _in_child(line, places):
        line.run()
        sys.exit(0)
    _stop(line, places)


def _in_child(line: Line, places: list[Place]) -> bool:
    """Keeps `places` filled. Returns True in every new child, and False here when it is time to stop."""
    starter = parent_and_grandparent()
    while True:
        if not _fill(places):
            return True
        if _next_signal(places) in STOP:
            return False
        if line.watch_starter and parent_and_grandparent() != starter:
            log.warning("%s: the process that started this line is gone; stopping", line.name)
            return False
        for place in _vacated(places):
            pid, status = os.waitpid(place.pid, 0)
            lived_s = place.vacate(monotonic())
            log.warning(
                "%s: process %d %s after %.0f s; the next one starts in %.1f s",
                line.name,
                pid,
                describe(status),
                lived_s,
                place.due_at - monotonic(),
            )
        end_adopted(own=[place.pid for place in places])


def _fill(places: list[Place]) -> bool:
    """Start what is due. False in the new child."""
    supervisor = os.getpid()
    for place in places:
        if place.pid or place.due_at > monotonic():
            continue
        place.started_at = monotonic()
        place.pid = os.fork()
        if place.pid == 0:
            os.setpgid(0, 0)  # here, because only then is it certain before `run`
            die_with_parent(supervisor, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
            return False
    return True


def _next_signal(places: list[Place]) -> int:
    """Wait for a signal, or until something else is due (0)."""
    due = [place.due_at - monotonic() for place in places if not place.pid]
    info = signal.sigtimedwait(WAITED_FOR, max(0.0, min([WATCH_S, *due])))
    return info.si_signo if info else 0


def _vacated(places: list[Place]) -> list[Place]:
    """The places whose child has ended, still to be reaped; the rest of its process group is killed."""
    ended = [
        place
        for place in places
        if place.pid and os.waitid(os.P_PID, place.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    ]
    for place in ended:
        _kill_group(place.pid)  # before it is reaped: until then nobody else can have its number
    return ended


def _stop(line: Line, places: list[Place]) -> None:
    if line.before_stop:
        line.before_stop()
    living = [place for place in places if place.pid]
    for place in living:
        os.kill(place.pid, signal.SIGTERM)  # a zombie at the worst: only we reap
    deadline = monotonic() + line.stop_s
    while living and (left_s := deadline - monotonic()) > 0:
        for place in _vacated(living):
            os.waitpid(place.pid, 0)
            living.remove(place)
        if living:
            signal.sigtimedwait({signal.SIGCHLD}, min(left_s, WATCH_S))
    for place in living:
        log.warning("%s: process %d did not end within %.1f s; killed", line.name, place.pid, line.stop_s)
        _kill_group(place.pid)
        os.waitpid(place.pid, 0)
    end_adopted(patience_s=WATCH_S)


def _kill_group(leader: int) -> None:
    """SIGKILL to a child that is not reaped yet, and to what it started."""
    os.kill(leader, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it was too young to lead a group
        os.killpg(leader, signal.SIGKILL)


def describe(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"
