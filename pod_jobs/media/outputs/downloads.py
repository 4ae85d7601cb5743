"""Downloads: copies of a finished pass's frames in another container, each compared with the pass."""

from pathlib import Path

from pod_jobs.errors import BadSource, FfmpegFailed
from pod_jobs.media.command.ffmpeg import build_package
from pod_jobs.media.hls import checks
from pod_jobs.media.planning.codecs import CONTAINERS
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.streams import AUDIO, Picture
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.work import Work
from pod_jobs.system import plain_files

STREAM_ENDINGS = (".m3u8", ".m4s")


def make_downloads(work: Work, picture: Picture | None, rendered: dict[str, checks.Rendered]) -> None:
    """Make the downloads that the plan asks for, with the first sound."""
    container = CONTAINERS[work.plan.container]
    chosen: list[PlannedRendition | None] = [None]  # sound alone
    if picture:
        chosen = [rendition for rendition in picture.renditions if rendition.rung.mp4 or not container.keeps_stream]
    ending = container.with_picture if picture else container.sound_alone
    if chosen and ending:
        duration_s = max(stream.playlist.duration_s for stream in rendered.values())
        names = [rendition.name for rendition in chosen if rendition]
        argv = build_package(work.tools, names, AUDIO in rendered, ending)
        work.side("package", argv, duration_s)
        with work.explained():
            for rendition in chosen:
                _check(work, work.folder / f"{rendition.name if rendition else AUDIO}.{ending}", rendition, rendered)


def drop_stream(work: Work) -> None:
    """Remove the HLS files if the plan asks only for downloads."""
    if not CONTAINERS[work.plan.container].keeps_stream:
        for path in work.folder.iterdir():
            if path.suffix in STREAM_ENDINGS:
                plain_files.remove(path)


def _check(work: Work, path: Path, rendition: PlannedRendition | None, rendered: dict[str, checks.Rendered]) -> None:
    if path.suffix != ".webm":
        checks.check_mp4(path, rendition, rendered)
        return
    try:
        media = probe(path, work.tools, work.plan.limits, lambda: work.report("package", 1.0))
    except BadSource as error:
        raise FfmpegFailed(f"result check: {path.name}: {error.reason}") from error
    checks.check_download(path.name, media, rendition, rendered)
