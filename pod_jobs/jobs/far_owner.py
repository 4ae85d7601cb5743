"""The owner's side of help from workers that have no folder in common with it: a thread beside its own work.

To the owner, such a helper looks like one of this host. The thread holds the lock of the piece that a helper makes, notes how far
it is, and puts the finished piece into the folder that the workers of this host share (media/sharing/chunks.py, or
jobs/speech/sharing.py). A piece is taken in only whole, with the sizes and sums that were announced, and after the checks that
every piece has to pass.

When a helper gives no sign of life, or sends something wrong, its piece becomes free, and nothing that it sends later is read.
While the web app is away, there are no such helpers, and the owner goes on.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pod_jobs.errors import NotFound, PermanentError, PodJobsError, Stopped, Superseded, TransientError
from pod_jobs.media.sharing import chunks
from pod_jobs.media_folder import PART
from pod_jobs.storage import Run
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.helpers_folder import HelperState
from pod_jobs.storage.received_run import Announced
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at what the helpers do
FIRST_LOOK_S = 0.2  # between two looks whether there are pieces to share
SILENCE_S = 15.0  # a helper that gave no sign of life for so long has lost its piece
END_S = 5.0  # the end of a run waits this long for the thread, which may be waiting for the web app


@dataclass(frozen=True)
class Called:
    """What there is to help with: how many pieces, and what every helper must know. `check(number, files)` raises
    ResultRejected for files that are not those of this piece, before they are fetched. `take_in(folder, number)` checks them in
    a folder and puts the piece into that which the workers of this host share; whatever it raises ends the helper's work, but
    OSError and TransientError."""

    pieces: int
    said: bytes
    check: Callable[[int, Mapping[str, Announced]], None]
    take_in: Callable[[Path, int], None]


# A shared folder -> what there is to help with; None when there is nothing yet, or nothing any more
Look = Callable[[Path], Called | None]


@contextmanager
def with_far_helpers(far: FarHelp, run: Run, shared: Path, look: Look, note: str) -> Iterator[None]:
    """In this block, workers on other hosts help with `run`, once there is something to share in the folder `shared`. `note`: the
    ending of the names of notes in it."""
    over = threading.Event()
    owner = _FarOwner(far, run, shared, look, note)
    thread = threading.Thread(target=owner.work, args=(over,), name="far helpers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(END_S)


@dataclass
class _Held:
    """A piece that a helper makes. `locked` gives its lock back; `since`: when its sign of life was new."""

    number: int
    locked: ExitStack
    sign: str = ""
    since: float = field(default_factory=time.monotonic)


class _FarOwner:
    def __init__(self, far: FarHelp, run: Run, shared: Path, look: Look, note: str) -> None:
        self._far, self._run, self._shared = far, run, shared
        self._look_at, self._note = look, note
        self._called: Called | None = None
        self._held: dict[str, _Held] = {}

    def work(self, over: threading.Event) -> None:
        try:
            while not over.wait(FIRST_LOOK_S if self._called is None else LOOK_S):
                try:
                    self._look(over)
                except (Stopped, NotFound, PermanentError) as error:
                    log.info("task %s: no more help from other hosts: %s", self._run.task, error)
                    return
                except (PodJobsError, OSError) as error:  # also when the owner has just removed the folder
                    log.info("task %s: later: %s", self._run.task, error)
                    self._free_silent(None)
        finally:
            self._end()

    def _look(self, over: threading.Event) -> None:
        if not self._is_called():
            return
        states = self._far.states(self._run)
        self._free_silent(states)
        for helper, state in states.items():
            if over.is_set():
                return
            try:
                if helper in self._held:
                    self._follow(helper, state)
                else:
                    self._meet(helper, state)
            except Superseded:  # it has just left; if it is the run that is over, the next look at the states says so
                if helper in self._held:
                    self._free(helper, "it has left")

    def _is_called(self) -> bool:
        """Have helpers been called? They are as soon as there are pieces. Errors: Superseded when there are none any more."""
        called = self._look_at(self._shared)
        if called is None:
            if self._called is not None:
                raise Superseded("all pieces are made")
            return False
        if self._called is None:
            self._far.call(self._run, called.said)
            self._called = called
        return True

    def _follow(self, helper: str, state: HelperState) -> None:
        number = self._held[helper].number
        if state.piece is None:  # it was not told, because the web app was away
            self._far.give(self._run, helper, number)
        elif state.files is not None:
            self._take_in(helper, number, state.files)
        elif state.at == number:
            note, text = self._path(number, self._note), f"{state.frames} far-{helper}"
            if chunks.read_note(note) != text:
                plain_files.write_text(note, text)

    def _free_silent(self, states: dict[str, HelperState] | None) -> None:
        """Free the pieces of helpers that left or are silent. `states`: None when the web app does not say them."""
        now = time.monotonic()
        for helper, held in list(self._held.items()):
            state = (states or {}).get(helper)
            if states is not None and state is None:
                self._free(helper, "it has left")
            elif state is not None and (state.sign != held.sign or state.files is not None):
                held.sign, held.since = state.sign, now
            elif now - held.since > SILENCE_S:
                self._free(helper, "it is silent")

    def _meet(self, helper: str, state: HelperState) -> None:
        """Give a helper that wants one the next free piece."""
        assert self._called is not None  # noqa: S101  # `_is_called` made sure
        if not state.wants:
            if state.piece is not None:  # it was silent, or what it made was wrong
                self._far.drop(self._run, helper)
            return
        with ExitStack() as stack:
            number = stack.enter_context(chunks.claimed(self._shared, range(self._called.pieces)))
            if number is None:
                return
            self._held[helper] = _Held(number, stack.pop_all(), state.sign)
        self._far.give(self._run, helper, number)

    def _take_in(self, helper: str, number: int, files: dict[str, Announced]) -> None:
        called = self._called
        assert called is not None  # noqa: S101  # `_is_called` made sure
        folder = self._path(number, f"-far-{helper}{PART}")
        try:
            plain_files.remove(folder)
            called.check(number, files)
            folder.mkdir()
            self._far.fetch(self._run, helper, files, folder, lambda: None)
            called.take_in(folder, number)
        except (TransientError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever is in these files, it only ends the work of their helper
            self._free(helper, f"{type(error).__name__}: {error}")
            return
        finally:
            plain_files.remove(folder)
            if helper in self._held:
                self._held[helper].since = time.monotonic()
        self._held.pop(helper).locked.close()
        self._far.give(self._run, helper, None)

    def _free(self, helper: str, why: str) -> None:
        held = self._held.pop(helper)
        held.locked.close()
        log.info("task %s: piece %s is no longer that of helper %s: %s", self._run.task, held.number, helper, why)

    def _end(self) -> None:
        for held in self._held.values():
            held.locked.close()
        try:
            if self._called is not None:
                self._far.close(self._run)
        except PodJobsError as error:
            log.info("task %s: the folder of its helpers stays: %s", self._run.task, error)

    def _path(self, number: int, ending: str) -> Path:
        return self._shared / f"{chunks.name_of(number)}{ending}"
