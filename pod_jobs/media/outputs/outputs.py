"""What a finished folder holds, as plain values for the catalog."""

from pathlib import Path

from pod_jobs.media.outputs import captions
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.plan import Output
from pod_jobs.media.planning.streams import AUDIO, Picture
from pod_jobs.media_folder import LOG_NAME, MASTER_NAME

PLAYLIST_MIME = "application/vnd.apple.mpegurl"

# end of the name -> (kind, MIME type); the first that fits counts
KINDS = (
    (MASTER_NAME, "hls", PLAYLIST_MIME),
    (".m3u8", "playlist", PLAYLIST_MIME),
    (".m4s", "segments", "video/mp4"),
    (".mp4", "mp4", "video/mp4"),
    (".m4a", "m4a", "audio/mp4"),
    (f"{AUDIO}.webm", "webm", "audio/webm"),
    (".webm", "webm", "video/webm"),
    (".mp3", "mp3", "audio/mpeg"),
    ("storyboard.vtt", "storyboard", "text/vtt"),
    ("chapters.vtt", "chapters", "text/vtt"),
    (".vtt", "captions", "text/vtt"),
    (LOG_NAME, "log", "text/plain"),
)
PICTURES = (("thumbnail", "thumbnail"), ("storyboard", "sheet"))  # start of the name -> kind


def list_outputs(folder: Path, picture: Picture | None) -> tuple[Output, ...]:
    """The files of a finished folder, by name."""
    renditions = {one.name: one for one in picture.renditions} if picture else {}
    return tuple(_output(path, renditions.get(path.stem)) for path in sorted(folder.iterdir()))


def _output(path: Path, rendition: PlannedRendition | None) -> Output:
    kind, mime = _kind(path.name)
    if kind == "segments" and path.name.startswith(AUDIO):
        mime = "audio/mp4"
    if rendition is None:
        language = captions.language_of(path.name) if kind == "captions" else ""
        return Output(kind, path.name, path.stat().st_size, mime, language=language)
    size = (rendition.width_px, rendition.height_px)
    return Output(kind, path.name, path.stat().st_size, mime, rendition.name, *size)


def _kind(name: str) -> tuple[str, str]:
    for end, kind, mime in KINDS:
        if name.endswith(end):
            return kind, mime
    return next(kind for start, kind in PICTURES if name.startswith(start)), "image/jpeg"
