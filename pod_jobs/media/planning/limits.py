"""What may be read of a foreign file, and how much time and memory that may take. Plain values."""

from dataclasses import dataclass

from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.cut import Range

RACING = ("theora",)  # with several threads ffmpeg 9.0 sometimes gives a later frame in the place of an earlier one
BROADCAST = ("mpegts", "mpeg")  # demuxers of streams whose clock may be set anew in the middle
# Makes ffmpeg believe the clock of such a stream. Otherwise it takes each pause of more than 10 s for a clock that was set
# anew, and version 5.1 also each shorter pause of a picture with B-frames: all that follows would come at a wrong time, so that
# a cut would show what was cut out. Where a clock really was set anew, probing/steady_clock.py has mended that before.
OWN_CLOCK = ("-copyts",)
FROM_ZERO = (
    "-start_at_zero",
)  # beside it, where the source does not say when it starts: time 0 is the start of the file


@dataclass(frozen=True)
class Limits:
    """Ceilings for one source. Times in seconds, memory in MB (10^6) of address space.

    The fields without a default are settings; settings.toml holds their defaults.
    """

    max_duration_s: int
    max_pixels: int
    wall_factor: float  # an encoding may take this many times the duration, and 10 min more
    stall_s: int  # without any progress
    memory_mb: int
    max_side_px: int = 10_000
    max_streams: int = 64
    probe_s: int = 60
    grace_s: float = 3.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Source:
    """A foreign file, and the demuxer with which the probe opened it: left alone, each build of ffmpeg may choose another.

    `ranges` are the parts to keep; (): all of it.
    """

    path: str
    demuxer: str
    ranges: tuple[Range, ...] = ()
    decoder: tuple[str, ...] = ()  # options that name another decoder than the usual one
    seek_s: float = 0.0  # reading begins at a key frame at or before that instant, which is time 0
    start_s: float | None = None  # of the file, by its own clock; None: ffmpeg finds it
    breaks_clock: bool = False  # its clock is set anew in the middle

    @property
    def keeps_clock(self) -> bool:
        """Whether OWN_CLOCK is needed, and right. It then goes for all inputs of the command, and so does FROM_ZERO."""
        return self.demuxer in BROADCAST and not self.breaks_clock

    @property
    def opening(self) -> list[str]:
        clock = (*OWN_CLOCK, *(FROM_ZERO if self.start_s is None else ())) if self.keeps_clock else ()
        return [*clock, "-f", self.demuxer, *self.decoder, "-i", f"file:{self.path}"]


def decoder_options(track: VideoTrack | None) -> tuple[str, ...]:
    """What stands before the `-i` of a file whose picture needs another decoder than the usual one, or one thread."""
    if track is None:
        return ()
    threads = (f"-threads:{track.index}", "1") if track.codec in RACING else ()
    return (*threads, *((f"-c:{track.index}", track.decoder) if track.decoder else ()))
