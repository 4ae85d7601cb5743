"""A picture that stands still costs little: frames that equal the one before are left out, in all renditions. Pure.

Recorded slides are the same frame 30 times a second. What stays: each change, and the frames around a key frame: the grid
of key frames needs its own; and ffmpeg gives the last frame of a segment the length of one at the full rate, and begins
the next segment after it.
"""

from fractions import Fraction

from pod_jobs.media.codecs import Encoder
from pod_jobs.media.media_info import VideoTrack
from pod_jobs.media.streams import Picture

MOSTLY = 0.5  # of a track's frames: with fewer, looking for them may cost more than it saves
AFTER, BEFORE = (
    3,
    4,
)  # frames that stay, of a key frame on and before it: decoding times run two behind, and one to spare
STRIP_PX = 8  # mpdecimate compares blocks of 8 x 8


def stands_still(track: VideoTrack, rate: Fraction | None, encoder: Encoder) -> bool:
    """`rate`: of ladder.constant_rate; a constant rate would bring the frames back. Odd sizes: the strip would cost a column."""
    even = track.width_px % 2 == 0 and track.height_px % 2 == 0
    plain = track.pix_fmt == "yuv420p" and not track.hdr and even
    return track.still_share >= MOSTLY and rate is None and plain and not encoder.counts_frames


def without_repeats(picture: Picture) -> list[str]:
    """The filters that do it, if the picture mostly stands still.

    mpdecimate drops what equals the last frame that stayed, and knows no clock. So a strip under the picture changes its
    shade from frame to frame where they must stay, and goes after that.
    """
    if picture.still_until_s is None:
        return []
    start_s, first = (picture.chunk.start_s, picture.chunk.first_frame) if picture.chunk else (0.0, 0)
    after_s, before_s = ((count - 0.9) / picture.fps for count in (AFTER, BEFORE + 1))
    since_key = f"mod(t+{start_s:.6f},{picture.keyframe_s})"
    near_key = f"lt({since_key},{after_s:.6f})+gte({since_key},{picture.keyframe_s - before_s:.6f})"
    near_end = f"gte(t,{picture.still_until_s - start_s - before_s:.6f})"
    shade = f"mod(n+{first % 2},2)*({near_key}+{near_end})"
    return [
        f"pad=iw+{STRIP_PX}:ih+{STRIP_PX}",
        f"drawbox=y=ih-{STRIP_PX}:h={STRIP_PX}:w=iw:t=fill:c=white:enable='{shade}'",
        "mpdecimate=hi=0:lo=0:frac=1",
        f"crop=iw-{STRIP_PX}:ih-{STRIP_PX}:0:0",
    ]
