"""When the frames of a picture come, and until when. Pure."""

from dataclasses import replace

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.chunk_grid import grid_rate
from pod_jobs.media.planning.frame_rate import ENDS_EARLY_S, constant_rate, fine_rate
from pod_jobs.media.planning.stillness import mostly_stands
from pod_jobs.media.planning.streams import Picture

DAMAGE_S = 2.0  # a picture whose frames end so long before its packets is damaged


def paced(picture: Picture, media: MediaInfo, max_fps: int, *, is_cut: bool) -> Picture:
    """`picture` of a recording alone with its rate and its end. `media.duration_s` is that of the result.

    Where its packets go on to the end of the file and its frames do not, it is damaged: then nothing is made up.
    """
    video, early_s = picture.track, picture.track.ends_early_s
    stands = mostly_stands(media, picture.encoder)
    rate = constant_rate(video, max_fps, stands_still=stands and not is_cut)
    if rate is None and picture.encoder.counts_frames:
        rate = grid_rate(video.base_fps)
    if is_cut:
        rate = fine_rate(rate, video)
    if rate is not None:
        most_held_s = None if is_cut or early_s is None else early_s + DAMAGE_S
        return replace(picture, rate=rate, lasts_s=media.duration_s, most_held_s=most_held_s)
    is_held = early_s is not None and early_s > ENDS_EARLY_S
    until_s = media.duration_s - (0.0 if is_held else early_s or 0.0)
    lasts_s = media.duration_s if is_cut else None
    return replace(picture, rate=None, still_until_s=until_s if stands else None, lasts_s=lasts_s)
