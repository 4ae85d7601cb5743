"""Video encoders, and what a rung means to each of them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from pod_jobs.media.ladder import Rendition


@dataclass(frozen=True)
class Encoder:
    """One of ffmpeg's video encoders.

    `grid(keyframe_s, fps)` puts key frames on one grid for all renditions; `quality(rung)` gives the options of one of them,
    without their stream's number. `ending` is how the filters hand a picture over.
    """

    name: str
    grid: Callable[[int, float], list[str]]
    quality: Callable[[Rendition], dict[str, str]]
    ending: str = "format=yuv420p,setsar=1"

    def stream_options(self, number: int, rung: Rendition) -> list[str]:
        """The options of the output's picture `number`."""
        options = [f"-c:v:{number}", self.name]
        for name, value in self.quality(rung).items():
            options += [f"-{name}:v:{number}", value]
        return options


def _forced(keyframe_s: int) -> list[str]:
    return ["-force_key_frames", f"expr:gte(t,n_forced*{keyframe_s})"]


def _ceiling(rung: Rendition) -> dict[str, str]:
    return {"maxrate": f"{rung.maxrate_kbps}k", "bufsize": f"{2 * rung.maxrate_kbps}k"}


LIBX264 = Encoder(
    "libx264",
    grid=lambda keyframe_s, _fps: ["-sc_threshold", "0", "-forced-idr", "1", *_forced(keyframe_s)],
    quality=lambda rung: {"profile": "high", "preset": rung.preset, "crf": f"{rung.crf:g}", **_ceiling(rung)},
)
