"""Finds out which file of an encoding is damaged, and where. ffmpeg does not always say which of its inputs it means, so
each file is decoded once more, alone. This happens only after a pass that reported damage."""

from pathlib import Path

from pod_jobs.errors import BadSource
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.facts.times import clock
from pod_jobs.media.probing.probe import find_damage
from pod_jobs.media.work import Work


def place_damage(work: Work, media: MediaInfo) -> float | None:
    """Where the recording is damaged, in seconds of the result; None if it is not. Damage of other files becomes a remark."""
    for name, damage_s in _damaged_others(work).items():
        work.remark(f"warning-{name}", "", at=clock(damage_s))
    at_s = _find(work, work.source, media)
    places = [] if at_s is None else work.timeline.place(at_s, at_s + 0.001)
    return places[0][0] if places else None


def error_of_damaged_file(work: Work, media: MediaInfo, error: BadSource) -> BadSource:
    """The `error` of a pass; if another file is damaged and the recording is not, as an error of that file."""
    if error.code != "source-damaged" or not work.others or _find(work, work.source, media) is not None:
        return error
    name = next(iter(_damaged_others(work)), None)
    return error if name is None else BadSource(f"{name}: {error.reason}", code=f"source-{name}", cause=error.code)


def _find(work: Work, path: Path, media: MediaInfo) -> float | None:
    return find_damage(path, media, work.tools, work.plan.limits, lambda: work.report("encode", 1.0))


def _damaged_others(work: Work) -> dict[str, float]:
    """Name of each damaged file -> where, in seconds from its start."""
    places = {name: _find(work, feed.path, feed.media) for name, feed in work.others.items()}
    return {name: at_s for name, at_s in places.items() if at_s is not None}
