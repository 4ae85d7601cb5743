"""The media folder of an Esup-Pod 4.1 (its MEDIA_ROOT), which this host has under the same path.

Paths come from messages, so each is followed to where it really is before anything is opened. A folder to write into is
held open, and its files are made in what is held: Pod may give its name to a link at any moment. New files get the rights and,
as root, the owner of the folder that they are put into: Pod has to delete them later.

A share that is not mounted leaves a local folder at the same path. So the folder has a mark with a random id, which the catalog
stores too. It is put when a file that Pod ordered is found there, which shows that this is the right folder.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pod_jobs.errors import Malformed, ServiceUnavailable
from pod_jobs.system import plain_files

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PART = ".pod-jobs-part"  # ends the name of a file that is not complete
AS_FILE = 0o666  # of a folder's rights, those that make sense for a file
MARK = ".pod_jobs"  # the file with the id of the folder
MOST_MARK_BYTES = 100


def check_mounted(root: Path, mark: str) -> None:
    """Check that `root` is Pod's media folder. `mark`: the id that it must have, "" = none is known. Errors:
    ServiceUnavailable."""
    try:
        with os.scandir(root) as entries:
            is_empty = next(entries, None) is None
        present_mark = _mark_of(root)
    except OSError as error:
        raise ServiceUnavailable(f"the media folder {root} does not answer: {error}") from error
    if is_empty:
        raise ServiceUnavailable(f"the media folder {root} is empty: nothing is mounted there")
    if mark and present_mark != mark:
        state = f"has the mark {present_mark}" if present_mark else f"has no file {MARK}"
        raise ServiceUnavailable(
            f"the media folder {root} {state}; the catalog means {mark}: another one is mounted there"
        )


def give_mark(root: Path) -> str:
    """The id of the folder, which gets one if it has none. Errors: OSError."""
    if mark := _mark_of(root):
        return mark
    with open_folder(root, str(root)) as folder:
        put(folder, MARK, f"{secrets.token_hex(16)}\n".encode())
    return _mark_of(root)  # of two that give one at once, the last counts


def _mark_of(root: Path) -> str:
    try:
        with plain_files.open_plain(root.resolve() / MARK, linked=True) as file:
            return file.read(MOST_MARK_BYTES).decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def path_within(root: Path, text: object) -> Path:
    """The path that a message names, when it lies in the folder `root`, also after links. Errors: Malformed."""
    if not isinstance(text, str) or not text.startswith("/") or "\0" in text:
        raise Malformed("an absolute path is needed")
    try:
        real, inside = Path(text).resolve(), root.resolve()
    except (OSError, RuntimeError) as error:
        raise Malformed(f"{text[:200]!r}: {error}") from error
    if real == inside or not real.is_relative_to(inside):
        raise Malformed(f"{text[:200]!r} lies outside the media folder {root}")
    return real


@contextmanager
def open_folder(root: Path, path: str) -> Iterator[int]:
    """A descriptor of the folder at `path`: `root` itself or in it. Errors: Malformed outside of `root`; OSError."""
    inside = root.resolve()
    real = inside if Path(path).resolve() == inside else path_within(root, path)
    if real == inside:
        handle = os.open(inside, FOLDER)
    else:
        handle = plain_files.open_beneath(inside, str(real.relative_to(inside)), FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def make_folder(root: Path, path: str) -> Iterator[int]:
    """The same, made in its parent if need be. Errors: as before; OSError also for a link."""
    path_within(root, path)
    name = Path(path).name
    with open_folder(root, str(Path(path).parent)) as parent:
        is_new = True
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            is_new = False
        try:
            handle = os.open(name, FOLDER, dir_fd=parent)
        except NotADirectoryError as error:
            raise OSError(errno.ELOOP, "a link or a file where a folder is needed", path) from error
        try:
            if is_new:
                _like(parent, handle, 0o7777)
            yield handle
        finally:
            os.close(handle)


def put(folder: int, name: str, content: bytes) -> None:
    """Write the file `name` into an open folder, for readers whole or not at all. A link of this name is replaced, and what it
    points to stays. Errors: OSError."""
    with _replacing(folder, name) as file:
        file.write(content)


def put_copy(folder: int, name: str, source: BinaryIO) -> None:
    """The same with the content of an open file. Nothing is done when an earlier try has put it there: then size and time are
    those of `source`. Errors: OSError."""
    original, present = os.fstat(source.fileno()), _found(folder, name)
    # If the folder keeps times less exactly, the file is copied again
    if present and (present.st_size, present.st_mtime_ns) == (original.st_size, original.st_mtime_ns):
        return
    with _replacing(folder, name) as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.utime(file.fileno(), ns=(original.st_mtime_ns, original.st_mtime_ns))


def is_there(folder: int, name: str) -> bool:
    """Is there a regular file of this name in an open folder?"""
    return _found(folder, name) is not None


def text_of(folder: int, name: str) -> str:
    """The beginning of a small file of ours; "" for what is no regular file. Errors: OSError."""
    if not is_there(folder, name):
        return ""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        return file.read(MOST_MARK_BYTES).decode("ascii", "replace")


def _found(folder: int, name: str) -> os.stat_result | None:
    """The status of a regular file; None for anything else."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


@contextmanager
def _replacing(folder: int, name: str) -> Iterator[BinaryIO]:
    if Path(name).name != name:
        raise OSError(errno.EINVAL, "no name of a file", name)
    part = f".{name}{PART}"  # always the same, so that what a killed process leaves is removed by the next try
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
            _like(folder, handle, AS_FILE)
            opened, named = os.fstat(handle), _found(folder, part)
        if named is None or named.st_ino != opened.st_ino:
            raise OSError(errno.EBUSY, "another process is writing this file", name)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        raise
    os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _like(parent: int, descriptor: int, mask: int) -> None:
    parent_status = os.fstat(parent)
    if os.geteuid() == 0:
        os.fchown(descriptor, parent_status.st_uid, parent_status.st_gid)
    os.fchmod(descriptor, parent_status.st_mode & mask)
