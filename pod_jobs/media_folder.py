"""Every name in the media folder, and what a name tells. Opens nothing and imports nothing of ours.

uploads/0f3a…                      a recording that is being received
uploads/post-…                     the same, in one request that nobody can resume
videos/000003/source               the recording of video 3, as it was uploaded
videos/000003/first.jpg            a first picture of it, until the encoding has made others
videos/000003/lock-web             held (flock) by the one run that works on video 3 for the template "web"
videos/000003/encode-7-g2.part/    generation 2 of task 7 at work; its files can be watched while they grow; after a failure,
                                   its log and `part_to_watch` stay
videos/000003/encode-7-g2.chunks/  what the workers share that encode this run together
videos/000003/encode-7-g2.helpers/ what workers on other hosts send of it (storage/helpers_folder.py)
videos/000003/encode-7-g2/         the published outputs of this run, with done.json, its result
dressings/3b0c…                    a watermark or a recording that orders name, by its SHA-256 in hex
videos/.trash/                     what the janitor deletes
.identity                          which media folder this is; the catalog remembers it
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

WEB = "web"  # the template whose outputs make a video ready; the others add downloads
MOST_RANGES = 50  # parts to keep of a recording: each is one more opening of the source

MEDIA = "media"  # the media folder in the instance folder, and in a backup
VIDEOS, UPLOADS, DRESSINGS, TRASH = "videos", "uploads", "dressings", ".trash"
SOURCE = "source"
FIRST_PICTURE = "first.jpg"
LOCK = "lock-"
PART, CHUNKS, HELPERS = ".part", ".chunks", ".helpers"  # endings of a run's folders while it is at work
LOG_NAME = "encoding.log"
IDENTITY = ".identity"
MASTER_NAME = "master.m3u8"
MOST_STREAMS = 8  # of them; sounds in more languages go
MOST_OF_PLAYLIST = 2_000_000  # bytes; a whole day has one
MOST_OF_PART = 1_000_000_000  # bytes that stay of a failed run; two hours of 360p and sound have half of it
DONE_MARKER = "done.json"
REPLACED_MARK = "replaced"  # in a folder of outputs; its age says for how long no row has pointed to the folder
ONE_REQUEST = "post-"  # begins the name of an upload in one request
AUDIO = "audio"  # names the files of the first sound
# How the names of a subtitle track begin: with the times of the result; with those of the source
CAPTIONS, SUBTITLES = "captions_", "subtitles_"
POD_INFO, POD_OVERVIEW, POD_SUBTITLE = "info_video.json", "overview", "subtitle_"  # names that an Esup-Pod looks for
CAPTIONS_FILE, PEAKS_FILE = "captions.json", "peaks.bin"  # of a transcription: for the catalog, and for the editor

# A job's kind begins its id and its folder; the catalog keeps 20 characters
KIND = re.compile(r"[a-z][a-z0-9_]{0,19}", re.ASCII)
RUN_FOLDER = re.compile(rf"({KIND.pattern})-([0-9]{{1,18}})-g([0-9]{{1,9}})")  # kind, task, generation
VIDEO_FOLDER = re.compile(rf"{VIDEOS}/([0-9]{{6,18}})")
# The only names of outputs that are taken into the catalog and served
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
HELPER_ID = re.compile("[0-9a-f]{16}")  # of a worker on another host that helps with a run
DRESSING_FILE = re.compile(rf"{DRESSINGS}/[0-9a-f]{{64}}")
RUNG = re.compile(rf"(?!{AUDIO}$)[a-z0-9]{{1,16}}")  # names a rendition and its files

PLAYLIST_MIME = "application/vnd.apple.mpegurl"
MIME_TYPES = {  # by the ending of a name; text is in UTF-8
    ".m3u8": PLAYLIST_MIME,
    ".m4s": "video/mp4",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".vtt": "text/vtt",
    ".log": "text/plain",
    ".json": "application/json",
    ".bin": "application/octet-stream",
}
OUTPUT_KINDS = (  # ending of an output's name -> its kind; the first that fits counts
    (MASTER_NAME, "hls"),
    (".m3u8", "playlist"),
    (".m4s", "segments"),
    (".ts", "segments"),
    (f"{POD_OVERVIEW}.png", "sheet"),
    (".png", "thumbnail"),
    (POD_INFO, "info"),
    (".mp4", "mp4"),
    (".m4a", "m4a"),
    (".webm", "webm"),
    (".mp3", "mp3"),
    (CAPTIONS_FILE, "transcript"),
    (PEAKS_FILE, "peaks"),
    (LOG_NAME, "log"),
)
PICTURE_KINDS = (("thumbnail", "thumbnail"), ("storyboard", "sheet"))  # beginning of a JPEG's name -> its kind
TEXT_KINDS = (
    *(("storyboard", "storyboard"), (POD_OVERVIEW, "storyboard"), ("chapters", "chapters")),
    *((CAPTIONS, "captions"), (POD_SUBTITLE, "captions"), (SUBTITLES, "subtitles")),
)


class RunName(NamedTuple):
    """The parts of the name of a run's folder."""

    kind: str
    task: int
    generation: int


def video_folder(video_id: int) -> str:
    """The folder of a video, relative to the media folder."""
    return f"{VIDEOS}/{video_id:06d}"


def output_name(video_id: int, run: str, name: str) -> str:
    """The file `name` of the published outputs of `run`, such as "encode-7-g2", relative to the media folder."""
    return f"{video_folder(video_id)}/{run}/{name}"


def video_of(folder: str) -> int | None:
    """The id of the video whose folder this is; None for any other name."""
    match = VIDEO_FOLDER.fullmatch(folder)
    return int(match[1]) if match and video_folder(int(match[1])) == folder else None


def source_of(video_id: int) -> str:
    """The source of a video, relative to the media folder."""
    return f"{video_folder(video_id)}/{SOURCE}"


def first_picture_of(video_id: int) -> str:
    """The first picture of a video, relative to the media folder."""
    return f"{video_folder(video_id)}/{FIRST_PICTURE}"


def is_source(name: str) -> bool:
    """Is this what `source_of` gives for any video?"""
    folder, _, last = name.rpartition("/")
    return last == SOURCE and video_of(folder) is not None


def dressing_file(sha256: str) -> str:
    """The file of a dressing with this content, relative to the media folder."""
    return f"{DRESSINGS}/{sha256}"


def is_dressing(name: str) -> bool:
    """Is this what `dressing_file` gives for any content?"""
    return DRESSING_FILE.fullmatch(name) is not None


def run_folder(kind: str, task_id: int, generation: int) -> str:
    """The folder in which one run of a task publishes, in the folder of its video."""
    return f"{kind}-{task_id}-g{generation}"


def path_of_run(video_id: int, kind: str, task_id: int, generation: int) -> str:
    """The folder of `run_folder`, relative to the media folder."""
    return f"{video_folder(video_id)}/{run_folder(kind, task_id, generation)}"


def parse_run_folder(name: str) -> RunName | None:
    """The reverse of `run_folder`; None for any other name."""
    match = RUN_FOLDER.fullmatch(name)
    return RunName(match[1], int(match[2]), int(match[3])) if match else None


def folders_of_run(name: str) -> tuple[str, ...]:
    """All folders that a run may have: the published one, and those in which it works."""
    return (name, name + PART, name + CHUNKS, name + HELPERS)


def is_bare(names: Iterable[str]) -> bool:
    """Does a video's folder hold a source at most? Then no run has ever begun there."""
    return all(name in (SOURCE, FIRST_PICTURE) or name.startswith(LOCK) for name in names)


def playlist_beside(name: str) -> str | None:
    """The name of the playlist that lists the segments in the file `name`; None for a file without segments."""
    return f"{name.removesuffix('.m4s')}.m3u8" if name.endswith(".m4s") else None


def streams_to_watch(sizes: Mapping[str, int]) -> list[str]:
    """The names of an unfinished run's files, of those with these sizes in bytes, that can be played: at most MOST_STREAMS, the
    pictures first, the smallest before the others. A hostile encoder may have written anything."""

    def can_be_read(name: str) -> bool:
        return 0 < sizes.get(name, 0) <= MOST_OF_PLAYLIST

    if not can_be_read(MASTER_NAME):
        return []
    found = [
        name
        for name in sorted(sizes, key=lambda name: (sizes[name], name))
        if sizes[name] and (playlist := playlist_beside(name)) and can_be_read(playlist)
    ]
    pictures = [name for name in found if not name.startswith(AUDIO)]
    sounds = sorted(name for name in found if name.startswith(AUDIO))[: MOST_STREAMS - bool(pictures)]
    return pictures[: MOST_STREAMS - len(sounds)] + sounds


def part_to_watch(sizes: Mapping[str, int]) -> set[str]:
    """The names of those of these files by which people see what an unfinished run had made: the sound, the smallest picture,
    and their playlists. Empty when nothing can be played, or all of them have more than MOST_OF_PART."""
    streams = streams_to_watch(sizes)
    pictures = [name for name in streams if not name.startswith(AUDIO)]
    kept = {name for name in streams if name not in pictures[1:]}
    names = kept | {MASTER_NAME} | {f"{name.removesuffix('.m4s')}.m3u8" for name in kept}
    return names if kept and sum(sizes[name] for name in names) <= MOST_OF_PART else set()


def is_read_while_growing(name: str) -> bool:
    """May people have this file before its run has ended? A part of any other is useless, and may be large."""
    return name.endswith(".m3u8") or name == LOG_NAME


def kind_and_mime(name: str) -> tuple[str, str]:
    """The kind of an output and its MIME type. Errors: ValueError for a name that no encode gives to a file."""
    kinds = [kind for ending, kind in OUTPUT_KINDS if name.endswith(ending)]
    if beginnings := {".jpg": PICTURE_KINDS, ".vtt": TEXT_KINDS}.get(name[-4:]):
        kinds = [kind for beginning, kind in beginnings if name.startswith(beginning)]
    if not kinds or not FILE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an output")
    ending = f".{name.rpartition('.')[2]}"
    if name.startswith(AUDIO) and ending in (".m4s", ".webm"):
        return kinds[0], MIME_TYPES[ending].replace("video/", "audio/")
    return kinds[0], MIME_TYPES[ending]
