"""Still pictures, captions and chapters. If one of them fails, the video gets a remark and does not fail."""

import os
from math import inf
from pathlib import Path

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.facts.media_info import MediaInfo, SubtitleTrack
from pod_jobs.media.hls import checks
from pod_jobs.media.hls.checks import Rendered
from pod_jobs.media.outputs import captions, images
from pod_jobs.media.planning.cut import Timeline
from pod_jobs.media.planning.streams import AUDIO, Picture
from pod_jobs.media.probing.probe import read_cues
from pod_jobs.media.work import Work
from pod_jobs.system import plain_files

RAW = "captions.raw"  # ffmpeg's WebVTT of one track, which we write anew
MOST_CAPTION_BYTES = 8_000_000


def make_pictures(work: Work, media: MediaInfo, picture: Picture | None, rendered: dict[str, Rendered]) -> None:
    """Make the cover, then thumbnails and storyboard; for sound without a cover, a picture of its wave."""
    thumbnails = 0
    if media.cover_index is not None:
        with work.forgiven("warning-pictures"):
            argv = images.build_cover(
                work.tools, work.plan.limits, work.as_source(media), media.cover_index, "thumbnail_1.jpg"
            )
            _one_picture(work, argv, 1.0, from_source=True)
            thumbnails = 1
    if picture:
        with work.forgiven("warning-pictures"):
            _stills(work, picture, rendered[picture.renditions[0].name].playlist.duration_s, thumbnails)
    elif not thumbnails:
        with work.forgiven("warning-pictures"):
            argv = images.build_wave(work.tools, f"{AUDIO}.m4s", "thumbnail_1.jpg")
            _one_picture(work, argv, media.duration_s, from_source=False)


def _one_picture(work: Work, argv: list[str], duration_s: float, *, from_source: bool) -> None:
    work.side("pictures", argv, duration_s, work.source if from_source else None)
    checks.check_pictures(work.folder, ["thumbnail_1.jpg"])


def _stills(work: Work, picture: Picture, duration_s: float, thumbnails: int) -> None:
    names = [f"thumbnail_{thumbnails + n}.jpg" for n in range(1, len(images.THUMBNAILS_AT) + 1)]
    grey = [work.folder / images.grey_copy(name) for name in names]
    board = images.plan_storyboard(duration_s, picture.renditions[0], picture.keyframe_s)
    argv = images.build_pictures(work.tools, picture.renditions, duration_s, names, board)
    try:
        work.side("pictures", argv, duration_s)
        order = images.best_first([images.contrast(plain_files.read_bytes(path)) for path in grey])
    finally:
        for path in grey:
            plain_files.remove(path)
    _put_in_order(work.folder, names, order)
    if board:
        os.replace(work.folder / "storyboard_1.jpg", work.folder / board.sheets[0])
    checks.check_pictures(work.folder, [*names, *(board.sheets if board else ())])
    if board:
        plain_files.write_text(work.folder / "storyboard.vtt", images.build_vtt(board))


def _put_in_order(folder: Path, names: list[str], order: list[int]) -> None:
    """Give the picture `names[order[n]]` the name `names[n]`. The first name is the poster's, see images.best_first."""
    for name in names:
        os.replace(folder / name, folder / f"old_{name}")
    for name, place in zip(names, order, strict=True):
        os.replace(folder / f"old_{names[place]}", folder / name)


def write_texts(work: Work, media: MediaInfo, picture: Picture | None, duration_s: float) -> None:
    """Write captions, each track by a process of its own, and chapters."""
    taken: set[str] = set()
    for track in media.subtitles:
        with work.forgiven("warning-captions"):
            argv = captions.build_extract(work.tools, work.plan.limits, work.as_source(media), track.index, RAW)
            _captions(work, argv, duration_s, captions.file_name(track.language, taken), track)
    if picture and media.has_cea608:
        with work.forgiven("warning-captions"):
            if work.tools.bare and not picture.encoded:  # the filter that reads them takes no options for the decoder
                raise FfmpegFailed(
                    "closed captions of a copied picture: this ffmpeg would apply its enhancement layers"
                )
            argv = captions.build_cea608(work.tools, f"{picture.renditions[0].name}.m4s", RAW)
            _captions(work, argv, duration_s, captions.file_name("", taken), None)
    chapters = captions.build_chapters(media.chapters, duration_s, work.timeline)
    if chapters:
        plain_files.write_text(work.folder / "chapters.vtt", chapters)


def _captions(work: Work, argv: list[str], duration_s: float, name: str, track: SubtitleTrack | None) -> None:
    """`track`: of the source; None: inside a picture of ours."""
    raw = work.folder / RAW
    try:
        work.side("captions", argv, duration_s, work.source if track else None)
        if not 0 < (plain_files.size_of(raw) or 0) <= MOST_CAPTION_BYTES:
            raise FfmpegFailed(f"{name}: no captions, or more than {MOST_CAPTION_BYTES} bytes")
        raw_bytes = plain_files.read_bytes(raw)
        subtitles, encoding = captions.decoded(raw_bytes, captions.language_of(name))
        if track and captions.in_utf_16(track.codec, raw_bytes):
            subtitles, encoding = _utf_16(work, track), ""
        text = captions.clean(subtitles, duration_s, work.timeline if track else Timeline())
        uncut = captions.clean(subtitles, inf) if track or work.timeline == Timeline() else ""
    finally:
        plain_files.remove(raw)
    if text and encoding:
        work.remark("warning-encoding", name, encoding=encoding)
    if text:
        plain_files.write_text(work.folder / name, text)
    if uncut and work.plan.with_uncut:
        plain_files.write_text(work.folder / captions.uncut_name(name), uncut)


def _utf_16(work: Work, track: SubtitleTrack) -> str:
    def tick() -> None:
        work.report("captions", 0.0)

    return captions.as_vtt(read_cues(work.source, track.index, work.tools, work.plan.limits, tick))
