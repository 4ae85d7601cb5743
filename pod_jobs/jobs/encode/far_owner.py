"""The owner's side of help from workers that have no folder in common with it: a thread beside the encoding.

To the encoding, such a helper looks like one of this host. The thread holds the lock of the chunk that a helper makes, notes how
far it is, and puts the finished chunk into the folder that the workers of this host share (media/sharing/chunks.py). A chunk
is taken in only whole, with the sizes and sums that were announced, and after the checks that every chunk has to pass.

When a helper gives no sign of life, or sends something wrong, its chunk becomes free, and nothing that it sends later is read.
While the web app is away, there are no such helpers, and the encoding goes on.
"""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pod_jobs.errors import NotFound, PermanentError, PodJobsError, ResultRejected, Stopped, Superseded, TransientError
from pod_jobs.media.sharing import chunks
from pod_jobs.media_folder import PART
from pod_jobs.storage import Run
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.helpers_folder import HelperState
from pod_jobs.storage.received_run import Announced
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

LOOK_S = 1.0
FIRST_LOOK_S = 0.2  # between two looks whether the encoding is shared
SILENCE_S = 15.0  # a helper that gave no sign of life for so long has lost its chunk
END_S = 5.0  # so long the end of an encoding waits for the thread, which may wait for the web app
NOTE_BYTES = 64 * 1024  # most that a helper may say of what its chunk cost
ROOM = 4  # a chunk may be so many times larger than its renditions' highest rates allow …
ROOM_BYTES = 64_000_000  # … and this much more


@contextmanager
def with_far_helpers(far: FarHelp, run: Run, shared: Path) -> Iterator[None]:
    """In this block, workers on other hosts help with `run`, once its encoding is shared in the folder `shared`."""
    over = threading.Event()
    thread = threading.Thread(target=_FarOwner(far, run, shared).work, args=(over,), name="far helpers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(END_S)


@dataclass
class _Held:
    """A chunk that a helper makes. `locked` gives its lock back; `since`: when its sign of life was new."""

    number: int
    locked: ExitStack
    sign: str = ""
    since: float = field(default_factory=time.monotonic)


class _FarOwner:
    def __init__(self, far: FarHelp, run: Run, shared: Path) -> None:
        self._far, self._run, self._shared = far, run, shared
        self._layout: chunks.Layout | None = None
        self._held: dict[str, _Held] = {}

    def work(self, over: threading.Event) -> None:
        try:
            while not over.wait(FIRST_LOOK_S if self._layout is None else LOOK_S):
                try:
                    self._look(over)
                except (Stopped, NotFound, PermanentError) as error:
                    log.info("task %s: no more help from other hosts: %s", self._run.task, error)
                    return
                except (PodJobsError, OSError) as error:  # also when the encoding has just removed its folder
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
            if helper in self._held:
                self._follow(helper, state)
            else:
                self._meet(helper, state)

    def _is_called(self) -> bool:
        """Have helpers been called? They are as soon as there are chunks. Errors: Superseded when there are none any more."""
        layout = chunks.read_layout(self._shared)
        if layout is None:
            if self._layout is not None:
                raise Superseded("the chunks are joined")
            return False
        if self._layout is None:
            self._far.call(self._run, plain_files.read_bytes(self._shared / chunks.LAYOUT))
            self._layout = layout
        return True

    def _follow(self, helper: str, state: HelperState) -> None:
        number = self._held[helper].number
        if state.piece is None:  # it was not told, because the web app was away
            self._far.give(self._run, helper, number)
        elif state.files is not None:
            self._take_in(helper, number, state.files)
        elif state.at == number:
            note, text = self._path(number, ".frames"), f"{state.frames} far-{helper}"
            if chunks.read_note(note) != text:
                plain_files.write_text(note, text)

    def _free_silent(self, states: dict[str, HelperState] | None) -> None:
        """Free the chunks of helpers that left or are silent. `states`: None when the web app does not say them."""
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
        """Give a helper that wants one the next free chunk."""
        assert self._layout is not None  # noqa: S101  # `_is_called` made sure
        if not state.wants:
            if state.piece is not None:  # it was silent, or what it made was wrong
                self._far.drop(self._run, helper)
            return
        with ExitStack() as stack:
            number = stack.enter_context(chunks.claimed(self._shared, range(len(self._layout.chunks))))
            if number is None:
                return
            self._held[helper] = _Held(number, stack.pop_all(), state.sign)
        self._far.give(self._run, helper, number)

    def _take_in(self, helper: str, number: int, files: dict[str, Announced]) -> None:
        layout = self._layout
        assert layout is not None  # noqa: S101  # `_is_called` made sure
        folder = self._path(number, f"-far-{helper}{PART}")
        try:
            plain_files.remove(folder)
            _check_files(layout, number, files)
            folder.mkdir()
            self._far.fetch(self._run, helper, files, folder, lambda: None)
            cost = chunks.read_finished(folder)
            if not all(math.isfinite(value) and value >= 0 for value in (cost.wall_s, cost.cpu_s, cost.peak_mb)):
                raise ResultRejected("what the chunk cost is no number")
            chunks.check_chunk(folder, layout, layout.chunks[number])
            if not (self._shared / chunks.name_of(number)).exists():
                folder.rename(self._shared / chunks.name_of(number))
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
        log.info("task %s: chunk %s is no longer that of helper %s: %s", self._run.task, held.number, helper, why)

    def _end(self) -> None:
        for held in self._held.values():
            held.locked.close()
        try:
            if self._layout is not None:
                self._far.close(self._run)
        except PodJobsError as error:
            log.info("task %s: the folder of its helpers stays: %s", self._run.task, error)

    def _path(self, number: int, ending: str) -> Path:
        return self._shared / f"{chunks.name_of(number)}{ending}"


def _check_files(layout: chunks.Layout, number: int, files: dict[str, Announced]) -> None:
    """Errors: ResultRejected for other files than those of a chunk, and for far too large ones."""
    if files.keys() != chunks.files_of_chunk(layout) or files[chunks.FINISHED].bytes > NOTE_BYTES:
        raise ResultRejected("these are not the files of a chunk")
    lasts_s = layout.chunks[number].duration_s or layout.duration_s - layout.chunks[number].start_s
    usual = sum(one.rung.maxrate_kbps for one in layout.picture.renditions) * 125 * max(lasts_s, 1.0)
    if sum(one.bytes for one in files.values()) > ROOM * usual + ROOM_BYTES:
        raise ResultRejected("the files of the chunk are too large")
