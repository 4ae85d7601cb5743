"""Random recordings whose every moment is known: what is seen and heard when, by construction.

The picture is eight bars, black or white: the number of a twentieth of a second, in binary. The sound is a tone that is
higher by a step with each half second. What comes out of an encode is read back and held against that (truth.py).
"""

import math
import random
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from tests.clips import ffmpeg

BARS = 8
TICKS = 20  # of the picture's number, per second
TONE_HZ, STEP_HZ, STEPS = 300, 80, 2  # the first tone, what each step adds, steps per second

VIDEO = {
    "h264": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "h264-b": ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-pix_fmt", "yuv420p"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p"),
    "vp8": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-auto-alt-ref", "0"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"),
    "mpeg4": ("-c:v", "mpeg4", "-q:v", "3"),
    "mpeg2": ("-c:v", "mpeg2video", "-q:v", "3"),
    "mjpeg": ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
    "ffv1": ("-c:v", "ffv1", "-pix_fmt", "yuv444p"),
    "flv1": ("-c:v", "flv1", "-q:v", "3"),
    "wmv2": ("-c:v", "wmv2", "-q:v", "3"),
    "theora": ("-c:v", "libtheora", "-q:v", "8"),
}
AUDIO = {
    "aac": ("-c:a", "aac", "-b:a", "128k"),
    "opus": ("-c:a", "libopus", "-b:a", "96k"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "128k"),
    "mp2": ("-c:a", "mp2", "-b:a", "192k"),
    "ac3": ("-c:a", "ac3", "-b:a", "192k"),
    "pcm": ("-c:a", "pcm_s16le"),
    "vorbis": ("-c:a", "libvorbis", "-q:a", "5"),
    "wma": ("-c:a", "wmav2", "-b:a", "128k"),
}
# container -> codecs of picture and sound, and whether time stamps may be irregular there
CONTAINERS: dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]] = {
    "mp4": (("h264", "h264-b", "hevc", "mpeg4"), ("aac", "mp3", "ac3"), True),
    "mov": (("h264", "mjpeg", "h264-b"), ("aac", "pcm"), True),
    "mkv": (("h264", "h264-b", "vp8", "mpeg4", "ffv1", "mjpeg"), ("aac", "opus", "pcm", "mp3", "vorbis"), True),
    "webm": (("vp8", "vp9"), ("opus", "vorbis"), True),
    "ts": (("h264", "h264-b", "mpeg2"), ("aac", "mp2", "ac3"), True),
    "avi": (("mpeg4", "mjpeg"), ("mp3", "pcm"), False),
    "flv": (("flv1", "h264"), ("aac", "mp3"), True),
    "wmv": (("wmv2",), ("wma",), False),
    "ogv": (("theora",), ("vorbis",), False),
}
RATES = tuple(map(Fraction, ("5", "10", "12", "15", "24000/1001", "24", "25", "30000/1001", "30", "50", "60")))
MPEG2_RATES = RATES[4:]
FIXED_HZ = {"flv": 44_100, "wmv": 44_100}
SHAPES = ((160, 90), (128, 96), (96, 128), (192, 108), (200, 112), (144, 144), (240, 96))
PACES = ("steady", "steady", "drops", "slides", "gap", "idle", "late", "early", "single")


@dataclass(frozen=True)
class Part:
    """A stretch of a recording with one size and one sort of sound; most recordings have one, some change in mid-stream."""

    size: tuple[int, int]
    seconds: float
    rate_hz: int
    layout: str  # ffmpeg's name of the channels; "" is silence


@dataclass(frozen=True)
class Recording:
    """How a source is made. `shown`: frames of the rate that are there; `sound_from_s` .. `sound_until_s` is heard."""

    number: int
    container: str
    video: str
    audio: str
    rate: Fraction
    parts: tuple[Part, ...]
    pace: str
    shown: tuple[int, ...]
    sound_from_s: float
    sound_until_s: float
    gop: int
    rotation: int
    tags: tuple[str, ...]
    more_tracks: bool
    keep: tuple[tuple[float, float], ...] = field(default=())

    @property
    def seconds(self) -> float:
        """How long the file lasts: the later end of picture and sound."""
        ends = [float((self.shown[-1] + 1) / self.rate)] + ([self.sound_until_s] if self.has_sound else [])
        return max(ends)

    @property
    def has_sound(self) -> bool:
        return bool(self.parts[0].layout)

    @property
    def name(self) -> str:
        return f"{self.number:04}.{self.container}"

    def part_at(self, at_s: float) -> Part:
        """The part whose picture is seen."""
        passed = 0.0
        for part in self.parts:
            passed += part.seconds
            if at_s < passed - 1e-6:
                return part
        return self.parts[-1]


def invent(number: int) -> Recording:
    """The recording of this number; the same each time."""
    dice = random.Random(number)
    container = dice.choice(list(CONTAINERS))
    videos, audios, is_free = CONTAINERS[container]
    video, audio = dice.choice(videos), dice.choice(audios)
    rate = dice.choice(MPEG2_RATES if video == "mpeg2" else RATES)
    may_pause = is_free and video != "mpeg2"
    pace = dice.choice(PACES) if may_pause else "steady"
    joins = video in ("h264", "h264-b") and audio in ("aac", "mp3", "mp2", "ac3", "opus")  # as transport streams
    changes = container in ("ts", "mkv") and joins and pace == "steady" and dice.random() < 0.6
    parts = _parts(dice, changes, audio, FIXED_HZ.get(container, 0))
    seconds = sum(part.seconds for part in parts)
    frames = math.ceil(seconds * rate - Fraction(1, 1000))
    sound_from_s, sound_until_s = 0.0, seconds
    if len(parts) == 1 and is_free and container != "flv":
        sound_from_s = round(dice.uniform(0.3, 1.5), 2) if dice.random() < 0.15 else 0.0
        sound_until_s = round(dice.uniform(2.0, seconds), 2) if dice.random() < 0.15 else seconds
    shown = _shown(dice, pace, frames, rate, may_end_early=bool(parts[0].layout) and sound_until_s == seconds)
    may_turn = container in ("mp4", "mov") and len(parts) == 1
    recording = Recording(
        number=number,
        container=container,
        video=video,
        audio=audio,
        rate=rate,
        parts=parts,
        pace=pace,
        shown=shown,
        sound_from_s=sound_from_s,
        sound_until_s=sound_until_s,
        gop=dice.choice((1, 10, 25, 60, 250)),
        rotation=dice.choice((0, 0, 0, 90, 180, 270)) if may_turn else 0,
        tags=_tags(dice, video),
        more_tracks=container in ("mp4", "mkv", "ts")
        and len(parts) == 1
        and bool(parts[0].layout)
        and dice.random() < 0.2,
    )
    return Recording(**{**vars(recording), "keep": _keep(dice, recording.seconds)})


def _parts(dice: random.Random, changes: bool, audio: str, fixed_hz: int) -> tuple[Part, ...]:
    layouts = ("mono", "stereo") if fixed_hz or audio in ("wma", "mp3", "mp2") else ("mono", "stereo", "5.1")
    rates = (fixed_hz,) if fixed_hz else (48_000,) if audio in ("opus", "ac3", "mp2") else (44_100, 48_000, 32_000)
    silent = dice.random() < 0.1
    size, hz, layout = dice.choice(SHAPES), dice.choice(rates), "" if silent else dice.choice(layouts)
    first = Part(size, round(dice.uniform(2.5, 6.0), 1), hz, layout)
    if not changes:
        return (first,)
    others = [first]
    for _ in range(dice.choice((1, 1, 2))):
        size = dice.choice(SHAPES) if dice.random() < 0.8 else size
        if layout and dice.random() < 0.5:
            layout, hz = dice.choice(layouts), dice.choice(rates)
        others.append(Part(size, float(dice.choice((2, 3))), hz, layout))
    return (Part(first.size, float(math.ceil(first.seconds)), first.rate_hz, first.layout), *others[1:])


def _shown(dice: random.Random, pace: str, frames: int, rate: Fraction, *, may_end_early: bool) -> tuple[int, ...]:
    every = range(frames)
    if pace == "drops":
        return tuple(n for n in every if n == 0 or dice.random() > 0.3)
    if pace == "slides":
        step = max(1, round(dice.uniform(0.8, 2.2) * rate))
        return tuple(every[::step])
    if pace == "gap":
        begin = dice.uniform(0.5, 1.5)
        end = begin + dice.uniform(0.5, 1.5)
        return tuple(n for n in every if not begin <= n / rate < end)
    if pace == "idle":
        step = max(1, round(rate / 2))
        return tuple(n for n in every if n * 2 > frames or n % step == 0)
    if pace == "late" and may_end_early:
        first = round(dice.uniform(0.3, 1.4) * rate)
        return tuple(every[min(first, frames - 2) :])
    if pace == "early" and may_end_early:
        return tuple(every[: max(2, round(dice.uniform(0.5, 1.5) * rate))])
    return (0,) if pace == "single" and may_end_early else tuple(every)


def _tags(dice: random.Random, video: str) -> tuple[str, ...]:
    if video in ("mjpeg", "flv1", "wmv2", "theora") or dice.random() < 0.5:
        return ()
    matrix = dice.choice(("bt709", "smpte170m"))
    return ("-colorspace", matrix, "-color_primaries", matrix, "-color_trc", matrix)


def _keep(dice: random.Random, seconds: float) -> tuple[tuple[float, float], ...]:
    """None, or up to four parts, in order and apart by at least 0.3 s, each of at least 0.4 s."""
    if dice.random() < 0.35:
        return ()
    count = dice.choice((1, 1, 2, 3, 4))
    edges = sorted(round(dice.uniform(0, seconds), 3) for _ in range(2 * count))
    if dice.random() < 0.25:
        edges[0] = 0.0
    kept: list[tuple[float, float]] = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= 0.4 and (not kept or begin - kept[-1][1] >= 0.3):
            kept.append((begin, end))
    return tuple(kept)


def make(recording: Recording, folder: Path) -> Path:
    """The file, in `folder`."""
    path = folder / recording.name
    if len(recording.parts) == 1:
        _write(recording, 0, path)
        return path
    names = [folder / f"{recording.number:04}.{n}.ts" for n in range(len(recording.parts))]
    for number, name in enumerate(names):
        _write(recording, number, name)
    listed = folder / f"{recording.number:04}.txt"
    listed.write_text(
        "".join(
            f"file {name.name}\nduration {part.seconds}\n" for name, part in zip(names, recording.parts, strict=True)
        )
    )
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(listed), "-map", "0", "-c", "copy", str(path))
    return path


def _write(recording: Recording, number: int, path: Path) -> None:
    part = recording.parts[number]
    begin_s = sum(one.seconds for one in recording.parts[:number])
    width, height = part.size
    frames = math.ceil(part.seconds * recording.rate - Fraction(1, 1000))
    first = math.ceil(begin_s * recording.rate - Fraction(1, 1000))
    ticks = f"floor((N+{first})*{TICKS * recording.rate.denominator}/{recording.rate.numerator}+0.001)"
    bars = f"255*mod(floor({ticks}/pow(2,floor(X*{BARS}/W))),2)"
    inputs = [
        "-f",
        "lavfi",
        "-i",
        f"color=s={width}x{height}:r={recording.rate}:d={part.seconds + 1},format=gray,geq=lum='{bars}'",
    ]
    maps = ["-map", "0:v"]
    if part.layout:
        inputs += _sound(recording, part, begin_s)
        maps += ["-map", "1:a"]
    if recording.more_tracks:
        inputs += ["-f", "lavfi", "-i", "sine=f=5000:d=2", "-f", "lavfi", "-i", "color=gray:s=16x16:r=5:d=1"]
        maps += ["-map", "2:a", "-map", "3:v", "-disposition:v:0", "default", "-disposition:v:1", "0"]
        maps += ["-disposition:a:0", "default", "-disposition:a:1", "0"]
    chosen = [n - first for n in recording.shown if first <= n < first + frames]
    picked = f"trim=end_frame={frames},select='{_picked(chosen, frames)}',setpts='N*0+PTS'"
    form = (
        next(
            word
            for word, before in zip(VIDEO[recording.video][1:], VIDEO[recording.video], strict=False)
            if before == "-pix_fmt"
        )
        if "-pix_fmt" in VIDEO[recording.video]
        else "yuv420p"
    )
    ranges = "pc" if form.startswith("yuvj") else "tv"
    matrix = "smpte170m" if "smpte170m" in recording.tags or not recording.tags else "bt709"
    video = ["-vf", f"{picked},scale=out_color_matrix={matrix}:out_range={ranges},format={form}"]
    video += [
        "-fps_mode",
        "vfr" if len(chosen) < frames else "cfr",
        *VIDEO[recording.video],
        "-g",
        str(recording.gop),
    ]
    audio = AUDIO[recording.audio] if part.layout else ()
    if recording.rotation:
        upright = path.with_name(f"upright-{path.name}")
        ffmpeg(*inputs, *maps, *video, *recording.tags, *audio, str(upright))
        ffmpeg("-display_rotation", str(recording.rotation), "-i", str(upright), "-map", "0", "-c", "copy", str(path))
        return
    ffmpeg(*inputs, *maps, *video, *recording.tags, *audio, str(path))


def _picked(chosen: list[int], frames: int) -> str:
    """A condition of n; runs of frames, for there may be hundreds."""
    runs: list[list[int]] = []
    for n in chosen:
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return "1" if len(chosen) == frames else "+".join(f"between(n,{a},{b})" for a, b in runs)


def _sound(recording: Recording, part: Part, begin_s: float) -> list[str]:
    """A tone by the half second, from and until; 5.1 has it in the middle."""
    hz = f"({TONE_HZ}+{STEP_HZ}*floor({STEPS}*(t+{begin_s + recording.sound_from_s})+0.0001))"
    tone = f"0.4*sin(2*PI*{hz}*t)"
    channels = {"mono": [tone], "stereo": [tone, tone], "5.1": ["0", "0", tone, "0", "0", "0"]}[part.layout]
    lasts_s = min(recording.sound_until_s - begin_s, part.seconds) - recording.sound_from_s
    source = f"aevalsrc='{'|'.join(channels)}':c={part.layout}:s={part.rate_hz}:d={lasts_s:.6f}"
    return ["-itsoffset", str(recording.sound_from_s), "-f", "lavfi", "-i", source]


def tone_hz(at_s: float) -> float:
    """What is heard at a moment of the source."""
    return TONE_HZ + STEP_HZ * math.floor(STEPS * at_s)
