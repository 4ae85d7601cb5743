"""The files of a finished folder, as plain values for the catalog."""

import os
from pathlib import Path

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.outputs import captions
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.plan import Output
from pod_jobs.media.planning.pod_files import PodFiles
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media_folder import kind_and_mime


def list_outputs(folder: Path, picture: Picture | None, pod: PodFiles | None = None) -> tuple[Output, ...]:
    """The files of a finished folder, by name. Errors: FfmpegFailed for a name that no step of an encoding gives."""
    renditions = picture.renditions if picture else ()
    by_stem = {pod.stem(rendition.name) if pod else rendition.name: rendition for rendition in renditions}
    with os.scandir(folder) as entries:
        sorted_entries = sorted(entries, key=lambda entry: entry.name)
    return tuple(_output(entry, by_stem.get(entry.name.rpartition(".")[0])) for entry in sorted_entries)


def _output(entry: os.DirEntry[str], rendition: PlannedRendition | None) -> Output:
    try:
        kind, mime = kind_and_mime(entry.name)
    except ValueError as error:
        raise FfmpegFailed(f"the finished folder holds what nobody asked for: {error}") from error
    size_bytes = entry.stat(follow_symlinks=False).st_size
    if rendition is None:
        language = captions.language_of(entry.name) if kind in ("captions", "subtitles") else ""
        return Output(kind, entry.name, size_bytes, mime, language=language)
    size = (rendition.width_px, rendition.height_px)
    return Output(kind, entry.name, size_bytes, mime, rendition.name, *size)
