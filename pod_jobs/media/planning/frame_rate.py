"""At which rate a picture comes out. Pure.

Most recordings keep the time stamps of their frames (rate None): the encoder rounds them to the grid of the source's own
rate. Where that grid is not known, or frames last so long that segments would lose their places, the picture is brought to a
constant rate: that of its busiest second, so that nothing that moves is lost; frames that stand are repeated, which costs little.
"""

import math
from fractions import Fraction

from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.chunk_grid import grid_rate

RATES = tuple(Fraction(*pair) for pair in ((15, 1), (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1))) + tuple(
    Fraction(*pair) for pair in ((48, 1), (50, 1), (60000, 1001), (60, 1))
)
LATE_S = 0.02  # a picture that starts later than the file is filled up with its first frame: sound and picture agree
# A picture that ends so long before the file is held: sounds end a little later than pictures by nature
ENDS_EARLY_S = 0.1
LEAST_FPS = 5  # where frames last longer, neither kept parts nor segments could begin where they should
LONGEST_PAUSE_S = 0.2  # a frame that lasts longer would begin a segment too early by that much
JITTER = 1.06  # the busiest second may seem faster than the rate by this factor


def constant_rate(video: VideoTrack, max_fps: int, *, stands_still: bool = False) -> Fraction | None:
    """The frame rate to bring the picture to, or None to keep the time stamps of the source.

    They are kept when the grid that they suggest is that of the frames, all of which were seen: the encoder computes its H.264
    level from it. Screen recorders and Matroska suggest 600 or 90,000 frames per second. `stands_still`: the picture may end
    early, for then its last frame is repeated beforehand.
    """
    honest = 0.9 * video.fps <= video.base_fps <= 1.6 * video.fps and video.peak_fps <= JITTER * video.base_fps
    honest = honest and LEAST_FPS <= video.base_fps <= max_fps + 0.01 and not video.interlaced
    if not honest:
        return nearest_rate(busiest_fps(video), max_fps)
    is_even = video.pause_s is not None and video.pause_s <= max(LONGEST_PAUSE_S, 1.5 / video.fps)
    is_whole = stands_still or (video.ends_early_s is not None and video.ends_early_s <= ENDS_EARLY_S)
    return None if is_even and is_whole and video.start_s <= LATE_S else grid_rate(video.base_fps)


def fine_rate(rate: Fraction | None, video: VideoTrack) -> Fraction | None:
    """Of a picture that is cut: a multiple of a slow rate, so that kept parts begin and end within a 15th of a second."""
    slow = rate or grid_rate(video.base_fps)
    return rate if slow >= RATES[0] else slow * math.ceil(RATES[0] / slow)


def busiest_fps(video: VideoTrack) -> float:
    """Frames of its busiest second; packets of interlaced files can be fields, and twice as many."""
    return video.fps if video.interlaced else max(video.fps, video.peak_fps)


def nearest_rate(fps: float, max_fps: int) -> Fraction:
    """The usual rate next to a measured one."""
    capped_fps = min(fps, float(max_fps))
    near = min(RATES, key=lambda rate: abs(rate - Fraction(capped_fps)))
    if math.isclose(near, capped_fps, rel_tol=JITTER - 1):
        return near
    return next((rate for rate in RATES if rate >= capped_fps), Fraction(max_fps))
