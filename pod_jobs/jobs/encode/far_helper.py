"""A helper that has no folder in common with the owner of a long encoding: it fetches the source, encodes the chunks that the
owner gives it in a folder of its own, and sends them through the web app (storage/far_help.py)."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pod_jobs.errors import PodJobsError, Superseded, TransientError
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.encode.far_owner import SILENCE_S
from pod_jobs.media.planning.places import SEEKABLE
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Run
from pod_jobs.system import plain_files

ASK_S = 1.0  # between two signs of life
JOIN_S = 3.0
WAIT_S = 20.0  # so long a helper waits for a chunk: the owner may be taking in what it has just made


def help_from_afar(
    context: Context, run: Run, tools: Tools, tick: Callable[[], object], may_go_on: Callable[[], bool]
) -> int:
    """Encode chunks of `run` until there are none, or `may_go_on` returns False after one; returns how many. Errors: those of
    `tick`, of media.encode and of storage; Superseded when the run is over or its owner has taken a chunk back."""
    helper, key, said = _join(context, run, tick)
    run = replace(run, key=key)
    work: _Helper | None = None
    try:
        with context.far_help.place(helper) as place:
            plain_files.write_text(place / chunks.LAYOUT, said)
            layout = chunks.read_layout(place)
            if layout is None or layout.ffmpeg != tools.version or layout.demuxer not in SEEKABLE:
                return 0
            own_limits = replace(layout.limits, memory_mb=context.settings.encode.memory_mb)
            source = context.storage.source(run, run.source, lambda: _give_way(tick, may_go_on))
            work = _Helper(context, run, helper, replace(layout, limits=own_limits), tools, tick, may_go_on)
            count = 0
            while work.make_one(place, source):
                count += 1
            return count
    finally:
        if work is None or not work.has_sent:
            with suppress(PodJobsError):
                context.far_help.drop(run, helper)


def _join(context: Context, run: Run, tick: Callable[[], object]) -> tuple[str, str, str]:
    """As FarHelp.join; for some seconds repeated, because the owner calls its helpers and the web app at the same time."""
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
    layout: chunks.Layout
    tools: Tools
    tick: Callable[[], object]
    may_go_on: Callable[[], bool]
    has_sent: bool = False  # its last chunk, which the owner may still be taking in
    _heard: float = 0.0  # when the web app answered last
    _next_note: float = 0.0

    def make_one(self, place: Path, source: Path) -> bool:
        """Encode and send the next chunk. False when the owner has none, or a task waits."""
        number = self._ask()
        if number is None:
            return False

        def watch(frames: int) -> None:
            self._note(number, frames)

        watch(0)
        chunks.encode_chunk(place, source, self.layout, self.layout.chunks[number], self.tools, watch)
        made = place / chunks.name_of(number)
        self.context.far_help.send(self.run, self.helper, made, chunks.files_of_chunk(self.layout), self.tick)
        self.has_sent = True
        plain_files.remove(made)
        return True

    def _ask(self) -> int | None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self.may_go_on():
            self.tick()
            try:
                number = self.context.far_help.note(self.run, self.helper, None)
            except TransientError:
                number = None
            if number is not None and number < len(self.layout.chunks):
                self._heard, self.has_sent = time.monotonic(), False
                return number
            time.sleep(ASK_S / 2)
        return None

    def _note(self, number: int, frames: int) -> None:
        """Tell the owner how far the chunk is. Errors: Superseded when it is no longer this helper's."""
        self.tick()
        if time.monotonic() < self._next_note:
            return
        try:
            wanted = self.context.far_help.note(self.run, self.helper, number, frames)
        except TransientError as error:
            if time.monotonic() - self._heard > SILENCE_S:
                raise Superseded(f"the owner has heard nothing for {SILENCE_S:.0f} s: {error.reason}") from error
        else:
            self._heard = time.monotonic()
            if wanted != number:
                raise Superseded(f"chunk {number} was taken back")
        self._next_note = time.monotonic() + ASK_S
