"""What a failed run had encoded, as far as it can be played: it stays in the run's work folder (media_folder.part_to_watch)."""

from contextlib import suppress
from dataclasses import dataclass

from pod_jobs.catalog.models import Task
from pod_jobs.errors import ServiceUnavailable, translated_os_errors
from pod_jobs.media.hls.playlists import END, parse_playlist
from pod_jobs.media_folder import AUDIO, MASTER_NAME, PART, path_of_run, playlist_beside, run_folder, streams_to_watch
from pod_jobs.web.services import services

LONGEST_S = 1e7  # a playlist with a longer duration is none of ours


@dataclass(frozen=True)
class Stream:
    """A file of the part, a picture without sound or a sound: its name, its duration in seconds, and its bytes."""

    name: str
    duration_s: float
    bytes: int

    @property
    def is_sound(self) -> bool:
        return self.name.startswith(AUDIO)


@dataclass(frozen=True)
class FailedPart:
    """`folder`: the path of its files, below the address of the web app. The pictures come first."""

    folder: str
    streams: tuple[Stream, ...]

    @property
    def duration_s(self) -> float:
        return self.streams[0].duration_s

    @property
    def master(self) -> str:
        return f"{self.folder}/{MASTER_NAME}"


def has_part(task: Task) -> bool:
    """Has the latest run of a failed task left anything that can probably be played? No file is read for that."""
    with suppress(ServiceUnavailable):
        return bool(streams_to_watch(_sizes(task)))
    return False


def part_of(task: Task) -> FailedPart | None:
    """What the latest run of a failed task had encoded; None when there is nothing to play, or while the media folder is away."""
    media, run = services().settings.media, run_folder(task.kind, task.id, task.generation)
    streams = []
    try:
        sizes = _sizes(task)
        with translated_os_errors():
            for name in streams_to_watch(sizes):
                text = media.read_growing(task.video_id or 0, run, str(playlist_beside(name))).decode(
                    "utf-8", "replace"
                )
                streams += _streams(name, text, sizes[name])
    except ServiceUnavailable:
        return None
    streams.sort(key=lambda stream: (stream.is_sound, stream.bytes))
    return FailedPart(f"/media/{task.video_id}/{run}", tuple(streams)) if streams else None


def _streams(name: str, playlist: str, size_bytes: int) -> list[Stream]:
    """The stream, if its playlist says that anything of it can be played."""
    with suppress(ValueError, OverflowError):
        media_playlist = parse_playlist(playlist)
        if 0 < media_playlist.duration_s < LONGEST_S:
            return [Stream(name, media_playlist.duration_s, min(media_playlist.end, size_bytes))]
    return []


def as_it_ended(task: Task, name: str, playlist: str) -> str:
    """The text of a playlist of a failed run as players need it: a master without the streams that have gone, any other with
    its end."""
    if name != MASTER_NAME:
        return playlist if END in playlist else f"{playlist.rstrip()}\n{END}\n"
    with translated_os_errors():
        sizes = services().settings.media.sizes(task.video_id or 0, _folder_of(task))
    lines: list[str] = []
    for line in playlist.splitlines():
        file_name = line if not line.startswith("#") else line.partition('URI="')[2].partition('"')[0]
        if not file_name or file_name in sizes:
            lines.append(line)
        elif not line.startswith("#"):
            del lines[-1:]  # the line before describes it
    return "\n".join(lines) + "\n"


def _sizes(task: Task) -> dict[str, int]:
    """File name -> bytes, of a failed run. Errors: ServiceUnavailable while the media folder is away."""
    if task.state != "error" or task.video_id is None:
        return {}
    with translated_os_errors():
        return services().settings.media.sizes(task.video_id, _folder_of(task))


def _folder_of(task: Task) -> str:
    return f"{path_of_run(task.video_id or 0, task.kind, task.id, task.generation)}{PART}"
