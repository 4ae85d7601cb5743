"""A helper that has no folder in common with the owner of a long encoding or transcription: it fetches the source, makes the
pieces that the owner gives it in a folder of its own, and sends them through the web app (storage/far_help.py)."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pod_jobs.errors import PodJobsError, Superseded, TransientError
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.far_owner import SILENCE_S
from pod_jobs.storage import Run
from pod_jobs.system import plain_files

ASK_S = 1.0  # between two signs of life
JOIN_S = 3.0
WAIT_S = 20.0  # a helper waits this long for its next piece: the owner may still be taking in the one that it has made


@dataclass(frozen=True)
class Making:
    """How pieces are made: how many there are, and the files of one. `make(source, number, watch)` makes a piece and returns the
    folder with its files; it calls `watch(how much of it there is)` at least every few seconds, and what that raises goes up."""

    pieces: int
    names: Iterable[str]
    make: Callable[[Path, int, Callable[[int], None]], Path]


# (the helper's folder, what every helper must know) -> how to make pieces; None: this host cannot
Prepare = Callable[[Path, str], Making | None]


def help_from_afar(
    context: Context, run: Run, prepare: Prepare, tick: Callable[[], object], may_go_on: Callable[[], bool]
) -> int:
    """Make pieces of `run` until there are none, or `may_go_on` returns False after one; returns how many. Errors: those of
    `tick`, of `prepare` and of storage; Superseded when the run is over or its owner has taken a piece back."""
    helper, key, instructions = _join(context, run, tick)
    run = replace(run, key=key)
    work: _Helper | None = None
    try:
        with context.far_help.place(helper) as place:
            making = prepare(place, instructions)
            if making is None:
                return 0
            source = context.storage.source(run, run.source, lambda: _give_way(tick, may_go_on))
            work = _Helper(context, run, helper, making, tick, may_go_on)
            count = 0
            while work.make_one(source):
                count += 1
            return count
    finally:
        if work is None or not work.has_sent:
            with suppress(PodJobsError):
                context.far_help.drop(run, helper)


def _join(context: Context, run: Run, tick: Callable[[], object]) -> tuple[str, str, str]:
    """As FarHelp.join; repeated for some seconds, because the owner calls its helpers and the web app at the same time."""
    deadline = time.monotonic() + JOIN_S
    while True:
        try:
            return context.far_help.join(run)
        except Superseded:
            if time.monotonic() > deadline:
                raise
        tick()
        time.sleep(ASK_S / 2)


def _give_way(tick: Callable[[], object], may_go_on: Callable[[], bool]) -> None:
    if tick() and not may_go_on():
        raise Superseded("a task waits")


@dataclass
class _Helper:
    context: Context
    run: Run
    helper: str
    making: Making
    tick: Callable[[], object]
    may_go_on: Callable[[], bool]
    has_sent: bool = False  # its last piece, which the owner may still be taking in
    _heard: float = 0.0  # when the web app answered last
    _next_note: float = 0.0

    def make_one(self, source: Path) -> bool:
        """Make and send the next piece. False when the owner has none, or a task waits."""
        number = self._ask()
        if number is None:
            return False

        def watch(done: int) -> None:
            self._note(number, done)

        watch(0)
        piece_folder = self.making.make(source, number, watch)
        self.context.far_help.send(self.run, self.helper, piece_folder, self.making.names, self.tick)
        self.has_sent = True
        plain_files.remove(piece_folder)
        return True

    def _ask(self) -> int | None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self.may_go_on():
            self.tick()
            try:
                number = self.context.far_help.note(self.run, self.helper, None)
            except TransientError:
                number = None
            if number is not None and number < self.making.pieces:
                self._heard, self.has_sent = time.monotonic(), False
                return number
            time.sleep(ASK_S / 2)
        return None

    def _note(self, number: int, done: int) -> None:
        """Tell the owner how far the piece is. Errors: Superseded when it is no longer this helper's."""
        self.tick()
        if time.monotonic() < self._next_note:
            return
        try:
            assigned = self.context.far_help.note(self.run, self.helper, number, done)
        except TransientError as error:
            if time.monotonic() - self._heard > SILENCE_S:
                raise Superseded(f"the owner has heard nothing for {SILENCE_S:.0f} s: {error.reason}") from error
        else:
            self._heard = time.monotonic()
            if assigned != number:
                raise Superseded(f"piece {number} was taken back")
        self._next_note = time.monotonic() + ASK_S
