"""The sound of a recording as samples, in parts: for speech recognition, which must never hold a whole lecture in memory."""

from collections.abc import Callable
from pathlib import Path

from pod_jobs.errors import BadSource
from pod_jobs.media.command.graph import added_up
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.process import exits, guard
from pod_jobs.media.process.progress import Position
from pod_jobs.media.process.run import Bounds, run
from pod_jobs.media.process.tools import Tools
from pod_jobs.system import plain_files

PART = "sound.pcm"
LEAST_WALL_S = 120.0
NORMAL = "loudnorm=I=-16:TP=-1.5:LRA=11"  # EBU R 128 at the loudness that Pod has


class SoundTrack:
    """One track of a file. `channels` is 2 for stereo, else 1: more channels than two are mixed.

    Each part is decoded by a process of its own into `folder`, and read from there.
    """

    def __init__(self, source: Path, media: MediaInfo, tools: Tools, limits: Limits, folder: Path) -> None:
        """The track that is marked as the default, else the first one. Errors: BadSource when there is none."""
        if not media.audio:
            raise BadSource("no sound track that decodes", code="source-no-sound")
        self._track = next((track for track in media.audio if track.default), media.audio[0])
        self.duration_s = media.duration_s
        self.channels = 2 if self._track.channels == 2 else 1
        self.tick: Callable[[], None] = lambda: None
        self.normalizes = False  # the loudness
        self._source = Source(str(source), media.demuxer, breaks_clock=media.breaks_clock)
        self._tools, self._limits, self._folder = tools, limits, folder

    def read(self, start_s: float, length_s: float, rate_hz: int) -> bytes:
        """Signed 16-bit little-endian samples, channels interleaved; fewer at the end of the recording. Where
        the track has nothing, there is silence. Errors: BadSource, FfmpegFailed, OutOfResources, DiskFull; what `tick` raises."""
        part = self._folder / PART
        argv = self._command(start_s, length_s, rate_hz)
        position = Position(self._limits.stall_s)
        bounds = Bounds(LEAST_WALL_S + length_s, self._limits.memory_mb, file_mb=200, grace_s=self._limits.grace_s)

        def watch() -> None:
            position.check()
            self.tick()

        try:
            locked_in = guard.sandboxed(self._tools.sandbox, argv, (Path(self._source.path),), self._folder)
            finished = run(locked_in, self._folder, bounds, position.read, watch, position.hear)
            failure = exits.error_of(finished, behind_bwrap=self._tools.sandbox.kind == "bwrap")
            if failure:
                raise failure
            expected_s = min(length_s, max(0.0, self.duration_s - start_s))
            return plain_files.read_bytes(part).ljust(round(expected_s * rate_hz) * 2 * self.channels, b"\0")
        finally:
            part.unlink(missing_ok=True)

    def _command(self, start_s: float, length_s: float, rate_hz: int) -> list[str]:
        from_zero = f"asetpts=PTS-{start_s:.3f}/TB," if self._source.keeps_clock else ""
        added = added_up(self._track)
        normal = f",{NORMAL},aresample={rate_hz}" if self.normalizes else ""
        return [
            *(
                self._tools.ffmpeg,
                "-nostdin",
                "-hide_banner",
                "-loglevel",
                "warning",
                "-nostats",
                "-progress",
                "pipe:1",
            ),
            *self._tools.input_options(self._limits),
            *("-ss", f"{start_s:.3f}", "-t", f"{length_s:.3f}", "-vn", "-sn", *self._source.opening),
            *(
                "-map",
                f"0:{self._track.index}",
                "-af",
                f"{added}{from_zero}aresample={rate_hz}:async=1:first_pts=0{normal}",
            ),
            *("-ac", str(self.channels), "-c:a", "pcm_s16le", "-f", "s16le", "-y", PART),
        ]
