"""Several files become one picture: credits before and after, a second recording beside or inside the first, a watermark.

A scene is a row of segments on one canvas: the opening, each kept range of the recording, the ending. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pod_jobs.media.facts.media_info import AudioTrack, MediaInfo, VideoTrack
from pod_jobs.media.planning.cut import LEAST_S, Range
from pod_jobs.media.planning.dressing import Watermark
from pod_jobs.media.planning.ladder import nearest_rate
from pod_jobs.media.planning.limits import Source, decoder_options

INSET = 4  # a picture in the picture has at most this part of the height …
INSET_WIDTH = 3  # … and this one of the width
MARGIN = 50  # part of the canvas's height between its edge and what is in a corner


@dataclass(frozen=True)
class Feed:
    """A file to be read, and what the probe found. `gain_db` changes its first sound where that stands alone (credits)."""

    path: Path
    media: MediaInfo
    gain_db: float | None = None


@dataclass(frozen=True)
class Cast:
    """All files of a scene. `main` and `opening`, `ending`, `second` have a picture; `image`: demuxer of the watermark."""

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
        """Whose sounds are heard: the recording's, else those of the second one, else of the credits."""
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
        return nearest_rate(max(_video(feed).fps for feed in self.recorded), max_fps)


@dataclass(frozen=True)
class Box:
    """A rectangle of the canvas, in pixels; even numbers."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Layer:
    """A picture track of an input, and where it goes."""

    input: int
    track: VideoTrack
    box: Box


@dataclass(frozen=True)
class Voice:
    """A sound track of an input."""

    input: int
    track: AudioTrack
    gain_db: float | None


@dataclass(frozen=True)
class Segment:
    """A part of the result. Layers lowest first; one voice for each sound of the pass, None is silence."""

    duration_s: float
    layers: tuple[Layer, ...]
    voices: tuple[Voice | None, ...]
    is_recording: bool


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
    """What is read, and how it comes together on a canvas of `width_px` x `height_px`."""

    inputs: tuple[Source, ...]
    segments: tuple[Segment, ...]
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
    inputs: list[Source] = []
    segments = [_credits(inputs, cast.opening, size, len(sounds))] if cast.opening else []
    for one in ranges or (Range(0.0, cast.recorded_s),):
        segments.append(_recording(inputs, cast, one if ranges else None, size, sounds))
    segments += [_credits(inputs, cast.ending, size, len(sounds))] if cast.ending else []
    stamp = None
    if cast.watermark:
        inputs.append(Source(str(cast.watermark.path), cast.image))
        stamp = _stamp(len(inputs) - 1, cast.watermark, size)
    return Scene(tuple(inputs), tuple(segments), stamp, *size, rate)


def _recording(
    inputs: list[Source],
    cast: Cast,
    kept: Range | None,
    size: tuple[int, int],
    sounds: Sequence[tuple[AudioTrack, float | None]],
) -> Segment:
    """A kept range of the recordings; one that has ended by then is left out."""
    start_s = kept.start_s if kept else 0.0
    layers: list[Layer] = []
    voices: tuple[Voice | None, ...] = (None,) * len(sounds)
    for feed, box in zip(cast.recorded, _boxes(cast, size), strict=True):
        if feed.media.duration_s - start_s < LEAST_S:
            continue
        inputs.append(_source(feed, (kept,) if kept else ()))
        layers.append(Layer(len(inputs) - 1, _video(feed), box))
        if feed is cast.speaker:
            voices = tuple(Voice(len(inputs) - 1, track, gain_db) for track, gain_db in sounds)
    return Segment(kept.duration_s if kept else cast.recorded_s, tuple(layers), voices, True)


def _credits(inputs: list[Source], feed: Feed, size: tuple[int, int], sounds: int) -> Segment:
    duration_s = feed.media.duration_s
    inputs.append(_source(feed, (Range(0.0, duration_s),)))
    number = len(inputs) - 1
    voice = Voice(number, feed.media.audio[0], feed.gain_db) if feed.media.audio else None
    layer = Layer(number, _video(feed), fitted(_size(feed), Box(0, 0, *size)))
    return Segment(duration_s, (layer,), (voice,) * sounds, False)


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
        left = min(max(_even(width * share), 2), width - 2)
        return Box(0, 0, left, height), Box(left, 0, width - left, height)
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


def _source(feed: Feed, ranges: tuple[Range, ...]) -> Source:
    turned = _video(feed).rotation_deg % 90 == 0
    return Source(str(feed.path), feed.media.demuxer, ranges, autorotate=turned, decoder=decoder_options(_video(feed)))


def _video(feed: Feed) -> VideoTrack:
    assert feed.media.video  # noqa: S101  (other_files.py let nothing else through)
    return feed.media.video


def _size(feed: Feed) -> tuple[int, int]:
    return _video(feed).display_size


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2
