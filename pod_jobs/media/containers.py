"""What the frames of a pass are handed out in. Plain values.

Every pass writes HLS, because that is what can be watched while it grows, cut into chunks and checked; downloads are copies
of its frames. A container that is not HLS keeps its downloads only.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pod_jobs.media.codecs import AAC, ENCODERS, OPUS, SoundEncoder


@dataclass(frozen=True)
class Container:
    """`with_picture` and `sound_alone` are the endings of downloads; "": there are none of that sort."""

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
    """What is not among the encoders `existing` and needed: ["libsvtav1 or libaom-av1", "libopus"]."""
    needed = [[encoder.name for encoder in ENCODERS[codec]]] if codec else []
    needed.append([CONTAINERS[container].sound.name])
    return [" or ".join(names) for names in needed if not {*names} & {*existing}]
