"""The media folder of an Esup-Pod 4.1 (its MEDIA_ROOT), which this host has under the same path.

Paths come from messages, so that each is followed to where it really is before anything is opened. New files get the rights
and, as root, the owner of the folder that they are put into: Pod has to delete them later.
"""

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pod_jobs.errors import Malformed

AS_FILE = 0o666  # of a folder's rights, those that make sense for a file


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


def make_folder(root: Path, path: str) -> Path:
    """The folder at `path`, made in its parent if need be. Errors: Malformed outside of `root`; OSError, also for a link."""
    path_within(root, path)
    folder = Path(path).parent.resolve() / Path(path).name
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "a link where a folder is needed", str(folder))
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        _like(folder.parent, folder, 0o7777)
    return folder


def put(folder: Path, name: str, content: bytes) -> None:
    """Write the file `name`, for readers of the folder whole or not at all. A link of this name is replaced, and what it points
    to stays. Errors: OSError."""
    with _replacing(folder, name) as file:
        file.write(content)


def put_copy(folder: Path, name: str, source: BinaryIO) -> None:
    """The same with the content of an open file. Nothing is done when an earlier try has put it there: then size and time are
    those of `source`. Errors: OSError."""
    wanted, present = os.fstat(source.fileno()), _found(folder / name)
    # where times are kept less exactly it is copied again
    if present and (present.st_size, present.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
        return
    with _replacing(folder, name) as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.utime(file.fileno(), ns=(wanted.st_mtime_ns, wanted.st_mtime_ns))


def _found(path: Path) -> os.stat_result | None:
    """Of a regular file; None for anything else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


@contextmanager
def _replacing(folder: Path, name: str) -> Iterator[BinaryIO]:
    part = folder / f".{name}.{uuid.uuid4().hex}"
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _like(folder, part, AS_FILE)
        part.replace(folder / name)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _like(parent: Path, made: Path, mask: int) -> None:
    found = parent.stat()
    if os.geteuid() == 0:
        os.chown(made, found.st_uid, found.st_gid)
    made.chmod(found.st_mode & mask)
