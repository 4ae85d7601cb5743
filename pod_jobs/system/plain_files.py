"""Opens files in folders where a hostile program may have planted other things under their names (Linux).

An encoder that an upload has taken over can write to its work folder: a link to a secret, a pipe that blocks every process
that opens it, a program with a set-user-id bit. The functions here open only regular files below the given folder, and
follow no link on the way. For everything else they raise an OSError with the number ELOOP. This file imports nothing of
ours, so that any layer may use it.
"""

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

# What os.link raises on file systems, or for users, where a file can have no second name
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
PIECE_BYTES = 1 << 20
MOST_BYTES = 256 * 1024 * 1024  # of a file that is read whole
MOST_TEXT_BYTES = 16 * 1024 * 1024  # of a playlist, a list of pictures, a layout …
NEW_FILE_MODE = 0o640
NEW_FOLDER_MODE = 0o750
SET_ID = stat.S_ISUID | stat.S_ISGID
# What os.open raises when the name is a link out of the folder, a pipe or socket, a folder, a device
IN_PLACE_OF_A_FILE = (errno.EXDEV, errno.ENXIO, errno.EISDIR, errno.ENODEV)

OPENAT2 = 437  # openat2(2), Linux 5.6; the number is the same on every architecture that Python knows but Alpha
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
WITHOUT_OPENAT2 = (errno.ENOSYS, errno.EPERM)  # an older kernel; a container whose seccomp filter does not know it

How = Literal["rb", "wb", "ab", "xb"]
FLAGS: dict[How, int] = {
    "rb": os.O_RDONLY,
    "wb": os.O_WRONLY | os.O_CREAT,  # no O_TRUNC: the file is emptied only after it was checked
    "ab": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def open_plain(path: Path, how: How = "rb", *, beneath: Path | None = None, linked: bool = False) -> BinaryIO:
    """Open the regular file at `path`; "xb" makes it, and fails if anything has its name.

    Links are followed up to `beneath` (default: the folder of `path`), and not below it. `linked`: the file may have more
    than one name. Errors: OSError, with ELOOP for anything but such a file.
    """
    root = beneath or path.parent
    handle = open_beneath(root, str(path.relative_to(root)), FLAGS[how] | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        if not is_plain(status, linked=linked):
            raise not_plain(path)
        if how == "wb":
            os.ftruncate(handle, 0)
        return os.fdopen(handle, how.replace("x", "w"))  # type: ignore[return-value]  # binary, as `how` says
    except BaseException:
        os.close(handle)
        raise


def is_plain(status: os.stat_result, *, linked: bool = False) -> bool:
    """Is this a regular file without set-id bits and, unless `linked`, without a second name elsewhere? It has no name at all
    if another file has taken its place since it was opened, as ffmpeg does with playlists."""
    return stat.S_ISREG(status.st_mode) and not status.st_mode & SET_ID and (linked or status.st_nlink <= 1)


def not_plain(path: Path) -> OSError:
    return OSError(errno.ELOOP, "not a plain file", str(path))


def open_beneath(root: Path, name: str, flags: int, mode: int = NEW_FILE_MODE) -> int:
    """A descriptor of `root`/`name`; no part of `name` may be a link or lead out of `root`. Errors: OSError."""
    parts = Path(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise OSError(errno.ELOOP, "not a name below the folder", name)
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    start = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            return _openat2(start, name, flags, mode)
        except OSError as error:
            if error.errno not in WITHOUT_OPENAT2:
                raise
        return _open_by_parts(start, parts, flags, mode)
    except OSError as error:
        if error.errno in IN_PLACE_OF_A_FILE:
            raise not_plain(root / name) from error
        error.filename = str(root / name)
        raise
    finally:
        os.close(start)


def _openat2(start: int, name: str, flags: int, mode: int) -> int:
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
    how = _OpenHow(flags, mode if flags & os.O_CREAT else 0, resolve)
    handle: int = _LIBC.syscall(OPENAT2, start, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how))
    if handle < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return handle


def _open_by_parts(start: int, parts: tuple[str, ...], flags: int, mode: int) -> int:
    folder = os.dup(start)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], flags, mode, dir_fd=folder)
    finally:
        os.close(folder)


def read_bytes(path: Path, *, beneath: Path | None = None, most: int = MOST_BYTES) -> bytes:
    """The content of a file. Errors: as of open_plain; EFBIG for more than `most` bytes, as a hostile program may write them."""
    with open_plain(path, beneath=beneath) as file:
        return read_whole(file, most)


def read_whole(file: BinaryIO, most: int) -> bytes:
    """What is left to read of an open file. Errors: OSError, EFBIG for more than `most` bytes."""
    content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes")
    return content


def read_text(path: Path, errors: str = "strict") -> str:
    """The content of a file in UTF-8. Errors: as of open_plain; ValueError."""
    return read_bytes(path, most=MOST_TEXT_BYTES).decode("utf-8", errors)


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of what is left to read of an open file, in hex. Errors: OSError."""
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file, for readers of the folder whole or not at all; what had the name before is replaced. Errors: OSError."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, which takes the name `path` at the end of the block: readers see the old one or all of the new one. After an
    error the old one stays, and nothing of the new one. Errors: OSError."""
    aside = path.with_name(f"{path.name}.tmp")
    remove(aside)
    try:
        with open_plain(aside, "xb") as file:
            yield file
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            remove(aside)
        raise


def size_of(path: Path) -> int | None:
    """Bytes of the plain file at `path`; None when there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_size if is_plain(status, linked=True) else None


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk, so that they survive a power cut.

    Errors: OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_folder(folder: Path) -> None:
    """Errors: OSError with ELOOP that names the first entry which is not a plain file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_plain(entry.stat(follow_symlinks=False)):
                raise not_plain(folder / entry.name)


def remove(path: Path) -> None:
    """Remove whatever has this name: a link, and not what it points to. It may be missing. Errors: OSError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        for _ in removing(path):
            pass
    else:
        path.unlink(missing_ok=True)


def removing(folder: Path) -> Iterator[None]:
    """Remove the folder at `folder` with all that is in it, a name at each step. Errors: OSError.

    Follows no link. Nested folders are first moved up, so that no depth of them costs more than two descriptors; those
    whose modes shut us out are opened up.
    """
    top = _open_folder(folder.name, os.open(folder.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), close=True)
    try:
        yield from _emptying(top)
    finally:
        os.close(top)
    folder.rmdir()
    yield


def _emptying(top: int) -> Iterator[None]:
    waiting, count, unguessable = [""], 0, os.urandom(8).hex()
    while waiting:
        name = waiting.pop()
        folder = _open_folder(name, top) if name else os.dup(top)
        try:
            with os.scandir(folder) as entries:
                names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for below, is_folder in names:
                if is_folder:
                    count += 1
                    moved = f".removed-{unguessable}-{count}"
                    os.close(_open_folder(below, folder))
                    os.rename(below, moved, src_dir_fd=folder, dst_dir_fd=top)
                    waiting.append(moved)
                else:
                    os.unlink(below, dir_fd=folder)
                yield
        finally:
            os.close(folder)
        if name:
            os.rmdir(name, dir_fd=top)  # empty: its own folders were moved out of it


def _open_folder(name: str, parent: int, *, close: bool = False) -> int:
    """A descriptor that lists the folder, made accessible if need be. `close`: the parent's descriptor as well."""
    try:
        place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if os.fstat(place).st_mode & 0o700 != 0o700:
                os.chmod(f"/proc/self/fd/{place}", 0o700)  # a descriptor by path takes no fchmod
        finally:
            os.close(place)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        if close:
            os.close(parent)
