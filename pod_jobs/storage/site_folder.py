"""The media folder as the web host uses it: uploads come in, outputs are shown, what is too old goes."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.media_folder import (
    ONE_REQUEST,
    PART,
    REPLACED_MARK,
    TRASH,
    UPLOADS,
    VIDEOS,
    is_bare,
    source_of,
    video_folder,
    video_of,
)
from pod_jobs.storage import identity
from pod_jobs.system import plain_files
from pod_jobs.system.plain_files import sync

NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # ELOOP: something else than a plain file


@dataclass(frozen=True)
class OpenOutput:
    """An output, open for reading. `is_growing`: its run has not published it yet."""

    file: BinaryIO
    is_growing: bool


class SiteFolder:
    """The media folder at `media`."""

    def __init__(self, media: Path) -> None:
        self._media = media
        self._videos = media / VIDEOS

    def __str__(self) -> str:
        return str(self._media)

    def check(self, expected: str) -> None:
        """Errors: ServiceUnavailable when this is not the folder with this identity."""
        identity.check(self._media, expected)

    def identity(self) -> str:
        """ "" = it has none. Errors: OSError."""
        return identity.read(self._media)

    def give_identity(self, value: str) -> None:
        """Errors: OSError."""
        identity.write(self._media, value)

    def path_of(self, name: str) -> Path:
        """The path, on this host, of what has this name relative to the media folder. For people to read."""
        return self._media / name

    def folders(self) -> list[Path]:
        """Those in which every name is ours, for a look at their modes."""
        return [self._media / UPLOADS, self._videos]

    def free_bytes(self) -> int:
        """The free space of the disk. Errors: OSError."""
        return shutil.disk_usage(self._media).free

    # uploads

    def upload(self, name: str) -> Path:
        """The file of the upload `name`, in a folder that is made if need be. Errors: OSError."""
        _make_folder(self._media / UPLOADS)
        return self._media / UPLOADS / name

    @contextmanager
    def temporary(self) -> Iterator[IO[bytes]]:
        """A file for an upload in one request; gone at the end, unless it got another name. Errors: OSError."""
        folder = self.upload("x").parent
        with tempfile.NamedTemporaryFile("wb", buffering=0, prefix=ONE_REQUEST, dir=folder, delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    def place(self, upload: Path, source: str) -> None:
        """Give the complete file at `upload` the name `source` (relative to the media folder), durably. It keeps the first
        name, by a hard link: the bytes are never copied, and never without a name.

        Errors: ServiceUnavailable when a recording is there already; OSError.
        """
        target = self._media / source
        _make_folder(target.parent.parent)
        _make_folder(target.parent)
        if not is_bare(os.listdir(target.parent)):
            raise ServiceUnavailable(
                f"{source}: there is another recording; is this database that of this media folder?"
            )
        target.unlink(missing_ok=True)  # left by a try that crashed before its commit
        try:
            os.link(upload, target)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            upload.rename(target)  # a share without hard links: a crash right now would leave a file without a row
        for changed in (target, target.parent, target.parent.parent):
            sync(changed)

    def has_source(self, video: int, size_bytes: int) -> bool:
        """Is the source of this video here, in this size?"""
        return plain_files.size_of(self._media / source_of(video)) == size_bytes

    # outputs

    def open_output(self, video: int, folder: str, name: str) -> OpenOutput | None:
        """The file `name` of the run `folder`, published or growing; None when there is none that may be shown.

        What a run has published may have second names since (a backup by hard links), what grows may not. Errors: OSError.
        """
        place = self._media / video_folder(video)
        for _ in range(2):  # the rename may come between the two looks
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
        """The whole small file `name` of a run that is at work. Errors: OSError."""
        path = self._media / video_folder(video) / f"{folder}{PART}" / name
        return plain_files.read_bytes(path, beneath=self._videos)

    # what goes

    def uploads(self) -> list[str]:
        """Names of all upload files."""
        with suppress(FileNotFoundError):
            return os.listdir(self._media / UPLOADS)
        return []

    def remove_upload(self, name: str, untouched_since: float | None = None) -> None:
        """`untouched_since`: only when nothing was written to it since this time (seconds since 1970)."""
        path = self._media / UPLOADS / name
        if untouched_since is None or _is_older(path, untouched_since):
            path.unlink(missing_ok=True)

    def is_upload_older(self, name: str, limit: float) -> bool:
        return _is_older(self._media / UPLOADS / name, limit)

    def videos(self) -> Iterator[int]:
        """Ids of the videos that have a folder."""
        with suppress(FileNotFoundError), os.scandir(self._videos) as entries:
            for entry in entries:
                number = video_of(f"{VIDEOS}/{entry.name}")
                if number is not None and entry.is_dir(follow_symlinks=False):
                    yield number

    def is_unclaimed(self, video: int, limit: float) -> bool:
        """Does the folder hold a source at most, and has it been so since `limit`?"""
        folder = self._media / video_folder(video)
        return is_bare(os.listdir(folder)) and _is_older(folder, limit)

    def runs(self, video: int) -> list[str]:
        """Folders of the video's runs, relative to the media folder."""
        place = self._media / video_folder(video)
        with suppress(FileNotFoundError), os.scandir(place) as entries:
            return [
                f"{video_folder(video)}/{one.name}"
                for one in entries
                if "-g" in one.name and one.is_dir(follow_symlinks=False)
            ]
        return []

    def mark_used(self, folder: str) -> None:
        """A row points to this folder of outputs."""
        plain_files.remove(self._media / folder / REPLACED_MARK)

    def is_replaced_since(self, folder: str, limit: float) -> bool:
        """No row points to this folder of outputs: was that so before `limit` already? The first call begins to count."""
        mark = self._media / folder / REPLACED_MARK
        if plain_files.size_of(mark) is not None:
            return _is_older(mark, limit)
        with suppress(FileNotFoundError):  # a run that began since was published: the folder has its final name
            plain_files.remove(mark)
            plain_files.open_plain(mark, "xb").close()
        return False

    def throw_away(self, folder: str) -> None:
        """Out of the way at once, by a rename; `empty_trash` deletes it. Errors: OSError."""
        trash = self._videos / TRASH
        _make_folder(self._videos)
        _make_folder(trash)
        with suppress(FileNotFoundError):
            (self._media / folder).rename(trash / f"{time.time_ns()}-{Path(folder).name}")

    def empty_trash(self) -> Iterator[None]:
        """File by file; a large one may take a second. Errors: OSError."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._videos / TRASH):
                yield from plain_files.removing(self._videos / TRASH / name)


def _make_folder(path: Path) -> None:
    """With the mode that is wanted, whatever the umask; one that is there already keeps its own. Its parent must exist."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(plain_files.NEW_FOLDER_MODE)


def _is_older(path: Path, limit: float) -> bool:
    """False for what went by itself since it was listed, a finished upload for instance."""
    try:
        return path.lstat().st_mtime < limit
    except FileNotFoundError:
        return False
