"""One source file -> everything a video page plays, in one folder.

1. Probe the source in a child process; refuse it with a sentence, or plan its ladder.
2. One ffmpeg pass: all renditions as HLS that can be watched while it grows, the sound once, the MP3.
   The master playlist appears with the first segments.
3. Check what the pass wrote, write the master playlist again from measured sizes.
4. Downloads by copying frames into MP4; checked against the HLS.
5. Thumbnails and storyboard; a failure here is a warning.
Each command is in encoding.log. The caller owns the folder: publishes it by renaming, or throws it away.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pod_jobs.errors import BadSource, DiskFull, FfmpegFailed, PermanentError
from pod_jobs.media import images, ladder, master, results
from pod_jobs.media.ffmpeg import AUDIO, Picture, Sound, build_encode, build_package
from pod_jobs.media.guard import Limits
from pod_jobs.media.journal import Journal
from pod_jobs.media.ladder import Rendition
from pod_jobs.media.outputs import Output, list_outputs
from pod_jobs.media.probe import LEAST_SHARE, MediaInfo, clock, facts_of, find_damage, probe
from pod_jobs.media.progress import Pace, Position, Progress
from pod_jobs.media.run import Bounds
from pod_jobs.media.tools import Tools

__all__ = ["EncodePlan", "Encoded", "Progress", "Remark", "encode"]

LEAST_WALL_S = 600  # of a wall limit, however short the source
MONO_SHARE = 2 / 3  # of a stereo bit rate


@dataclass(frozen=True)
class EncodePlan:
    """What to make of a source. Times in seconds; `segment_s` a multiple of `keyframe_s`."""

    renditions: tuple[Rendition, ...]
    limits: Limits = field(default_factory=Limits)
    segment_s: int = 4
    keyframe_s: int = 2
    mp3_kbps: int = 128
    max_fps: int = 60


@dataclass(frozen=True)
class Remark:
    """What the lecturer should know about a video that is ready nevertheless; `code` is one of errors.SENTENCES."""

    code: str
    reason: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """What came of a source. `facts` are those of the source; plain values throughout (dataclasses.asdict, JSON)."""

    outputs: tuple[Output, ...]
    duration_s: float
    is_video: bool
    facts: dict[str, Any]
    warnings: tuple[Remark, ...]
    first_playable_s: float
    wall_s: float
    cpu_s: float
    peak_mb: float
    commands: tuple[str, ...]


def encode(source: Path, folder: Path, plan: EncodePlan, tools: Tools, tick: Callable[[Progress], None]) -> Encoded:
    """Encode `source` into the empty `folder`. `tick` is called at least twice a second; what it raises ends the work.

    BadSource, FfmpegFailed: a retry cannot help. FfmpegKilled, DiskFull: it can, in an empty folder.
    """
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    with _disk_full():
        return _Encoding(source.absolute(), folder.absolute(), plan, tools, tick).run()


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(str(error)) from error
        raise


class _Encoding:
    """One job of this module: what is known of it so far."""

    def __init__(
        self, source: Path, folder: Path, plan: EncodePlan, tools: Tools, tick: Callable[[Progress], None]
    ) -> None:
        self.source, self.folder, self.plan, self.tools, self.tick = source, folder, plan, tools, tick
        self.started = time.monotonic()
        self.pace = Pace()
        self.journal = Journal(folder, tools)
        self.remarks: list[Remark] = []
        self.first_playable_s: float | None = None
        self.damaged_s: float | None = None  # where the first fault of the source is

    def run(self) -> Encoded:
        media = self.probe()
        picture, sound = self.arrange(media)
        self.encode(media, picture, sound)
        found = self.check(media, picture, sound)
        self.package(picture, sound, found)
        duration_s = max(one.playlist.duration_s for one in found.values())
        self.make_pictures(media, picture, found)
        self.journal.note(f"ready after {time.monotonic() - self.started:.2f} s")
        return Encoded(
            outputs=list_outputs(self.folder, picture),
            duration_s=round(duration_s, 3),
            is_video=picture is not None,
            facts=facts_of(media),
            warnings=tuple(self.remarks),
            first_playable_s=round(self.first_playable_s or time.monotonic() - self.started, 2),
            wall_s=round(time.monotonic() - self.started, 2),
            cpu_s=round(self.journal.cpu_s, 2),
            peak_mb=round(self.journal.peak_mb, 1),
            commands=tuple(self.journal.commands),
        )

    def probe(self) -> MediaInfo:
        self.journal.note(
            f"source of {self.source.stat().st_size if self.source.exists() else 0} bytes, ffmpeg {self.tools.version}"
        )
        media = probe(self.source, self.tools, self.plan.limits, lambda: self.report("probe", 0.0))
        if media.is_cut_short:
            self.remark("warning-incomplete", "", present=clock(media.duration_s), claimed=clock(media.claimed_s or 0))
        for kind, word, left in (("video", "picture", media.video), ("audio", "sound", media.audio)):
            codecs = [codec for undecodable, codec in media.undecodable if undecodable == kind]
            if codecs and not left:
                self.remark(f"warning-no-{word}", f"does not decode: {', '.join(codecs)}")
        return media

    def arrange(self, media: MediaInfo) -> tuple[Picture | None, Sound | None]:
        """Which tracks become what."""
        plan, picture, sound = self.plan, None, None
        rungs = plan.renditions
        if media.video:
            renditions = ladder.build_ladder(media.video, plan.renditions)
            rungs = tuple(one.rung for one in renditions)
            picture = Picture(media.video, renditions, ladder.constant_rate(media.video, plan.max_fps), plan.keyframe_s)
        if media.audio:
            track = next((one for one in media.audio if one.default), media.audio[0])
            kbps = max(rung.audio_kbps for rung in rungs)
            sound = Sound(track, kbps if track.channels > 1 else int(kbps * MONO_SHARE), plan.mp3_kbps)
        return picture, sound

    def encode(self, media: MediaInfo, picture: Picture | None, sound: Sound | None) -> None:
        limits = self.plan.limits
        early = master.EarlyMaster(self.folder, picture, sound)
        position = Position(limits.stall_s)

        def watch() -> None:
            position.check()
            if early.write_when_ready() and self.first_playable_s is None:
                self.first_playable_s = time.monotonic() - self.started
            self.report("encode", _share(position, media, picture), position.seconds)

        argv = build_encode(self.tools, limits, str(self.source), picture, sound, self.plan.segment_s)
        names = [one.name for one in picture.renditions] if picture else [AUDIO]
        self.journal.run(f"encode {' '.join(names)}", argv, self.bounds(media, picture), position, watch, self.source)
        if position.heard_of_damage:
            index = picture.track.index if picture else sound.track.index if sound else 0
            self.damaged_s = find_damage(
                self.source, index, self.tools, limits, lambda: self.report("encode", 1.0, position.seconds)
            )

    def bounds(self, media: MediaInfo, picture: Picture | None) -> Bounds:
        """Limits that only a runaway meets: time by duration and renditions, file size by bit rate."""
        limits, rungs = self.plan.limits, [one.rung for one in picture.renditions] if picture else []
        kbps = max((rung.maxrate_kbps for rung in rungs), default=0) + 512
        return Bounds(
            wall_s=LEAST_WALL_S + limits.wall_factor * media.duration_s * max(len(rungs), 1),
            memory_mb=limits.memory_mb,
            file_mb=int(1000 + 2 * kbps / 8000 * media.duration_s),
            grace_s=limits.grace_s,
        )

    def check(self, media: MediaInfo, picture: Picture | None, sound: Sound | None) -> dict[str, results.Rendered]:
        """The files of the pass against each other and against the source; then the final master."""
        with self.explained():
            found = results.check_hls(self.folder, picture, sound)
            if sound:
                path = self.folder / f"{AUDIO}.mp3"
                results.check_mp3(path, self.plan.mp3_kbps, found[AUDIO].track.duration_s)
        present_s = max(one.playlist.duration_s for one in found.values())
        whole_s = media.duration_s
        if present_s < whole_s * LEAST_SHARE:
            raise BadSource(f"{present_s:.1f} s of {whole_s:.1f} s could be decoded", code="source-damaged")
        if present_s < whole_s - results.tolerance_s(whole_s):
            at_s = present_s if self.damaged_s is None else min(self.damaged_s, present_s)
            self.remark("warning-damaged", "", at=clock(at_s), present=clock(present_s), whole=clock(whole_s))
        elif self.damaged_s is not None:
            self.remark("warning-faults", "", at=clock(self.damaged_s), present=clock(present_s))
        master.write_measured(self.folder, picture, sound, found)
        return found

    def package(self, picture: Picture | None, sound: Sound | None, found: dict[str, results.Rendered]) -> None:
        wanted = [one for one in picture.renditions if one.rung.mp4] if picture else []
        if picture and not wanted:
            return
        argv = build_package(self.tools, [one.name for one in wanted], sound is not None)
        duration_s = max(one.playlist.duration_s for one in found.values())
        self.own("package", argv, duration_s)
        with self.explained():
            for one in wanted:
                results.check_mp4(self.folder / f"{one.name}.mp4", one, found)
            if not picture:
                results.check_mp4(self.folder / f"{AUDIO}.m4a", None, found)

    def make_pictures(self, media: MediaInfo, picture: Picture | None, found: dict[str, results.Rendered]) -> None:
        """The cover first, then thumbnails and storyboard. What fails is a remark."""
        thumbnails = 0
        if media.cover_index is not None:
            with self.forgiven():
                self.cover(media, media.cover_index)
                thumbnails = 1
        if picture:
            with self.forgiven():
                self.stills(picture, found[picture.renditions[0].name].playlist.duration_s, thumbnails)

    def cover(self, media: MediaInfo, index: int) -> None:
        name = "thumbnail_1.jpg"
        argv = images.build_cover(self.tools, self.plan.limits, str(self.source), index, name)
        self.own("pictures", argv, 1.0, self.source)
        results.check_pictures(self.folder, [name])

    def stills(self, picture: Picture, duration_s: float, thumbnails: int) -> None:
        names = [f"thumbnail_{thumbnails + n}.jpg" for n in range(1, len(images.THUMBNAILS_AT) + 1)]
        board = images.plan_storyboard(duration_s, picture.renditions[0], picture.keyframe_s)
        self.own(
            "pictures", images.build_pictures(self.tools, picture.renditions, duration_s, names, board), duration_s
        )
        if board:
            os.replace(self.folder / "storyboard_1.jpg", self.folder / board.sheets[0])
        results.check_pictures(self.folder, [*names, *(board.sheets if board else ())])
        if board:
            master.write_text(self.folder / "storyboard.vtt", images.build_vtt(board))

    def own(self, step: str, argv: list[str], duration_s: float, source: Path | None = None) -> None:
        """A command that reads what we wrote: short, but not without limits."""
        limits = self.plan.limits
        position = Position(limits.stall_s)
        bounds = Bounds(LEAST_WALL_S + duration_s, limits.memory_mb, int(1000 + duration_s * 5), limits.grace_s)

        def watch() -> None:
            position.check()
            self.report(step, (position.seconds or 0.0) / max(duration_s, 0.1))

        self.journal.run(step, argv, bounds, position, watch, source)

    def report(self, step: str, share: float, position_s: float | None = None) -> None:
        self.tick(self.pace.at(step, share, position_s, self.first_playable_s is not None))

    def remark(self, code: str, reason: str, **facts: str) -> None:
        self.remarks.append(Remark(code, reason, facts))
        self.journal.note(f"{code} {reason} {facts or ''}")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """A result check that fails on a full disk is a full disk."""
        try:
            yield
        except FfmpegFailed as error:
            self.journal.note(error.reason)
            raise self.journal.explained(error) from error

    @contextmanager
    def forgiven(self) -> Iterator[None]:
        """A permanent failure of an extra is a remark; a full disk or a cancel is not."""
        try:
            with self.explained():
                yield
        except PermanentError as error:
            self.remark("warning-pictures", error.reason)


def _share(position: Position, media: MediaInfo, picture: Picture | None) -> float:
    """Of the pass: frames over expected frames where there is a picture (sound runs ahead), else time."""
    duration_s = max(media.duration_s, 0.1)
    by_time = (position.seconds or 0.0) / duration_s
    if picture is None:
        return by_time
    frames = duration_s * (float(picture.rate) if picture.rate else picture.track.fps)
    return min(position.frames / max(frames, 1.0), by_time) if position.seconds is not None else 0.0
