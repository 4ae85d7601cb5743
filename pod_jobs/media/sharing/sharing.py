"""Shares the pass of a long picture with idle workers. This worker is the owner: it makes the layout, encodes chunks too,
joins all of them, and is responsible for the result.

1. The owner writes the layout into the shared folder and calls helpers. A helper that never comes, stops or dies costs
   nothing.
2. The sounds, and a top rendition that is copied, are one undivided pass beside the chunks.
3. Owner and helpers take the next free chunk in playing order. Finished chunks are checked and joined in playing order, so
   the beginning can be watched all the time.
4. A chunk that fails its check is made again, alone. If it fails again, the sharing ends with a PermanentError, and the
   caller encodes the source whole, which can say what is wrong with a damaged source.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import pod_jobs
from pod_jobs.errors import FfmpegFailed, PermanentError
from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.hls.master import EarlyMaster
from pod_jobs.media.planning.chunk_grid import grid_rate, plan_chunks
from pod_jobs.media.planning.codecs import CONTAINERS
from pod_jobs.media.planning.places import can_seek
from pod_jobs.media.planning.streams import Picture, Sound
from pod_jobs.media.process.progress import Position
from pod_jobs.media.sharing import chunks
from pod_jobs.media.sharing.joining import Joiner
from pod_jobs.media.work import Work, pass_bounds
from pod_jobs.system import plain_files

MOST_TRIES = 2  # of one chunk
CALL_S = 10.0  # between two looks for idle workers
LIVELY_S = 10.0  # a helper that noted no progress for so long is not counted
LOOK_S = 0.5  # between two looks at their progress
POLL_S = 0.1


class Team(Protocol):
    """Workers that may help. The methods never fail, but their answers may be out of date."""

    @property
    def shared(self) -> Path:
        """The folder, not made yet, that all of them see and no encoder can write to."""

    def idle(self) -> int:
        """How many have nothing to do."""

    def call(self, count: int) -> None:
        """Ask `count` workers to look into the shared folder."""


def can_share(work: Work, media: MediaInfo, picture: Picture | None) -> bool:
    """Is the source long enough, and may it be read from the middle?"""
    plan = work.plan
    return (
        picture is not None
        and bool(picture.encoded)
        and picture.encoder.name in chunks.PROCESSOR_ENCODERS
        and 0 < plan.share_from_s <= media.duration_s
        and not work.timeline.ranges
        and picture.scene is None
        and not media.is_cut_short
        and can_seek(media.demuxer, picture.track)
        and not work.reads_copy  # which helpers do not have
    )


def encode_shared(work: Work, media: MediaInfo, picture: Picture, sounds: Sequence[Sound], team: Team) -> bool:
    """Do the pass together with idle helpers. False, with nothing done, when nobody is idle.

    Errors: PermanentError when it does not work in chunks; OutOfResources; DiskFull; what the tick of `work` raises.
    """
    idle = team.idle()
    if idle < 1:
        return False
    rate = picture.rate or grid_rate(picture.track.base_fps)
    layout = chunks.Layout(
        demuxer=media.demuxer,
        program=pod_jobs.__version__,
        ffmpeg=work.tools.version,
        picture=replace(picture, renditions=picture.encoded, copies_top=False),
        encoder=picture.encoder.name,
        limits=work.plan.limits,
        segment_s=work.plan.segment_s,
        duration_s=media.duration_s,
        chunks=plan_chunks(media.duration_s, rate, work.plan.segment_s, work.plan.chunk_s, idle + 1),
        start_s=media.disputed_start_s,
    )
    work.journal.note(f"{len(layout.chunks)} chunks, {idle} idle workers")
    shared = team.shared
    chunks.write_layout(shared, layout)
    owner = _Owner(
        work,
        layout,
        shared,
        team,
        early=EarlyMaster(work.folder, picture, sounds),
        joiner=Joiner(work.folder, shared, layout),
        is_watchable=CONTAINERS[work.plan.container].keeps_stream,
    )
    try:
        with work.beside("encode", lambda side_work: _encode_apart(side_work, media, picture, sounds)) as side_pass:
            owner.run(side_pass)
    except PermanentError:
        chunks.clear(shared)
        raise
    chunks.clear(shared)
    return True


def _encode_apart(work: Work, media: MediaInfo, picture: Picture, sounds: Sequence[Sound]) -> None:
    """Encode what is not cut into chunks: the sounds, and a picture that is copied."""
    copied = None
    if picture.copies_top:
        copied = replace(picture, renditions=picture.renditions[-1:], decoded_elsewhere=True)
    if not (sounds or copied):
        return
    limits = work.plan.limits
    position = Position(limits.stall_s)

    def watch() -> None:
        position.check()
        work.report("encode", 0.0)

    argv = build_encode(work.tools, limits, work.as_source(media), copied, sounds, work.plan.segment_s)
    bounds = pass_bounds(limits, media.duration_s, copied)
    work.journal.run("encode apart", argv, bounds, position, watch, work.sources)
    if position.heard_of_damage:
        raise FfmpegFailed("the source is damaged")


@dataclass
class _Owner:
    work: Work
    layout: chunks.Layout
    shared: Path
    team: Team
    early: EarlyMaster
    joiner: Joiner
    is_watchable: bool
    _tries: Counter[int] = field(default_factory=Counter)
    _seen: dict[int, tuple[str, float]] = field(default_factory=dict)  # chunk -> its last note, since when
    _hopeless: PermanentError | None = None
    _next_call: float = 0.0
    _next_look: float = 0.0

    def run(self, side_pass: Future[None]) -> None:
        while not (self._is_done(side_pass) and self.joiner.complete):
            self._watch(side_pass)
            if self.joiner.complete or not self._take_one(side_pass):
                time.sleep(POLL_S)

    def _take_one(self, side_pass: Future[None]) -> bool:
        with chunks.claimed(self.shared, range(self.joiner.joined, len(self.layout.chunks))) as free:
            number = self._stalled() if free is None else free
            if number is None:
                return False
            try:
                chunk = self.layout.chunks[number]
                chunks.encode_chunk(
                    self.shared, self.work.source, self.layout, chunk, self.work.tools, lambda _: self._watch(side_pass)
                )
            except PermanentError as error:
                if error is self._hopeless:
                    raise
                self._failed(number, error)
        return True

    def _watch(self, side_pass: Future[None]) -> None:
        """Join, call helpers and report progress while chunks are encoded here and elsewhere. Raises what ends the work."""
        self._is_done(side_pass)
        while self._join_one():
            pass
        self.work.see(playable=self.is_watchable and self.early.write_when_ready())
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._look(now)
        frames = self.joiner.frames + self._frames_under_way()
        share = min(frames / self.layout.frames, 1.0)
        self.work.report("encode", share, share * self.layout.duration_s, self._workers(now))
        if now >= self._next_call:
            self._next_call = now + CALL_S
            self._call()

    def _is_done(self, side_pass: Future[None]) -> bool:
        try:
            return side_pass.done() and side_pass.result() is None
        except PermanentError as error:
            self._hopeless = error
            raise

    def _join_one(self) -> bool:
        try:
            finished = self.joiner.append_next()
        except PermanentError as error:
            self._failed(self.joiner.joined, error)
            return False
        if finished is None:
            return False
        if finished.damaged:
            self._hopeless = FfmpegFailed("the source is damaged")
            raise self._hopeless
        number = self.joiner.joined - 1
        self.work.journal.note(
            f"chunk {number} by {finished.worker}: {finished.wall_s:.2f} s, {finished.cpu_s:.2f} s of processor time"
        )
        self.work.journal.add(finished.cpu_s, finished.peak_mb, [] if number else [finished.command])
        return True

    def _failed(self, number: int, error: PermanentError) -> None:
        """Have a chunk that failed made again by any free worker, at most MOST_TRIES times."""
        self._tries[number] += 1
        self.work.journal.note(f"chunk {number}, try {self._tries[number]}: {error.reason}")
        if self._tries[number] >= MOST_TRIES:
            self._hopeless = error
            raise error
        self._seen.pop(number, None)  # the next worker to make it starts with a fresh clock
        plain_files.remove(self.shared / chunks.name_of(number))

    def _look(self, now: float) -> None:
        """Read the progress of the chunks under way."""
        notes = {int(path.stem): path for path in self.shared.glob("*.frames")}
        for number in range(self.joiner.joined, len(self.layout.chunks)):
            text = chunks.read_note(notes[number]) if number in notes else ""
            if text and self._seen.get(number, ("", 0.0))[0] != text:
                self._seen[number] = (text, now)

    def _frames_under_way(self) -> int:
        return sum(int(text.split()[0]) for number, (text, _) in self._seen.items() if number >= self.joiner.joined)

    def _workers(self, now: float) -> int:
        """How many workers take part: this one, and those that noted progress lately."""
        lively = {text.partition(" ")[2] for text, since in self._seen.values() if now - since < LIVELY_S}
        return len((lively - {""}) | {chunks.this_worker()})

    def _stalled(self) -> int | None:
        """The next chunk to be joined, if its worker makes no progress, for instance on a frozen host."""
        _, since = self._seen.setdefault(self.joiner.joined, ("0 ", time.monotonic()))
        return self.joiner.joined if time.monotonic() - since > self.work.plan.limits.stall_s else None

    def _call(self) -> None:
        unmade = sum(not (self.shared / chunks.name_of(n)).exists() for n in range(len(self.layout.chunks)))
        under_way = self._workers(time.monotonic())
        if unmade > under_way and (idle := self.team.idle()):
            self.team.call(min(idle, unmade - under_way))
