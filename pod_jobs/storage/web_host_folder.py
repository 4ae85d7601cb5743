"""The media folder on the web host, which receives uploads, serves outputs and deletes old files."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, BinaryIO

from pod_jobs.errors import NumberTaken, ServiceUnavailable
from pod_jobs.media_folder import (
    DRESSINGS,
    IDENTITY,
    ONE_REQUEST,
    PART,
    REPLACED_MARK,
    TRASH,
    UPLOADS,
    VIDEOS,
    dressing_file,
    first_picture_of,
    is_bare,
    is_dressing,
    source_of,
    video_folder,
    video_of,
)
from pod_jobs.storage import Run, identity
from pod_jobs.storage.helpers_folder import HelpersFolder
from pod_jobs.storage.received_run import ReceivedRun
from pod_jobs.system import folder_locks, plain_files
from pod_jobs.system.plain_files import NO_HARD_LINKS, sync

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # ELOOP: something else than a plain file


@dataclass(frozen=True)
class OpenOutput:
    """An output, open for reading. `is_growing`: its run has not published it yet."""

    file: BinaryIO
    is_growing: bool


class WebHostFolder:
    """The media folder at `media`."""

    def __init__(self, media: Path) -> None:
        self._media = media
        self._videos = media / VIDEOS

    def __str__(self) -> str:
        return str(self._media)

    def check(self, expected: str) -> None:
        """Check that the folder has the identity `expected`. Errors: ServiceUnavailable."""
        identity.check(self._media, expected)

    def check_locks(self) -> str:
        """Check that its files can be locked. Returns the mount option by which that holds on this host alone; "" = none.
        Errors: ServiceUnavailable."""
        try:
            folder_locks.check(self._media)
        except OSError as error:
            raise ServiceUnavailable(f"{self._media}: locks of files (flock): {error.strerror}") from error
        return folder_locks.option_of_this_host(self._media)

    def identity(self) -> str:
        """The identity of the folder; "" = it has none. Errors: OSError."""
        return identity.read(self._media)

    def give_identity(self, value: str) -> None:
        """Write the identity of the folder. Errors: OSError."""
        identity.write(self._media, value)

    def identity_file(self) -> Path:
        """Where the identity is kept: to show it to people."""
        return self._media / IDENTITY

    def holds(self, path: Path) -> bool:
        """Is `path` the media folder, or in it?"""
        return path.is_relative_to(self._media)

    def path_of(self, name: str) -> Path:
        """The path on this host of `name`, which is relative to the media folder: to show it to people."""
        return self._media / name

    def folders(self) -> list[Path]:
        """The folders in which only we make files, so that their modes can be checked."""
        return [self._media / UPLOADS, self._videos]

    def free_bytes(self) -> int:
        """The free space of the disk. Errors: OSError."""
        return shutil.disk_usage(self._media).free

    # uploads

    def upload(self, name: str) -> Path:
        """The path of the upload `name`, in a folder that is made if necessary. Errors: OSError."""
        _make_folder(self._media / UPLOADS)
        return self._media / UPLOADS / name

    @contextmanager
    def temporary(self) -> Iterator[IO[bytes]]:
        """A file for an upload in one request. Its name is removed at the end; a link by `place` stays. Errors: OSError."""
        folder = self.upload("x").parent
        with tempfile.NamedTemporaryFile("wb", buffering=0, prefix=ONE_REQUEST, dir=folder, delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    def place(self, upload: Path, source: str) -> None:
        """Give the complete file at `upload` the second name `source` (relative to the media folder) by a hard link, and sync.
        So the bytes are not copied, and have a name at any time.

        Errors: NumberTaken when a recording is there already, be it one whose upload crashed before its commit; OSError.
        """
        target = self._media / source
        _make_folder(target.parent.parent)
        _make_folder(target.parent)
        _refuse_unless_empty(target.parent, source)
        try:
            os.link(upload, target)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            upload.rename(target)  # without hard links; a crash at this moment leaves a file without a row
        for changed in (target, target.parent, target.parent.parent):
            sync(changed)

    def make_place(self, video: int) -> None:
        """Make the folder of a video whose source another site keeps. Errors: NumberTaken as of `place`; OSError."""
        folder = self._media / video_folder(video)
        _make_folder(folder.parent)
        _make_folder(folder)
        _refuse_unless_empty(folder, folder.name)
        sync(folder.parent)

    def has_source(self, video: int, size_bytes: int) -> bool:
        """Does the source of this video exist, with this size?"""
        return plain_files.size_of(self._media / source_of(video)) == size_bytes

    def open_source(self, name: str) -> BinaryIO | None:
        """The source `name`, such as "videos/000003/source", or the file of a dressing, open for reading; None when it is not
        there. Errors: OSError."""
        try:
            beneath = self._media / DRESSINGS if is_dressing(name) else self._videos
            return plain_files.open_plain(self._media / name, beneath=beneath, linked=True)
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise
            return None

    def offer_dressing(self, path: Path) -> str | None:
        """Give workers the file at `path` of this host. Returns its name in the media folder, which depends on its content; None
        when there is no such file. Errors: OSError."""
        try:
            state = path.stat()
            name = dressing_file(_sum_of(path, state.st_ino, state.st_size, state.st_mtime_ns))
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise
            return None
        copy = self._media / name
        if plain_files.size_of(copy) != state.st_size:
            _make_folder(copy.parent)
            with plain_files.open_plain(path, linked=True) as file, plain_files.replacing(copy) as target:
                shutil.copyfileobj(file, target)
        os.utime(copy)  # see `forget_dressings`
        return name

    def forget_dressings(self, limit: float) -> None:
        """Delete the files of dressings that no order has needed since `limit`, in seconds since 1970. Errors: OSError."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._media / DRESSINGS):
                if _is_older(self._media / DRESSINGS / name, limit):
                    plain_files.remove(self._media / DRESSINGS / name)

    def keep_first_picture(self, video: int, picture: bytes) -> None:
        """Store the first picture of a video, a JPEG. Errors: OSError."""
        with plain_files.replacing(self._media / first_picture_of(video)) as file:
            file.write(picture)

    def open_first_picture(self, video: int) -> BinaryIO | None:
        """Open for reading; None when there is none. Errors: OSError."""
        try:
            return plain_files.open_plain(self._media / first_picture_of(video), beneath=self._videos, linked=True)
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise
            return None

    # outputs

    def received(self, run: Run, still: Callable[[], object]) -> ReceivedRun:
        """The folder of a run whose worker sends its files. `still` raises when the run is over."""
        return ReceivedRun(self._media, run, still)

    def helpers(self, run: Run) -> HelpersFolder:
        """The folder through which a run gets help from workers on other hosts."""
        return HelpersFolder(self._media, run)

    def open_output(self, video: int, folder: str, name: str) -> OpenOutput | None:
        """The file `name` of the run `folder`, published or growing; None when there is none that may be shown.

        Published files may have hard links elsewhere, for instance in a backup; growing ones may not. Errors: OSError.
        """
        place = self._media / video_folder(video)
        for _ in range(2):  # twice, because the run may be published between the two steps
            for ending, is_growing in (("", False), (PART, True)):
                path = place / f"{folder}{ending}" / name
                try:
                    file = plain_files.open_plain(path, beneath=self._videos, linked=not is_growing)
                except OSError as error:
                    if error.errno not in NOT_THERE:
                        raise
                else:
                    return OpenOutput(file, is_growing)
        return None

    def read_growing(self, video: int, folder: str, name: str) -> bytes:
        """The content of a small file `name` of a run that is under way. Errors: OSError."""
        path = self._media / video_folder(video) / f"{folder}{PART}" / name
        return plain_files.read_bytes(path, beneath=self._videos, most=plain_files.MOST_TEXT_BYTES)

    def sizes(self, video: int, folder: str) -> dict[str, int]:
        """File name -> bytes of each plain file of the run `folder` (relative to the media folder); {} when there is no such
        folder. The folders are listed anew, so that a network share tells what is there now. Errors: OSError."""
        sizes: dict[str, int] = {}
        with suppress(FileNotFoundError, NotADirectoryError):
            os.listdir(self._media / video_folder(video))
            with os.scandir(self._media / folder) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
        return sizes

    # deletion

    def uploads(self) -> list[str]:
        """The names of all files of uploads."""
        with suppress(FileNotFoundError):
            return os.listdir(self._media / UPLOADS)
        return []

    def remove_upload(self, name: str, untouched_since: float | None = None) -> None:
        """Delete an upload's file. `untouched_since`: only if it was not written since then, in seconds since 1970."""
        path = self._media / UPLOADS / name
        if untouched_since is None or _is_older(path, untouched_since):
            path.unlink(missing_ok=True)

    def is_upload_older(self, name: str, limit: float) -> bool:
        return _is_older(self._media / UPLOADS / name, limit)

    def videos(self) -> Iterator[int]:
        """The ids of all videos that have a folder."""
        with suppress(FileNotFoundError), os.scandir(self._videos) as entries:
            for entry in entries:
                number = video_of(f"{VIDEOS}/{entry.name}")
                if number is not None and entry.is_dir(follow_symlinks=False):
                    yield number

    def is_unclaimed(self, video: int, limit: float) -> bool:
        """Does the video's folder contain at most a source, unchanged since `limit`?"""
        folder = self._media / video_folder(video)
        return is_bare(os.listdir(folder)) and _is_older(folder, limit)

    def runs(self, video: int) -> list[str]:
        """The folders of the video's runs, relative to the media folder."""
        place = self._media / video_folder(video)
        with suppress(FileNotFoundError), os.scandir(place) as entries:
            return [
                f"{video_folder(video)}/{entry.name}"
                for entry in entries
                if "-g" in entry.name and entry.is_dir(follow_symlinks=False)
            ]
        return []

    def mark_used(self, folder: str) -> None:
        """Note that a row points to this folder of outputs."""
        plain_files.remove(self._media / folder / REPLACED_MARK)

    def is_replaced_since(self, folder: str, limit: float) -> bool:
        """Call when no row points to this folder of outputs. True if that has been so since before `limit`; the time counts
        from the first call."""
        mark = self._media / folder / REPLACED_MARK
        if plain_files.size_of(mark) is not None:
            return _is_older(mark, limit)
        with suppress(FileNotFoundError):  # the folder was renamed, because its run was published in between
            plain_files.remove(mark)
            plain_files.open_plain(mark, "xb").close()
        return False

    def throw_away(self, folder: str) -> None:
        """Rename a folder into the trash, which takes no time; `empty_trash` deletes it. Errors: OSError."""
        trash = self._videos / TRASH
        _make_folder(self._videos)
        _make_folder(trash)
        with suppress(FileNotFoundError):
            (self._media / folder).rename(trash / f"{time.time_ns()}-{Path(folder).name}")

    def empty_trash(self) -> Iterator[None]:
        """Delete everything in the trash; yields after each file, of which a large one may take a second. Errors: OSError."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._videos / TRASH):
                yield from plain_files.removing(self._videos / TRASH / name)


@lru_cache(maxsize=64)
def _sum_of(path: Path, inode: int, size_bytes: int, mtime_ns: int) -> str:
    """SHA-256 of a file in hex; the other values tell whether it is still the same file. Errors: OSError."""
    with plain_files.open_plain(path, linked=True) as file:
        return plain_files.sha256_of(file)


def _refuse_unless_empty(folder: Path, name: str) -> None:
    """Errors: NumberTaken, which names `name`."""
    if os.listdir(folder):
        raise NumberTaken(f"{name}: there is another recording; does this database belong to this media folder?")


def _make_folder(path: Path) -> None:
    """Make a folder with a mode that does not depend on the umask. An existing folder keeps its mode. The parent must exist."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(plain_files.NEW_FOLDER_MODE)


def _is_older(path: Path, limit: float) -> bool:
    """Was `path` not written since `limit`? False if it has gone, such as a finished upload."""
    try:
        return path.lstat().st_mtime < limit
    except FileNotFoundError:
        return False
