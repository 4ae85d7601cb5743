"""Which file of an encode is damaged, and where. ffmpeg's words do not always say which of its inputs they are about, so
each file is decoded once more, alone: only after a pass that spoke of damage."""

from pathlib import Path

from pod_jobs.errors import BadSource
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.facts.times import clock
from pod_jobs.media.probing.probe import find_damage
from pod_jobs.media.work import Work


def place_damage(work: Work, media: MediaInfo) -> float | None:
    """Seconds of the result at which the recording is damaged, if it is. Other files become remarks."""
    for name, other_s in _damaged_others(work).items():
        work.remark(f"warning-{name}", "", at=clock(other_s))
    at_s = _find(work, work.source, media)
    places = [] if at_s is None else work.timeline.place(at_s, at_s + 0.001)
    return places[0][0] if places else None


def blamed(work: Work, media: MediaInfo, error: BadSource) -> BadSource:
    """`error` of a pass, as one of another file where that is damaged and the recording is not."""
    if error.code != "source-damaged" or not work.others or _find(work, work.source, media) is not None:
        return error
    name = next(iter(_damaged_others(work)), None)
    return error if name is None else BadSource(f"{name}: {error.reason}", code=f"source-{name}", cause=error.code)


def _find(work: Work, path: Path, media: MediaInfo) -> float | None:
    return find_damage(path, media, work.tools, work.plan.limits, lambda: work.report("encode", 1.0))


def _damaged_others(work: Work) -> dict[str, float]:
    """Name -> seconds from the start of that file."""
    found = {name: _find(work, feed.path, feed.media) for name, feed in work.others.items()}
    return {name: at_s for name, at_s in found.items() if at_s is not None}
