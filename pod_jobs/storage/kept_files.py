"""Copies the files of the media folder into a backup and back.

A backup keeps sources, first pictures and published outputs, which never change. Recordings that are being received, runs
that are under way and the trash are left out: after a restore they are sent or made again.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pod_jobs.media_folder import IDENTITY, MEDIA, VIDEOS, first_picture_of, parse_run_folder, source_of
from pod_jobs.storage.web_host_folder import NOT_THERE, WebHostFolder
from pod_jobs.system import plain_files
from pod_jobs.system.plain_files import NO_HARD_LINKS


@dataclass(frozen=True)
class KeptFile:
    """A file of a backup. `name` is relative to the backup; `mtime_ns` in ns since 1970; `sha256` in hex."""

    name: str
    bytes: int
    mtime_ns: int
    sha256: str


def files_to_keep(media: WebHostFolder) -> Iterator[tuple[Path, str, str]]:
    """The files of the media folder that a backup keeps, as (folder on this host, name in it, what comes before the name in the
    backup). The folder may be reached by links that an administrator made; in it no link is followed. Errors: OSError."""
    yield media.path_of(""), IDENTITY, f"{MEDIA}/"
    videos, prefix = media.path_of(VIDEOS), f"{MEDIA}/{VIDEOS}/"
    for video in sorted(media.videos()):
        for name in (source_of(video), first_picture_of(video)):
            yield videos, name.removeprefix(f"{VIDEOS}/"), prefix
        for folder in sorted(media.runs(video)):
            if parse_run_folder(folder.rpartition("/")[2]):
                for name in sorted(media.sizes(video, folder)):
                    yield videos, f"{folder}/{name}".removeprefix(f"{VIDEOS}/"), prefix


def keep(root: Path, name: str, kept: Path, known: Mapping[str, tuple[KeptFile, Path]], prefix: str) -> KeptFile | None:
    """Copy the file `name` of the folder `root` to `kept`/`prefix``name`, durably.

    `known`: files of this backup that an interrupted one left, and of earlier backups, by their names in the backup, with
    their paths. An unchanged one (size and time) is not read again but gets one more hard link. Returns None when the file has
    gone, such as an output that was purged meanwhile. Errors: OSError.
    """
    try:
        file = plain_files.open_plain(root / name, beneath=root, linked=True)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise
    with file:
        state = os.fstat(file.fileno())
        target = kept / (prefix + name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (before := known.get(prefix + name)) and _is_same(before[0], state) and _link(before[1], target):
            return before[0]
        digest = _write(file.read, target, state.st_mtime_ns)
        return KeptFile(prefix + name, target.stat().st_size, state.st_mtime_ns, digest)


def is_name_within(name: str) -> bool:
    """Does a name that a backup lists stay below the folder that it belongs to?"""
    parts = name.split("/")
    return "\0" not in name and not any(part in ("", ".", "..") for part in parts)


def put_back(kept: Path, root: Path, name: str, file: KeptFile) -> None:
    """Copy a file of a backup, at `kept`, to `root`/`name`, durably; one that is there already is left. Errors: OSError, also
    when its content is not what was kept."""
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        state = target.stat(follow_symlinks=False)
        if _is_same(file, state):
            return
    with plain_files.open_plain(kept, linked=True) as source:
        if _write(source.read, target, file.mtime_ns) != file.sha256:
            plain_files.remove(target)
            raise OSError(f"{kept}: its content is not what was kept")


def put_back_media(kept: Path, media: WebHostFolder, name: str, file: KeptFile) -> None:
    """`put_back` for the file `name` of the media folder. Errors: as of `put_back`."""
    put_back(kept, media.path_of(""), name, file)


def sum_of(path: Path) -> str:
    """SHA-256 of the file at `path`, in hex. Errors: OSError."""
    with plain_files.open_plain(path, linked=True) as file:
        return plain_files.sha256_of(file)


def _is_same(kept: KeptFile, state: os.stat_result) -> bool:
    return (kept.bytes, kept.mtime_ns) == (state.st_size, state.st_mtime_ns)


def _link(existing: Path, target: Path) -> bool:
    """Give the file at `existing` the name `target` too. False where hard links are impossible, or `existing` has gone."""
    if existing == target:
        return plain_files.size_of(target) is not None
    try:
        plain_files.remove(target)
        os.link(existing, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*NO_HARD_LINKS, *NOT_THERE):
            raise
        return False
    return True


def _write(read: Callable[[int], bytes], target: Path, mtime_ns: int) -> str:
    """Write what `read` gives to `target`, which appears whole or not at all. Returns its SHA-256."""
    digest = hashlib.sha256()
    with plain_files.replacing(target) as copy:
        while piece := read(plain_files.PIECE_BYTES):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.utime(copy.fileno(), ns=(mtime_ns, mtime_ns))
        os.fsync(copy.fileno())
    return digest.hexdigest()
