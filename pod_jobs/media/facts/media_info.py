"""What a file holds, as the probe found it. Plain values."""

import re
from dataclasses import dataclass

FORMAT_NAME = re.compile("[A-Za-z0-9_]*")


@dataclass(frozen=True)
class VideoTrack:
    """The chosen picture track. Sizes are as stored, before `sar` and `rotation_deg` (counter-clockwise) are applied.

    "By the index" means: as the container's index says, which can be wrong.
    """

    index: int
    codec: str
    profile: str
    width_px: int
    height_px: int
    sar: tuple[int, int]
    rotation_deg: int
    pix_fmt: str
    hdr: str  # "", "pq" or "hlg"
    primaries: int  # H.273; 2 = not said
    matrix: int  # H.273; 2 = not said
    full_range: bool
    interlaced: bool  # at one of several places
    fps: float  # by the index, or measured on the first packets
    base_fps: float  # the finest grid that the container's time stamps suggest; often wrong
    start_s: float  # after the start of the file
    mirrored: bool = False
    leads: bool = True  # it is the first picture of the file
    transfer: int = 2  # H.273; 2 = not said
    says_range: bool = True
    changes_colours: bool = False  # matrix or range are others at one of several later places
    # (second, how many times as wide as at first its pixels are from then on)
    shapes: tuple[tuple[float, float], ...] = ()
    is_rgb: bool = False
    has_alpha: bool = False  # some pixels really are transparent
    bits: int = 8  # of each component
    decoder: str = ""  # ffmpeg's name of one that sees more than its usual one: transparency
    level: int = 0  # of H.264 alone, 41 for 4.1; 0 = not known
    longest_gap_s: float = 0.0  # between two key frames, by the index; 0 = not known
    kbps: float = 0.0  # by the index; 0 = not known
    hides_frames: bool = False  # an edit list leaves some frames out; by the index
    peak_fps: float = 0.0  # frames of its busiest second, of those that were looked at
    pause_s: float | None = None  # the longest time from a frame to the next; None: not all of them were looked at
    ends_early_s: float | None = None  # before the end of the file; None: not known
    still_share: float = 0.0  # share of frames so small that they may repeat the one before, 0..1; by the index

    def __post_init__(self) -> None:
        if not FORMAT_NAME.fullmatch(self.pix_fmt):  # graphs of filters hold it as it is
            raise ValueError(f"{self.pix_fmt[:40]!r} is no name of a pixel format")

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as people see them: upright, with square pixels. At least one pixel, because `sar` is
        whatever the file says."""
        width, height = max(1, round(self.width_px * self.sar[0] / self.sar[1])), self.height_px
        return (height, width) if self.rotation_deg % 180 == 90 else (width, height)


@dataclass(frozen=True)
class AudioTrack:
    """A sound track that can be decoded. `language` is untrusted text from the file."""

    index: int
    codec: str
    channels: int
    sample_rate_hz: int
    language: str
    default: bool
    start_s: float = 0.0  # after the start of the file
    has_places: bool = True  # its channels stand for places in a room, or it has at most two


@dataclass(frozen=True)
class SubtitleTrack:
    """A subtitle track that can become text. `language` is untrusted text from the file."""

    index: int
    codec: str
    language: str


@dataclass(frozen=True)
class Chapter:
    """A chapter, in seconds from the start of the file. The title is untrusted text."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True)
class MediaInfo:
    """A file that can be encoded: it has at least one picture or sound track that can be decoded.

    `duration_s` is measured on the packets; `claimed_s` is the container's word (None: it says nothing).
    `undecodable` holds (kind, codec) of tracks that had to be left out; the kind is "video" or "audio". `lost` holds the kinds
    whose first choice is among them.
    """

    container: str
    bytes: int
    duration_s: float
    claimed_s: float | None
    video: VideoTrack | None
    audio: tuple[AudioTrack, ...]
    cover_index: int | None
    undecodable: tuple[tuple[str, str], ...]
    subtitles: tuple[SubtitleTrack, ...] = ()
    has_cea608: bool = False
    chapters: tuple[Chapter, ...] = ()
    lost: tuple[str, ...] = ()
    pictures: int = 1  # that move and last, and that players show; one of them is `video`
    has_more_subtitles: bool = False  # than `subtitles`: pictures of text, or too many tracks
    programs: int = 1  # of a transport stream; the tracks are those of one
    breaks_clock: bool = False  # its clock is set anew in the middle, or may be: then no time here is to be believed
    leaves_rest: bool = False  # another recording follows in the file, which libavformat may not read
    start_s: float = 0.0  # by the clock of the file; all other times count from there

    @property
    def demuxer(self) -> str:
        """ffmpeg's name for the container: "mov,mp4,m4a" is "mov"."""
        return self.container.partition(",")[0]

    @property
    def disputed_start_s(self) -> float | None:
        """`start_s` where versions of ffmpeg differ about it: in Matroska, for 5.1 a file begins earlier by the delay of its
        sound's encoder. None: in all other containers."""
        return self.start_s if self.demuxer == "matroska" else None

    @property
    def is_video(self) -> bool:
        return self.video is not None

    @property
    def is_cut_short(self) -> bool:
        """Is noticeably less there than the file announces?"""
        return self.claimed_s is not None and self.duration_s < self.claimed_s - max(2.0, self.claimed_s / 50)
