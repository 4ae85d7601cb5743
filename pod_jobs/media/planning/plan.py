"""What goes into an encoding and what comes out of it, as plain values."""

from dataclasses import dataclass, field
from typing import Any

from pod_jobs.media.planning.dressing import Dressing, Studio
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.planning.pod_files import PodFiles


@dataclass(frozen=True)
class EncodePlan:
    """What to make of a source. Times in seconds; `segment_s` is a multiple of `keyframe_s`.

    `level_lufs`: loudness of the result (EBU R 128); None = as it is. `copy_top`: a source that browsers can play becomes the
    top rendition without being encoded. `keep`: the parts to keep, as (from, to); () = everything. `container`, and `codec`
    of the picture, are keys of tables in codecs.py. `audio_kbps`: for sound alone; otherwise the `renditions` say it.
    `mp3_kbps`: 0 = no MP3. `with_extras`: also make captions, chapters and pictures. `with_uncut`: also subtitles in the times
    of the source, which hold what was cut out, for those who edit them. `dressing`, `studio`: other files that go into the
    picture. `share_from_s`: a picture that lasts longer is shared in chunks of `chunk_s`; 0 = never.
    `for_pod`: the finished files are put into the form that an Esup-Pod imports.
    """

    renditions: tuple[Rendition, ...]
    limits: Limits
    segment_s: int = 4
    keyframe_s: int = 2
    mp3_kbps: int = 192
    max_fps: int = 60
    level_lufs: float | None = None
    copy_top: bool = False
    keep: tuple[tuple[float, float], ...] = ()
    container: str = "hls"
    codec: str = "h264"
    audio_kbps: int = 128
    with_extras: bool = True
    with_uncut: bool = True
    dressing: Dressing = Dressing()
    studio: Studio | None = None
    share_from_s: float = 0.0
    chunk_s: int = 60
    for_pod: PodFiles | None = None


@dataclass(frozen=True)
class Output:
    """One file. `kind`: hls (the master), playlist, segments, mp4, webm, mp3, m4a, thumbnail, storyboard (its WebVTT), sheet
    (a picture of the storyboard), captions, chapters, log, info (what Pod reads of an encoding). `rendition` and the size
    are set for what belongs to one rendition."""

    kind: str
    name: str
    bytes: int
    mime: str
    rendition: str = ""
    width_px: int = 0
    height_px: int = 0
    language: str = ""


@dataclass(frozen=True)
class Remark:
    """Something that the lecturer should know about a video, although it is ready. `code` is one of errors.SENTENCES."""

    code: str
    reason: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """The result of an encoding. `facts` are about the source. All values are plain, for dataclasses.asdict and JSON."""

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
    opening_s: float = 0.0  # length of what was put before the recording
