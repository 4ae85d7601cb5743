"""A recording whose clock is set anew in the middle is copied first, with a clock that goes on (stream_clock.py)."""

from dataclasses import replace
from pathlib import Path

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.probing.probe import probe, rewrite_clock
from pod_jobs.media.work import Work

# What MediaInfo says of tracks that are not taken: the copy lacks them, and people are told of them
LEFT_OUT = ("undecodable", "lost", "pictures", "has_more_subtitles", "programs")


def with_steady_clock(work: Work, path: Path, media: MediaInfo) -> tuple[Path, MediaInfo]:
    """`path` and `media` as they are; or a copy in the folder of the work, which `Work.forget_copies` removes, and its facts,
    with those about tracks that were left out.

    Errors: BadSource when the tracks cannot be copied.
    """
    if not media.breaks_clock:
        return path, media
    copy = work.new_copy()
    pictures = [media.video.index] if media.video else []
    tracks = [*pictures, *(track.index for track in media.audio), *(track.index for track in media.subtitles)]

    def tick() -> None:
        work.report("probe", 0.0)

    breaks = rewrite_clock(path, tracks, copy, work.tools, work.plan.limits, tick)
    work.journal.note(f"{path.name}: its clock is set anew ({breaks} times in its tracks); read from a steady copy")
    steady = probe(copy, work.tools, work.plan.limits, tick)
    left_out = {name: getattr(media, name) for name in LEFT_OUT}
    # the probe of a very long copy runs out of time, and says that its clock breaks
    return copy, replace(steady, breaks_clock=False, **left_out)
