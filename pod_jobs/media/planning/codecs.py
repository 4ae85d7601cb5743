"""Encoders, and the options that a rung of the settings stands for in each of them.

A rung's `crf` and `preset` are on the scale of its codec: x264's for H.264, SVT-AV1's numbers for AV1, and libvpx's
`cpu-used` for VP9.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pod_jobs.errors import SettingsError
from pod_jobs.media.planning.ladder import Rendition

# x264's fastest presets refine motion and do not weigh coefficients. The opposite gives more for the time (docs/media.md)
FASTEST = ("superfast", "veryfast")
WEIGHED = {"trellis": "1", "subq": "1"}
CPU_USED_MOST = 8  # libaom's scale ends there, SVT-AV1's at 13
TAIL_S = 0.25  # longer than any frame of a picture without a constant rate (frame_rate.LONGEST_PAUSE_S)


@dataclass(frozen=True)
class Encoder:
    """One of ffmpeg's video encoders.

    `grid(keyframe_s, fps)` gives the options that put key frames on the same grid in all renditions; `quality(rung)` gives
    those of one rendition, without the number of its stream. `ending`: the last filters, which hand over the picture. For
    graphics cards, `opening` comes before the inputs, and `devices` are patterns of the devices that the encoder opens.
    `maps_everything`: CUDA maps more address space than any limit allows.
    """

    name: str
    grid: Callable[[int, float], list[str]]
    quality: Callable[[Rendition], dict[str, str]]
    ending: str = "format=yuv420p,setsar=1"
    opening: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    maps_everything: bool = False

    @property
    def counts_frames(self) -> bool:
        """Does its grid count frames? Then no frame may be left out."""
        return self.grid is _counted

    def stream_options(self, number: int, rung: Rendition) -> list[str]:
        """The options for the picture with this `number` in the output."""
        options = [f"-c:v:{number}", self.name]
        for name, value in self.quality(rung).items():
            options += [f"-{name}:v:{number}", value]
        return options


@dataclass(frozen=True)
class Hardware:
    """The graphics card that encodes H.264 here: `encoder`, or None. `lacking` says why the one that is wanted does not work."""

    encoder: Encoder | None = None
    lacking: str = ""


@dataclass(frozen=True)
class SoundEncoder:
    """One of ffmpeg's audio encoders. It puts `delay` samples before the first. Rates not in `rates_hz` become 48,000 Hz."""

    name: str
    delay: int
    rates_hz: tuple[int, ...]


def forced(keyframe_s: int) -> list[str]:
    return ["-force_key_frames", f"expr:gte(t,n_forced*{keyframe_s})"]


def none_at_the_end(grid: list[str], lasts_s: float) -> list[str]:
    """No key frame is forced in the last TAIL_S of a picture that was cut. Filters that cut do not tell how long a frame lasts;
    the muxer takes the length of the frame before it in the same segment, and one that were alone in the last would last 0 s."""
    until = f"*lt(t,{lasts_s - TAIL_S:.6f})"
    return [word + until if word.startswith("expr:") and lasts_s > TAIL_S else word for word in grid]


def _counted(keyframe_s: int, fps: float) -> list[str]:
    """A grid by counting frames, for encoders that cannot be told about single frames (SVT-AV1) or add key frames."""
    frames = str(max(1, round(keyframe_s * fps)))
    return ["-g", frames, "-keyint_min", frames]


def ceiling(rung: Rendition) -> dict[str, str]:
    return {"maxrate": f"{rung.maxrate_kbps}k", "bufsize": f"{2 * rung.maxrate_kbps}k"}


def _x264(rung: Rendition) -> dict[str, str]:
    weighed = WEIGHED if rung.preset in FASTEST else {}
    return {"profile": "high", "preset": rung.preset, "crf": f"{rung.crf:g}", **weighed, **ceiling(rung)}


def _constrained(rung: Rendition) -> dict[str, str]:
    """The options of libvpx and libaom: the quality, with `b` as ceiling."""
    speed = min(int(rung.preset), CPU_USED_MOST)
    return {"cpu-used": str(speed), "row-mt": "1", "crf": f"{rung.crf:g}", "b": f"{rung.maxrate_kbps}k"}


LIBX264 = Encoder(
    "libx264",
    grid=lambda keyframe_s, _fps: ["-sc_threshold", "0", "-forced-idr", "1", *forced(keyframe_s)],
    quality=_x264,
)
LIBSVTAV1 = Encoder(
    "libsvtav1", _counted, quality=lambda rung: {"preset": rung.preset, "crf": f"{rung.crf:g}", **ceiling(rung)}
)
LIBAOM = Encoder("libaom-av1", _counted, _constrained)
LIBVPX_VP9 = Encoder("libvpx-vp9", _counted, quality=lambda rung: {"deadline": "good", **_constrained(rung)})

ENCODERS = {"h264": (LIBX264,), "av1": (LIBSVTAV1, LIBAOM), "vp9": (LIBVPX_VP9,)}  # the first that a build has is taken

PROCESSOR = Hardware()

AAC = SoundEncoder("aac", 1024, (44_100, 48_000))
OPUS = SoundEncoder("libopus", 312, (48_000,))


def find_encoder(codec: str, existing: Collection[str], hardware: Hardware = PROCESSOR) -> Encoder:
    """The encoder of the hardware for H.264, and otherwise one for `codec` among the names `existing`. Errors: SettingsError
    when there is none."""
    if codec == "h264" and hardware.encoder:
        return hardware.encoder
    for encoder in ENCODERS[codec]:
        if encoder.name in existing:
            return encoder
    raise SettingsError(f"this ffmpeg has no {' or '.join(encoder.name for encoder in ENCODERS[codec])}")


@dataclass(frozen=True)
class Container:
    """The format in which people get the frames of a pass. Every pass writes HLS, which can be watched while it grows, cut
    into chunks and checked; downloads are copies of its frames. A container that is not HLS keeps only its downloads.

    `with_picture` and `sound_alone` are the endings of download names; "" = there are no such downloads."""

    sound: SoundEncoder
    with_picture: str
    sound_alone: str
    keeps_stream: bool = False


CONTAINERS = {
    "hls": Container(AAC, "mp4", "m4a", keeps_stream=True),
    "mp4": Container(AAC, "mp4", "m4a"),
    "webm": Container(OPUS, "webm", "webm"),
    "m4a": Container(AAC, "", "m4a"),
    "mp3": Container(AAC, "", ""),  # the MP3 is written by the pass itself
}


def find_lacks(container: str, codec: str, existing: Collection[str]) -> list[str]:
    """The encoders that are needed and not in `existing`, such as ["libsvtav1 or libaom-av1", "libopus"]."""
    needed = [[encoder.name for encoder in ENCODERS[codec]]] if codec else []
    needed.append([CONTAINERS[container].sound.name])
    return [" or ".join(names) for names in needed if not {*names} & {*existing}]
