"""A picture that stands still costs little: frames that equal the one before are left out, in all renditions. Pure.

A recording of slides repeats the same frame 30 times a second. Two kinds of frames stay: each one that differs from the one
before, and those around a key frame. The latter are needed because key frames lie on a fixed grid, and because ffmpeg gives the
last frame of a segment the length of a frame at the full rate, and begins the next segment right after it.
"""

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.codecs import Encoder
from pod_jobs.media.planning.streams import Picture

MOSTLY = 0.5  # share of a track's frames that repeat; with fewer, looking for them may cost more than it saves
AFTER = 3  # frames that stay from a key frame on: decoding times lie two frames behind; the third is a reserve
BEFORE = 4  # frames that stay before a key frame
STRIP_PX = 8  # height of the strip: mpdecimate compares blocks of 8 x 8 pixels
MARGIN_PX = 16  # left of the picture: mpdecimate skips the first block of each line, in the planes of colour 16 pixels


def mostly_stands(media: MediaInfo, encoder: Encoder) -> bool:
    """Does the picture mostly stand still, so that frames may be left out?

    Not where captions lie inside the frames, because they would be lost with them; nor where width or height is odd, because
    the strip would then cost a column of pixels.
    """
    track = media.video
    if track is None or track.still_share < MOSTLY or encoder.counts_frames or media.has_cea608:
        return False
    return track.pix_fmt == "yuv420p" and not (track.hdr or track.width_px % 2 or track.height_px % 2)


def without_repeats(picture: Picture) -> list[str]:
    """The filters that leave repeated frames out; none if the picture does not mostly stand still.

    mpdecimate drops each frame that equals the last one that it kept, whatever its time. So a strip is drawn under the picture
    which changes its shade from frame to frame wherever frames must stay. It is cropped afterwards, together with the margin.
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
