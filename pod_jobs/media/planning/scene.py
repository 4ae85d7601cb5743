"""Several files become one picture: credits before and after, a second recording beside or inside the first, a watermark.

A scene is one canvas: the opening, the kept parts of the recording, the ending, each at its time in the result. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pod_jobs.media.facts.media_info import AudioTrack, MediaInfo, VideoTrack
from pod_jobs.media.planning.cut import LEAST_S, Range
from pod_jobs.media.planning.dressing import Watermark
from pod_jobs.media.planning.frame_rate import busiest_fps, nearest_rate
from pod_jobs.media.planning.limits import BROADCAST, Source, decoder_options
from pod_jobs.media.planning.places import Clip, Reading, Voice, can_seek, plan_readings

# A picture in the picture has at most a fourth of the canvas's height and a third of its width
INSET, INSET_WIDTH = 4, 3
MARGIN = 50  # the distance from the edge of the canvas to what is in a corner is this part of its height


@dataclass(frozen=True)
class Feed:
    """A file to be read, and what the probe found. `gain_db` changes its first sound where that stands alone (credits)."""

    path: Path
    media: MediaInfo
    gain_db: float | None = None


@dataclass(frozen=True)
class Cast:
    """All files of a scene. `main`, `second`, `opening` and `ending` each have a picture. `image` is ffmpeg's name of the demuxer
    that reads the watermark."""

    main: Feed
    second: Feed | None = None
    layout: str = "side"
    opening: Feed | None = None
    ending: Feed | None = None
    watermark: Watermark | None = None
    image: str = ""

    @property
    def recorded(self) -> tuple[Feed, ...]:
        return (self.main, self.second) if self.second else (self.main,)

    @property
    def keeps_clock(self) -> bool:
        """Whether one of the files does, as Source.keeps_clock says. Versions of ffmpeg differ about the start of another one."""
        feeds = filter(None, (*self.recorded, self.opening, self.ending))
        return any(feed.media.demuxer in BROADCAST for feed in feeds)

    @property
    def recorded_s(self) -> float:
        return max(feed.media.duration_s for feed in self.recorded)

    @property
    def opening_s(self) -> float:
        return self.opening.media.duration_s if self.opening else 0.0

    @property
    def credits_s(self) -> float:
        return self.opening_s + (self.ending.media.duration_s if self.ending else 0.0)

    @property
    def speaker(self) -> Feed:
        """The file whose sound tracks are heard: the recording; if that is silent, the second recording; else the credits."""
        feeds = (*self.recorded, self.opening, self.ending)
        return next((feed for feed in feeds if feed and feed.media.audio), self.main)

    @property
    def size(self) -> tuple[int, int]:
        """Of the canvas, as the recordings are; the ladder may make it smaller."""
        width, height = _size(self.main)
        if self.second is None or self.layout != "side":
            return width, height
        other_width, other_height = _size(self.second)
        lines = min(height, other_height)
        return round(width * lines / height) + round(other_width * lines / other_height), lines

    def rate(self, max_fps: int) -> Fraction:
        return nearest_rate(max(busiest_fps(_video(feed)) for feed in self.recorded), max_fps)


@dataclass(frozen=True)
class Box:
    """A rectangle of the canvas, in pixels; even numbers."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Layer:
    """A picture track, how its file is read, and its place on the canvas. It is shown from `begin_s` to `end_s` of the result,
    except in the spans of `hidden`: there the kept part lies after the end of its file."""

    clips: tuple[Clip, ...]
    track: VideoTrack
    box: Box
    begin_s: float
    end_s: float
    hidden: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Stamp:
    """The watermark: input, corner, opacity, largest size and distance from the edges."""

    input: int
    corner: str
    opacity: float
    width_px: int
    height_px: int
    margin_px: int


@dataclass(frozen=True)
class Scene:
    """The files to read, and how they are put together on a canvas of `width_px` x `height_px`: the layers of the recording
    (lowest first), the opening before them, the ending after them. `voices` has, for each sound of the pass, the tracks that are
    heard one after the other."""

    inputs: tuple[Source, ...]
    recorded: tuple[Layer, ...]
    opening: Layer | None
    ending: Layer | None
    voices: tuple[tuple[Voice, ...], ...]
    stamp: Stamp | None
    width_px: int
    height_px: int
    rate: Fraction


def plan_scene(
    cast: Cast,
    ranges: Sequence[Range],
    size: tuple[int, int],
    rate: Fraction,
    sounds: Sequence[tuple[AudioTrack, float | None]],
) -> Scene:
    """`size` of the canvas; `sounds`: tracks of `cast.speaker` with their gains."""
    stage = _Stage(cast, size, sounds, [], [[] for _ in sounds])
    kept = tuple(ranges) or (Range(0.0, cast.recorded_s),)
    ends_s = cast.opening_s + sum(part.duration_s for part in kept)
    opening = stage.credits(cast.opening, 0.0) if cast.opening else None
    layers = [stage.layer(feed, box, kept) for feed, box in zip(cast.recorded, _boxes(cast, size), strict=True)]
    ending = stage.credits(cast.ending, ends_s) if cast.ending else None
    stamp = None
    if cast.watermark:
        stage.inputs.append(Source(str(cast.watermark.path), cast.image))
        stamp = _stamp(len(stage.inputs) - 1, cast.watermark, size)
    voices = tuple(tuple(of_one_sound) for of_one_sound in stage.voices)
    recorded = tuple(layer for layer in layers if layer)
    return Scene(tuple(stage.inputs), recorded, opening, ending, voices, stamp, *size, rate)


@dataclass
class _Stage:
    """Collects the inputs and the voices while the layers are planned."""

    cast: Cast
    size: tuple[int, int]
    sounds: Sequence[tuple[AudioTrack, float | None]]
    inputs: list[Source]
    voices: list[list[Voice]]

    def layer(self, feed: Feed, box: Box, kept: Sequence[Range]) -> Layer | None:
        """The layer of a recording, for the parts that are kept; None if all of them lie after its end."""
        at_s, present, places, hidden = self.cast.opening_s, [], [], []
        begin_s = at_s
        for part in kept:
            span = (at_s, at_s + part.duration_s)
            at_s = span[1]
            if feed.media.duration_s - part.start_s < LEAST_S:
                hidden.append(span)
            else:
                present.append(part)
                places.append(span[0])
        if not present:
            return None
        arguments = (present, can_seek(feed.media.demuxer, _video(feed)), places[0])
        first_s = _video(feed).start_s
        readings = plan_readings(*arguments, first_s=first_s)
        clips = tuple(Clip(self._read(feed, reading.seek_s), reading) for reading in readings)
        if feed is self.cast.speaker:
            (whole_reading,) = readings if len(readings) == 1 else plan_readings(*arguments, most=1, first_s=first_s)
            number = clips[0].input if len(readings) == 1 else self._read(feed, whole_reading.seek_s)
            self._speak([(track, gain_db) for track, gain_db in self.sounds], number, whole_reading)
        return Layer(clips, _video(feed), box, begin_s, at_s, tuple(hidden))

    def credits(self, feed: Feed, at_s: float) -> Layer:
        duration_s = feed.media.duration_s
        (reading,) = plan_readings([Range(0.0, duration_s)], is_seekable=False, at_s=at_s)
        number = self._read(feed, 0.0)
        if feed.media.audio:
            self._speak([(feed.media.audio[0], feed.gain_db)] * len(self.sounds), number, reading)
        box = fitted(_size(feed), Box(0, 0, *self.size))
        return Layer((Clip(number, reading),), _video(feed), box, at_s, at_s + duration_s)

    def _speak(self, tracks: Sequence[tuple[AudioTrack, float | None]], number: int, reading: Reading) -> None:
        for voices, (track, gain_db) in zip(self.voices, tracks, strict=True):
            voices.append(Voice(number, track, track.start_s - reading.seek_s, reading.spans, gain_db))

    def _read(self, feed: Feed, seek_s: float) -> int:
        """Add an input, and return its number."""
        self.inputs.append(
            Source(
                str(feed.path),
                feed.media.demuxer,
                decoder=decoder_options(_video(feed)),
                seek_s=seek_s,
                start_s=feed.media.start_s if self.cast.keeps_clock else feed.media.disputed_start_s,
            )
        )
        return len(self.inputs) - 1


def _boxes(cast: Cast, size: tuple[int, int]) -> tuple[Box, ...]:
    """Where the recordings go on the canvas."""
    width, height = size
    whole = Box(0, 0, width, height)
    if cast.second is None:
        return (whole,)
    other = _size(cast.second)
    if cast.layout == "side":
        (main_width, main_height), (other_width, other_height) = _size(cast.main), other
        share = (main_width / main_height) / (main_width / main_height + other_width / other_height)
        left_px = min(max(_even(width * share), 2), width - 2)
        return Box(0, 0, left_px, height), Box(left_px, 0, width - left_px, height)
    room = Box(0, 0, _even(width / INSET_WIDTH), _even(height / INSET))
    inset = fitted(other, room)
    margin = _even(height / MARGIN)
    x = margin if cast.layout.endswith("left") else width - inset.width_px - margin
    y = margin if "top" in cast.layout else height - inset.height_px - margin
    return whole, Box(x, y, inset.width_px, inset.height_px)


def fitted(picture: tuple[int, int], room: Box) -> Box:
    """A picture as large as `room` allows, its aspect kept, in the middle."""
    width, height = picture
    scale = min(room.width_px / width, room.height_px / height)
    wide, high = (max(2, _even(side * scale)) for side in (width, height))
    wide, high = min(wide, room.width_px), min(high, room.height_px)
    x, y = (_even((free - taken) / 2) for free, taken in ((room.width_px, wide), (room.height_px, high)))
    return Box(room.x_px + min(x, room.width_px - wide), room.y_px + min(y, room.height_px - high), wide, high)


def _stamp(number: int, watermark: Watermark, size: tuple[int, int]) -> Stamp:
    width, height = size
    widest = max(2, _even(width * watermark.width))
    return Stamp(number, watermark.corner, watermark.opacity, widest, _even(height / 2), _even(height / MARGIN))


def _video(feed: Feed) -> VideoTrack:
    assert feed.media.video  # noqa: S101  (other_files.py let nothing else through)
    return feed.media.video


def _size(feed: Feed) -> tuple[int, int]:
    return _video(feed).display_size


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2
