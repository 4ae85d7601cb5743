"""Decides whether the top rendition is the source's own picture, copied; this saves half of the work. Pure.

Only a picture is copied that every browser plays and that players can switch from and to: H.264 of 8 bits, with square pixels,
upright, progressive, with key frames at most two segments apart and a bit rate under the ceiling of its rung. All others are
encoded.
"""

from fractions import Fraction

from pod_jobs.media.facts.media_info import MediaInfo, VideoTrack
from pod_jobs.media.planning.colours import Colours, colours_of
from pod_jobs.media.planning.frame_rate import ENDS_EARLY_S, LATE_S
from pod_jobs.media.planning.ladder import PlannedRendition

PROFILES = ("Constrained Baseline", "Baseline", "Main", "High")
MOST_LEVEL = 42  # 4.2: 1080p at 60 frames per second
MOST_SEGMENTS = 2  # between two key frames


def may_copy(media: MediaInfo, top: PlannedRendition, rate: Fraction | None, segment_s: int) -> bool:
    """Can the source's picture serve as the rendition `top`? `rate` is the answer of frame_rate.constant_rate."""
    video = media.video
    return (
        video is not None
        and rate is None
        and (video.ends_early_s or 0.0) <= ENDS_EARLY_S  # a copied picture cannot be held to the end of the sound
        and media.demuxer == "mov"  # the only one whose index tells of every frame before it is read
        and not media.is_cut_short
        and _plays_everywhere(video)
        and video.display_size == (top.width_px, top.height_px)
        and 0 < video.longest_gap_s <= MOST_SEGMENTS * segment_s
        and 0 < video.kbps <= top.rung.maxrate_kbps
    )


def _plays_everywhere(video: VideoTrack) -> bool:
    plain = not (video.interlaced or video.changes_colours or video.shapes or video.rotation_deg or video.mirrored)
    return (
        plain
        and video.codec == "h264"
        and video.profile in PROFILES
        and 0 < video.level <= MOST_LEVEL
        and video.pix_fmt == "yuv420p"
        and _looks_alike_everywhere(colours_of(video))
        and video.sar == (1, 1)
        and video.start_s <= LATE_S
        and not video.hides_frames
    )


def _looks_alike_everywhere(colours: Colours) -> bool:
    """Is it SDR with the primaries of a usual screen? Not every player converts others."""
    usual = colours.matrix in ("bt709", "smpte170m", "bt470bg") and colours.primaries == "bt709"
    return usual and not colours.transfer and not colours.full_range
