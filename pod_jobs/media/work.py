"""An encoding under way: its folder, tools, progress and remarks, which all of its steps share."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path

from pod_jobs.errors import FfmpegFailed, Interrupted, PermanentError
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.cut import Timeline
from pod_jobs.media.planning.limits import Limits, Source, decoder_options
from pod_jobs.media.planning.plan import EncodePlan, Remark
from pod_jobs.media.planning.scene import Feed
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media.process.journal import Journal
from pod_jobs.media.process.progress import Position, Progress, ProgressMeter, Step
from pod_jobs.media.process.run import Bounds, ProcessEnd
from pod_jobs.media.process.tools import Tools
from pod_jobs.media_folder import LOG_NAME, PART
from pod_jobs.system import plain_files

LEAST_WALL_S = 600  # shortest limit of wall time, for a source of any length
WAIT_S = 0.25  # between two reports while `Work.beside` waits for its thread


def pass_bounds(limits: Limits, duration_s: float, picture: Picture | None) -> Bounds:
    """Limits that only a runaway process reaches: wall time by duration and renditions, file size by bit rate."""
    rungs = [rendition.rung for rendition in picture.renditions] if picture else []
    kbps = max((rung.maxrate_kbps for rung in rungs), default=0) + 512
    return Bounds(
        wall_s=LEAST_WALL_S + limits.wall_factor * duration_s * max(len(rungs), 1),
        memory_mb=0 if picture and picture.encoder.maps_everything else limits.memory_mb,
        file_mb=int(1000 + 2 * kbps / 8000 * duration_s),
        grace_s=limits.grace_s,
    )


class Work:
    """What the steps of one encoding share, and the two ways in which a step can fail."""

    def __init__(
        self, source: Path, folder: Path, plan: EncodePlan, tools: Tools, tick: Callable[[Progress], None]
    ) -> None:
        self.source, self.folder, self.plan, self.tools = source, folder, plan, tools
        self.started = time.monotonic()
        self.journal = Journal(folder, tools)
        self.remarks: list[Remark] = []
        self.timeline = Timeline()
        self.sources: tuple[Path, ...] = (source,)  # all that the pass reads
        self._copies: list[Path] = []
        self.others: dict[str, Feed] = {}  # those of `sources` beside the recording: second, opening, ending
        self.first_playable_s: float | None = None
        self.duration_s: float | None = None  # of the result, about; None: not known yet
        self.is_video: bool | None = None
        self.report_to: Callable[[Step, float, float | None, int], None] = self._tell
        self._tick = tick
        self._meter = ProgressMeter()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def as_source(self, media: MediaInfo) -> Source:
        """The source, to be opened as the probe did."""
        return Source(
            str(self.source), media.demuxer, decoder=decoder_options(media.video), start_s=media.disputed_start_s
        )

    def report(self, step: Step, share: float, position_s: float | None = None, workers: int = 1) -> None:
        """Progress: `share` 0..1 of the step. Raises what ends the work."""
        self.report_to(step, share, position_s, workers)

    def _tell(self, step: Step, share: float, position_s: float | None, workers: int) -> None:
        progress = self._meter.at(step, share, position_s, self.first_playable_s is not None, workers)
        source_s = None if self.timeline.ranges or self.others else self.duration_s
        self._tick(replace(progress, duration_s=self.duration_s, is_video=self.is_video, source_s=source_s))

    def see(self, *, playable: bool) -> None:
        """Note whether the beginning can be watched already."""
        if playable and self.first_playable_s is None:
            self.first_playable_s = self.elapsed_s

    def remark(self, code: str, reason: str, **facts: str) -> None:
        """Note a remark for the person, but only once: a pass that starts again meets the same damage."""
        if (code, facts) not in [(remark.code, remark.facts) for remark in self.remarks]:
            self.remarks.append(Remark(code, reason, facts))
        self.journal.note(f"{code} {reason} {facts or ''}")

    def side(self, step: Step, argv: list[str], duration_s: float, source: Path | None = None) -> ProcessEnd:
        """Run a short command beside the pass, with limits. It reads `source`; without one, only files that we wrote."""
        limits = self.plan.limits
        position = Position(limits.stall_s)
        bounds = Bounds(LEAST_WALL_S + duration_s, limits.memory_mb, int(1000 + duration_s * 5), limits.grace_s)

        def watch() -> None:
            position.check()
            self.report(step, (position.seconds or 0.0) / max(duration_s, 0.1))

        return self.journal.run(step, argv, bounds, position, watch, (source,) if source else ())

    def new_copy(self) -> Path:
        """Where a copy of a source may be written that is easier to read than the source."""
        self._copies.append(self.folder / f"copy-{len(self._copies) + 1}{PART}")
        return self._copies[-1]

    @property
    def reads_copy(self) -> bool:
        return self.source in self._copies

    def forget_copies(self) -> None:
        for path in self._copies:
            plain_files.remove(path)

    def start_again(self, reason: str) -> None:
        """Empty the folder except for the log. What could be watched no longer can."""
        self.journal.note(reason)
        for path in self.folder.iterdir():
            if path.name != LOG_NAME and path not in self._copies:
                plain_files.remove(path)
        self.first_playable_s = None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """In this block, a result check that fails while the disk is full is reported as DiskFull."""
        try:
            yield
        except FfmpegFailed as error:
            self.journal.note(error.reason)
            raise self.journal.explained(error) from error

    @contextmanager
    def forgiven(self, code: str) -> Iterator[None]:
        """In this block, a permanent failure becomes the remark `code`; a full disk or a cancel still goes up."""
        try:
            with self.explained():
                yield
        except PermanentError as error:
            self.remark(code, error.reason)

    @contextmanager
    def beside(self, step: Step, action: "Callable[[Work], None]") -> Iterator[Future[None]]:
        """Run `action` on a thread beside the body of the block. Its costs and remarks are added; what it raises goes up when
        the body has ended. If the body fails, the action is ended.

        The kernel ends a process together with the thread that started it, so the thread stays as long as its processes.
        """
        notes = _Notes(step)
        side_work = copy(self)  # the same work with costs and remarks of its own
        side_work.journal, side_work.remarks, side_work.report_to = Journal(self.folder, self.tools), [], notes.take
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(action, side_work)
            try:
                yield future
                while not future.done():
                    wait([future], WAIT_S)
                    self.report(*notes.latest)
            except BaseException:
                notes.is_over.set()
                raise
        future.result()
        self.journal.add(side_work.journal.cpu_s, side_work.journal.peak_mb, side_work.journal.commands)
        self.remarks += side_work.remarks


class _Notes:
    """What a step on a thread says of its progress, for the main thread: only that one may call the caller's tick."""

    def __init__(self, step: Step) -> None:
        self.latest: tuple[Step, float] = (step, 0.0)
        self.is_over = threading.Event()

    def take(self, step: Step, share: float, position_s: float | None = None, workers: int = 1) -> None:
        self.latest = (step, share)
        if self.is_over.is_set():
            raise Interrupted("what it was beside has ended")
