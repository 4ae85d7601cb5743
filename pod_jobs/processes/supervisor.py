"""Keeps the child processes of one Procfile line alive, and ends them in good order.

The life of a line:
1. The line's process is this supervisor. It is small, and has one thread and no signal handler: it blocks signals and waits
   for them. It forks its children. Each child leads a process group of its own, so that a signal from the terminal or from
   honcho to the line's group reaches only the supervisor.
2. A child that ends, for whatever reason, is started again after 0.2 s, 0.4 s … 10 s. After a minute of life the wait
   begins anew. Processes that a child left behind, in its process group or outside, are killed.
3. At SIGTERM or SIGINT, or when the starter of the line is gone, `before_stop` runs. Then the children get SIGTERM and
   `stop_s` seconds, those that are left get SIGKILL, and the supervisor exits with 0. It never exits in another way,
   because honcho would then end all lines.
4. At SIGUSR1 the line is made anew from the settings. Each child is told so by the signal `renew_by`: workers end after
   their present job, and the next ones have the new settings. Faulty settings change nothing.
5. A line with more than one possible number of workers begins with the fewest. When a worker sees a job that none takes, one
   more is started; when one has had no job for IDLE_S, it is told to end, as in 4.
6. If the supervisor itself is killed, the kernel sends SIGTERM to its children.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from pod_jobs.errors import SettingsError
from pod_jobs.system.crew_board import MOST_CHILDREN, CrewBoard
from pod_jobs.system.process_tree import adopt_orphans, die_with_parent, end_adopted, parent_and_grandparent

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
STABLE_S = 60.0  # a child that lived for so long is replaced after FIRST_WAIT_S
SETTLE_S = 5.0  # between two changes of the number of children: time for a new worker to start and to take its job
IDLE_S = 30.0  # a worker too many that has had no job for so long is ended
WATCH_S = 0.5  # between two checks whether the supervisor's own starter is alive
STOP = frozenset({signal.SIGTERM, signal.SIGINT})
RENEW = signal.SIGUSR1
WAITED_FOR = STOP | {signal.SIGCHLD, RENEW}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """One line of the Procfile: `count` children, each of which calls `run`. With a larger `most`, there are up to so many while
    jobs wait. All times in seconds."""

    name: str
    run: Callable[[], None]
    count: int = 1
    most: int = 0
    board: CrewBoard = field(default_factory=CrewBoard)  # what the children do
    stop_s: float = 4.0
    before_stop: Callable[[], None] | None = None
    watch_starter: bool = False  # end when parent or grandparent (honcho, and its reader of this line) is gone
    launcher: int | None = None  # the process that must be the grandparent from the beginning; None = not known
    holds: object = None  # a file whose lock lasts as long as the line
    renewed: "Callable[[], Line] | None" = None  # makes the line anew from the settings, or raises SettingsError
    renew_by: signal.Signals = signal.SIGTERM  # tells a child that the settings are new; it ends, or reads them itself


@dataclass
class Slot:
    """A slot for one child process, which may be empty."""

    number: int = 0  # on the board of its line
    pid: int = 0  # 0 = empty
    started_at: float = 0.0  # monotonic
    due_at: float = 0.0  # monotonic: when the next one may start
    wait_s: float = FIRST_WAIT_S
    renewing: bool = False  # its child was told that the settings are new
    surplus: bool = False  # the line has fewer children by now: nothing follows this one

    def vacate(self, now: float) -> float:
        """Empty the slot after its child has ended. Returns how many seconds the child lived."""
        lived_s = now - self.started_at
        if lived_s >= STABLE_S:
            self.wait_s = FIRST_WAIT_S
        self.pid = 0
        if self.renewing:  # it ended because it was told to
            self.renewing, self.wait_s, self.due_at = False, FIRST_WAIT_S, now
            return lived_s
        self.due_at = now + self.wait_s
        self.wait_s = min(self.wait_s * 2, LONGEST_WAIT_S)
        return lived_s


@dataclass
class Crew:
    """A line as it is now, and its children."""

    line: Line
    slots: list[Slot] = field(default_factory=list)
    wanted: int = 0  # how many children there should be
    changed_at: float = 0.0  # monotonic: when `wanted` last changed

    def scale(self, now: float) -> None:
        """Change the number of children by one, if what they say on the board calls for it."""
        line = self.line
        before = self.wanted = min(max(self.wanted, line.count), max(line.count, line.most))
        if now - self.changed_at < SETTLE_S:
            return
        asked_at = line.board.asked_at
        if asked_at > self.changed_at and self.wanted < line.most:
            self.wanted += 1
        elif self.wanted > line.count and now - asked_at > IDLE_S and (slot := self._idle(now)):
            self.wanted -= 1
            self.slots.remove(slot)
            self.slots.append(slot)  # the last ones are those too many
            _tell(slot, line.renew_by)
        if self.wanted != before:
            self.changed_at = now
            log.info("%s: %d processes now", line.name, self.wanted)

    def _idle(self, now: float) -> Slot | None:
        """A child that has had no job for IDLE_S."""
        waits = [
            (self.line.board.idle_since(slot.number), slot) for slot in self.slots if slot.pid and not slot.renewing
        ]
        return next((slot for since, slot in waits if 0 < since < now - IDLE_S), None)

    def resize(self) -> None:
        """Have as many slots as are wanted. Slots too many go as soon as they are empty."""
        count = self.wanted
        for position, slot in enumerate(self.slots):
            slot.surplus = position >= count
        self.slots = [slot for slot in self.slots if slot.pid or not slot.surplus]
        free = sorted(set(range(MOST_CHILDREN)) - {slot.number for slot in self.slots})
        self.slots += [Slot(number) for number in free[: max(0, count - len(self.slots))]]


def supervise(line: Line) -> None:
    """Run the line until it is told to stop. Each child calls `line.run` and exits, without running the caller's code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    adopt_orphans()
    gc.freeze()  # else the garbage collector would make each child copy the memory of imported modules
    crew = Crew(line)
    if _in_child(crew):
        crew.line.run()
        sys.exit(0)
    _stop(crew.line, crew.slots)


def _in_child(crew: Crew) -> bool:
    """Keep the crew complete. Returns True in every new child, and False in the supervisor when it is time to stop."""
    starter = parent_and_grandparent()
    while True:
        crew.scale(monotonic())
        crew.resize()
        if not _fill(crew):
            return True
        signum = _next_signal(crew.slots)
        if signum in STOP:
            return False
        if signum == RENEW:
            _renew(crew)
        line = crew.line
        if line.watch_starter and (line.launcher not in (None, *starter) or parent_and_grandparent() != starter):
            log.warning("%s: the process that started this line is gone; stopping", line.name)
            return False
        for slot in _with_ended_child(crew.slots):
            _vacate(line, slot)
        end_adopted(own=[slot.pid for slot in crew.slots])


def _vacate(line: Line, slot: Slot) -> None:
    pid, status = os.waitpid(slot.pid, 0)
    if slot.renewing:
        log.info("%s: process %d has ended, as it was told", line.name, pid)
        slot.vacate(monotonic())
        return
    lived_s = slot.vacate(monotonic())
    wait_s = slot.due_at - monotonic()
    words = "%s: process %d %s after %.0f s; the next one starts in %.1f s"
    log.warning(words, line.name, pid, describe(status), lived_s, wait_s)


def _renew(crew: Crew) -> None:
    """Make the line anew, and tell its children."""
    line = crew.line
    if line.renewed is None:
        return
    try:
        crew.line = line.renewed()
    except SettingsError as error:
        log.error("%s: the settings are faulty, and stay as they were: %s", line.name, error.reason)
        return
    for slot in crew.slots:
        if slot.pid:
            _tell(slot, line.renew_by)
    log.info("%s: new settings", line.name)


def _tell(slot: Slot, renew_by: signal.Signals) -> None:
    """Tell a child to end after what it does, or to read the settings itself."""
    slot.renewing = renew_by != signal.SIGHUP  # gunicorn stays, and renews its own children
    os.kill(slot.pid, renew_by)


def _fill(crew: Crew) -> bool:
    """Start the children that are due. False in a new child."""
    supervisor, board = os.getpid(), crew.line.board
    for slot in crew.slots:
        if slot.pid or slot.due_at > monotonic():
            continue
        slot.started_at = monotonic()
        board.say_busy(slot.number)
        slot.pid = os.fork()
        if slot.pid == 0:
            board.number = slot.number
            os.setpgid(0, 0)  # done by the child itself, and so before `run`
            die_with_parent(supervisor, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
            return False
    return True


def _next_signal(slots: list[Slot]) -> int:
    """Wait for a signal, or until something else is due (0)."""
    due = [slot.due_at - monotonic() for slot in slots if not slot.pid]
    info = signal.sigtimedwait(WAITED_FOR, max(0.0, min([WATCH_S, *due])))
    return info.si_signo if info else 0


def _with_ended_child(slots: list[Slot]) -> list[Slot]:
    """The slots whose child has ended and is not reaped yet. The rest of its process group is killed."""
    ended = [
        slot
        for slot in slots
        if slot.pid and os.waitid(os.P_PID, slot.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    ]
    for slot in ended:
        _kill_group(slot.pid)  # before it is reaped, while no other process can get its id
    return ended


def _stop(line: Line, slots: list[Slot]) -> None:
    if line.before_stop:
        line.before_stop()
    living = [slot for slot in slots if slot.pid]
    for slot in living:
        os.kill(slot.pid, signal.SIGTERM)  # its id cannot be another process's: only we reap it
    deadline = monotonic() + line.stop_s
    while living and (left_s := deadline - monotonic()) > 0:
        for slot in _with_ended_child(living):
            os.waitpid(slot.pid, 0)
            living.remove(slot)
        if living:
            signal.sigtimedwait({signal.SIGCHLD}, min(left_s, WATCH_S))
    for slot in living:
        log.warning("%s: process %d did not end within %.1f s; killed", line.name, slot.pid, line.stop_s)
        _kill_group(slot.pid)
        os.waitpid(slot.pid, 0)
    end_adopted(patience_s=WATCH_S)


def _kill_group(leader: int) -> None:
    """Send SIGKILL to a child that is not reaped yet, and to what it started."""
    os.kill(leader, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it was too young to lead a group
        os.killpg(leader, signal.SIGKILL)


def describe(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"
