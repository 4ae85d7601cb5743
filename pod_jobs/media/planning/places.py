"""Which input of a pass gives which frames and samples, and where they come to lie in the result. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pod_jobs.media.facts.media_info import AudioTrack, VideoTrack
from pod_jobs.media.planning.cut import Range

SEEKABLE = ("mov", "matroska")  # their index leads to the key frame before an instant; others land somewhere near
NEAR_S = 10.0  # ranges that lie no further apart are read in one go: looking for a key frame costs about as much
MOST_READINGS = 8  # each has a decoder, whose frames take memory


@dataclass(frozen=True)
class Span:
    """A kept part of what an input gives: from and to in the input's own time, and where it begins in the result. Seconds."""

    begin_s: float
    end_s: float
    at_s: float


@dataclass(frozen=True)
class Reading:
    """The source, opened once. Reading begins at a key frame at or before `seek_s`, which is time 0 of the input."""

    seek_s: float
    spans: tuple[Span, ...]

    @property
    def end_s(self) -> float:
        """Of what is kept of it, in the result."""
        last = self.spans[-1]
        return last.at_s + last.end_s - last.begin_s


def can_seek(demuxer: str, track: VideoTrack | None) -> bool:
    """Does looking for an instant lead to a key frame of this picture before it? In Matroska it leads to one of the first
    picture, and frames of another one that depend on earlier ones are lost. Where the pixels change their shape, it is told by
    times from the start of the file."""
    return demuxer in SEEKABLE and (track is None or not track.shapes and (demuxer != "matroska" or track.leads))


def plan_readings(
    ranges: Sequence[Range], is_seekable: bool, at_s: float = 0.0, most: int = MOST_READINGS, first_s: float = 0.0
) -> tuple[Reading, ...]:
    """How `ranges`, which come to lie one after the other from `at_s` on, are read: at most `most` times.

    Between ranges that are read in one go, what was cut out is decoded and dropped. Reading begins at a key frame, or at the
    start of the file: in a container without an index that leads to key frames, where otherwise nobody would know what stood
    at the beginning of a range; and for a range soon after `first_s`, where the picture begins, because looking for a key frame
    before the first one leads to that, past the sound before it.
    """
    groups = [[part] for part in ranges]
    if not is_seekable:
        groups, most = [list(ranges)], 1
    while len(groups) > 1:
        gaps = [after[0].start_s - before[-1].end_s for before, after in zip(groups, groups[1:], strict=False)]
        nearest = gaps.index(min(gaps))
        if len(groups) <= most and gaps[nearest] > NEAR_S:
            break
        groups[nearest : nearest + 2] = [groups[nearest] + groups[nearest + 1]]
    readings = []
    for group in groups:
        begin_s = group[0].start_s
        seek_s = begin_s if is_seekable and begin_s >= first_s + NEAR_S else 0.0
        spans = []
        for part in group:
            spans.append(Span(part.start_s - seek_s, part.end_s - seek_s, at_s))
            at_s += part.duration_s
        readings.append(Reading(seek_s, tuple(spans)))
    return tuple(readings)


@dataclass(frozen=True)
class Clip:
    """The picture of an input. `reading` says what is kept of it; None: everything."""

    input: int = 0
    reading: Reading | None = None


WHOLE = (Clip(),)


@dataclass(frozen=True)
class Voice:
    """A sound track of an input. `spans` say what is kept of it and where that goes; (): everything. `gain_db` None leaves its
    level. `starts_s`: in the input's time."""

    input: int
    track: AudioTrack
    starts_s: float = 0.0
    spans: tuple[Span, ...] = ()
    gain_db: float | None = None

    @property
    def lead_s(self) -> float | None:
        """When the track is first heard in the result, in seconds; None: never."""
        if not self.spans:
            return self.starts_s
        audible = (span for span in self.spans if span.end_s > self.starts_s)
        return next((span.at_s + max(0.0, self.starts_s - span.begin_s) for span in audible), None)
