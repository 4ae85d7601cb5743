"""The other files of an encoding. They are probed and guarded like the recording; a refusal says which file it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pod_jobs.errors import BadSource, FfmpegFailed
from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.file_type import SNIFF_BYTES, picture_format
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.planning.dressing import Watermark
from pod_jobs.media.planning.limits import Source
from pod_jobs.media.planning.scene import Cast, Feed
from pod_jobs.media.probing import loudness
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.probing.steady_clock import with_steady_clock
from pod_jobs.media.process import guard
from pod_jobs.media.work import Work


def gather(work: Work, media: MediaInfo) -> Cast | None:
    """All files of the scene; None when the recording stands alone. BadSource (source-second, -opening, -ending,
    -watermark) holds in its fact `cause` the code of what is wrong with the file."""
    dressing, studio = work.plan.dressing, work.plan.studio
    if not (studio or dressing.watermark or dressing.opening or dressing.ending):
        return None
    if media.video is None:
        work.remark("warning-not-dressed", "sound only")
        return None
    cast = Cast(
        main=Feed(work.source, media),
        second=_feed(work, "second", studio.second) if studio else None,
        layout=studio.layout if studio else "side",
        opening=_feed(work, "opening", dressing.opening) if dressing.opening else None,
        ending=_feed(work, "ending", dressing.ending) if dressing.ending else None,
        watermark=dressing.watermark,
        image=_image(work, dressing.watermark) if dressing.watermark else "",
    )
    feeds = {"second": cast.second, "opening": cast.opening, "ending": cast.ending}
    work.others = {name: feed for name, feed in feeds.items() if feed}
    paths = [feed.path for feed in work.others.values()] + ([cast.watermark.path] if cast.watermark else [])
    work.sources = (work.source, *paths)
    return cast


def heard_alone(work: Work, media: MediaInfo) -> MediaInfo:
    """For sound alone: `media`; or, if that is silent and the second recording is not, the second one as the work's source."""
    studio = work.plan.studio
    if media.audio or studio is None or not (second := _feed(work, "second", studio.second)).media.audio:
        return media
    work.source, work.sources = second.path, (second.path,)
    return second.media


@contextmanager
def _as(role: str) -> Iterator[None]:
    """In this block, a refusal names `role` as the file that it is about."""
    try:
        yield
    except BadSource as error:
        code = f"source-{role}"
        raise BadSource(f"{role}: {error.reason}", code=code, cause=error.code, **error.facts) from error


def _feed(work: Work, role: str, path: Path) -> Feed:
    with _as(role):
        media = probe(path, work.tools, work.plan.limits, lambda: work.report("probe", 0.0))
        path, media = with_steady_clock(work, path, media)
        if media.video is None:
            raise BadSource("no picture", code="source-no-picture")
    feed = Feed(path, media)
    if media.audio and work.plan.level_lufs is not None and role != "second":
        gain_db = loudness.find_gain_db(work, feed, media.audio[0], work.plan.level_lufs)
        return Feed(path, media, gain_db)
    return feed


def _image(work: Work, watermark: Watermark) -> str:
    """The demuxer for a watermark, which must decode."""
    with _as("watermark"):
        demuxer = _signed(watermark.path)
        options = guard.input_options([demuxer], [guard.PICTURES[demuxer]], work.plan.limits)
        source = Source(str(watermark.path), demuxer)
        argv = [work.tools.ffmpeg, *ALWAYS, *options, *source.opening, "-frames:v", "1", "-f", "null", "-"]
        try:
            work.side("probe", argv, 1.0, watermark.path)
        except (BadSource, FfmpegFailed) as error:
            raise BadSource(error.reason, code="source-not-picture") from error
    return demuxer


def _signed(path: Path) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            picture = picture_format(head := file.read(SNIFF_BYTES))
    except FileNotFoundError as error:
        raise BadSource(str(error), code="source-missing") from error
    except OSError as error:
        raise BadSource(str(error), code="source-not-picture") from error
    if not picture:
        raise BadSource(f"begins with {head[:16]!r}", code="source-not-picture")
    return f"{picture}_pipe"
