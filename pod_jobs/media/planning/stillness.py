"""A picture that stands still costs little: frames that equal the one before are left out, in all renditions. Pure.

Recorded slides are the same frame 30 times a second. What stays: each change, and the frames around a key frame: the grid
of key frames needs its own; and ffmpeg gives the last frame of a segment the length of one at the full rate, and begins
the next segment after it.
"""

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.codecs import Encoder
from pod_jobs.media.planning.streams import Picture

MOSTLY = 0.5  # of a track's frames: with fewer, looking for them may cost more than it saves
AFTER = 3  # frames that stay from a key frame on: decoding times run two behind, and one to spare
BEFORE = 4  # and before it
STRIP_PX = 8  # mpdecimate compares blocks of 8 x 8 …
MARGIN_PX = 16  # … but never the first one of a line; of the colours, that is 16 pixels


def mostly_stands(media: MediaInfo, encoder: Encoder) -> bool:
    """Does the picture mostly stand still, so that frames may be left out?

    Captions inside the picture would go with its frames; of odd sizes the strip would cost a column.
    """
    track = media.video
    if track is None or track.still_share < MOSTLY or encoder.counts_frames or media.has_cea608:
        return False
    return track.pix_fmt == "yuv420p" and not (track.hdr or track.width_px % 2 or track.height_px % 2)


def without_repeats(picture: Picture) -> list[str]:
    """The filters that do it, if the picture mostly stands still.

    mpdecimate drops what equals the last frame that stayed, and knows no clock. So a strip under the picture changes its
    shade from frame to frame where they must stay, and goes after that with the margin.
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
        f"pad=iw+{MARGIN_PX + STRIP_PX}:ih+{STRIP_PX}:{MARGIN_PX}:0",
        f"drawbox=y=ih-{STRIP_PX}:h={STRIP_PX}:w=iw:t=fill:c=white:enable='{shade}'",
        "mpdecimate=hi=0:lo=0:frac=1",
        f"crop=iw-{MARGIN_PX + STRIP_PX}:ih-{STRIP_PX}:{MARGIN_PX}:0",
    ]
