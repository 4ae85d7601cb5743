"""The folder of a run whose worker has no part in the media folder: it sends its files, and they are published here.

Names and sizes come from another machine: only names of outputs are taken, and nothing is published before every file has
the size and the sum that the worker announced.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pod_jobs.errors import Refused, ServiceUnavailable, Superseded
from pod_jobs.media_folder import DONE_MARKER, FILE_NAME
from pod_jobs.storage import Run
from pod_jobs.storage.shared_folder import SharedWorkFolder, open_lock
from pod_jobs.system import plain_files

LOCK_WAIT_S, LOCK_POLL_S = 2.0, 0.02
MOST_FILES = 5_000  # of a run; an encoding makes some dozens


@dataclass(frozen=True)
class Announced:
    """What a worker says of a file that it has sent. `sha256` in hex."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Announced":
        """What is true of the plain file at `path`. Errors: OSError."""
        with plain_files.open_plain(path) as file:
            return cls.of_open(file)

    @classmethod
    def of_open(cls, file: BinaryIO) -> "Announced":
        """What is true of an open file. Errors: OSError."""
        return cls(os.fstat(file.fileno()).st_size, plain_files.sha256_of(file))


def open_at(path: Path, offset: int, *, beneath: Path | None = None) -> BinaryIO:
    """Open a file that arrives in parts, to write from `offset` on; what stood behind it is cut off. Links are followed up to
    `beneath`, as by open_plain. Errors: Refused when fewer than `offset` bytes are there; OSError."""
    file = plain_files.open_plain(path, "ab", beneath=beneath)
    try:
        if (size := os.fstat(file.fileno()).st_size) < offset:
            raise Refused(f"{path.name} has {size} bytes here, not {offset}", code="upload-offset")
        file.truncate(offset)
    except BaseException:
        file.close()
        raise
    return file


class ReceivedRun:
    """The files of `run` in the media folder `media`. `still` raises an error when the run is not the present one of its task
    any more; it is asked under the lock that keeps other runs from beginning. Errors of all methods: OSError."""

    def __init__(self, media: Path, run: Run, still: Callable[[], object]) -> None:
        self._media = media
        self.run = run
        self._still = still
        self._work = SharedWorkFolder(media, run, end_helpers=lambda chunks: None)

    def find_finished(self) -> dict[str, Any] | None:
        """The result of an earlier run of the task that was published and not reported."""
        return self._work.find_finished()

    def begin(self) -> None:
        """Remove what earlier runs of the task left unpublished, and make the folder. Errors: Superseded, ServiceUnavailable."""
        with self._held(fcntl.LOCK_EX):
            self._still()
            self._work.begin()

    def sizes(self) -> dict[str, int]:
        """File name -> bytes that have arrived."""
        try:
            names = os.listdir(self._work.path)
        except FileNotFoundError:
            return {}
        return {name: size for name in names if (size := plain_files.size_of(self._work.path / name)) is not None}

    def replace(self, name: str, content: bytes) -> None:
        """Write a small file anew, whole or not at all. Errors: Refused, Superseded, ServiceUnavailable."""
        with self._held(fcntl.LOCK_SH):
            self._still()
            with plain_files.replacing(self._path(name)) as file:
                file.write(content)

    @contextmanager
    def part(self, name: str, offset: int) -> Iterator[Callable[[bytes], None]]:
        """In this block, a function that adds bytes to a file from `offset` on; what stood behind it is cut off. What has
        arrived stays, also when the request breaks off. Errors: Refused when fewer than `offset` bytes are there; Superseded,
        also of the function once the folder was published or made anew; ServiceUnavailable."""
        with self._held(fcntl.LOCK_SH):
            self._still()
            path = self._path(name)
            file = open_at(path, offset)
        with file:

            def write(piece: bytes) -> None:
                with self._held(fcntl.LOCK_SH):
                    if _identity(path) != _identity(file.fileno()):
                        raise Superseded(f"{self.run.folder} is over, or was begun anew")
                    file.write(piece)
                    file.flush()

            yield write

    def publish(self, result: dict[str, Any], files: Mapping[str, Announced]) -> list[str]:
        """Publish exactly `files`. Returns the names of those that are not here as announced; then nothing is published. A
        second call after the first one's answer was lost does no harm. Errors: Refused, Superseded, ServiceUnavailable."""
        for name in files:
            _check_name(name)
        if self._is_published(files):
            return []
        read = {name: (_state(self._path(name)), announced) for name, announced in files.items()}
        differing = [name for name, (_, announced) in read.items() if not _is_as_announced(self._path(name), announced)]
        if differing:
            return differing
        with self._held(fcntl.LOCK_EX):  # reading the sums of large files takes minutes, in which much may happen
            self._still()
            differing = [name for name, (state, _) in read.items() if _state(self._path(name)) != state]
            if differing:
                return differing
            for name in self.sizes().keys() - files.keys():
                plain_files.remove(self._work.path / name)
            self._work.publish(result)
        return []

    def give_up(self, *, keep_part: bool) -> None:
        """Keep only the log, and with `keep_part` what people can watch. Errors: Superseded, ServiceUnavailable."""
        with self._held(fcntl.LOCK_EX):
            self._still()
            self._work.tidy_up(keep_part=keep_part, whoever_began=True)

    def _is_published(self, files: Mapping[str, Announced]) -> bool:
        folder = self._media / self.run.folder
        sizes = {name: plain_files.size_of(folder / name) for name in files}
        is_done = plain_files.size_of(folder / DONE_MARKER) is not None
        return is_done and sizes == {name: announced.bytes for name, announced in files.items()}

    def _path(self, name: str) -> Path:
        _check_name(name)
        if not self._work.path.is_dir():
            raise Superseded(f"{self.run.folder} has not begun, or is over")
        path = self._work.path / name
        if plain_files.size_of(path) is None and len(os.listdir(self._work.path)) >= MOST_FILES:
            raise Refused(f"{self.run.folder} has {MOST_FILES} files already")
        return path

    @contextmanager
    def _held(self, kind: int) -> Iterator[None]:
        """The lock of the video and template, which a worker with a part in the folder holds for its whole run. Whoever writes
        a piece shares it (LOCK_SH); whoever makes or publishes the folder has it alone (LOCK_EX)."""
        lock = open_lock(self._media, self.run, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + LOCK_WAIT_S
        try:
            while not _locked(lock, kind):
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(f"another run is still at work for {self.run.what}")
                time.sleep(LOCK_POLL_S)
            yield
        finally:
            os.close(lock)


def _check_name(name: str) -> None:
    if not FILE_NAME.fullmatch(name) or name == DONE_MARKER:
        raise Refused(f"{name!r} is not the name of an output")


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(file: Path | int) -> tuple[int, int] | None:
    """What tells one file from another; None when there is none of this name. While a file is open, no other gets the same."""
    try:
        state = os.stat(file)
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a file is written or replaced; None when there is none."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _is_as_announced(path: Path, announced: Announced) -> bool:
    return plain_files.size_of(path) == announced.bytes and Announced.of(path) == announced
