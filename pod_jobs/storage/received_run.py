"""The folder of a run whose worker has no part in the media folder: it sends its files, and they are published here.

Names and sizes come from another machine: only names of outputs are taken, and nothing is published before every file has
the size and the sum that the worker announced.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pod_jobs.errors import Refused, ServiceUnavailable, Superseded
from pod_jobs.media_folder import DONE_MARKER, FILE_NAME
from pod_jobs.storage import Run
from pod_jobs.storage.shared_folder import SharedWorkFolder, open_lock
from pod_jobs.system import plain_files

Read = Callable[[int], bytes]  # at most so many bytes of a request's body; b"" at its end


@dataclass(frozen=True)
class Announced:
    """What a worker says of a file that it has sent. `sha256` in hex."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Announced":
        """What is true of the plain file at `path`. Errors: OSError."""
        with plain_files.open_plain(path) as file:
            return cls(os.fstat(file.fileno()).st_size, plain_files.sha256_of(file))


class ReceivedRun:
    """The files of `run` in the media folder `media`. The caller checks that the run is the present one of its task. Errors of
    all methods: OSError."""

    def __init__(self, media: Path, run: Run) -> None:
        self._media = media
        self._run = run
        self._work = SharedWorkFolder(media, run, end_helpers=lambda chunks: None)

    def find_finished(self) -> dict[str, Any] | None:
        """The result of an earlier run of the task that was published and not reported."""
        return self._work.find_finished()

    def begin(self) -> None:
        """Remove what earlier runs of the task left unpublished, and make the folder. Errors: ServiceUnavailable."""
        with self._held():
            self._work.begin()

    def sizes(self) -> dict[str, int]:
        """File name -> bytes that have arrived."""
        try:
            names = os.listdir(self._work.path)
        except FileNotFoundError:
            return {}
        return {name: size for name in names if (size := plain_files.size_of(self._work.path / name)) is not None}

    def replace(self, name: str, read: Read) -> int:
        """Write a small file anew, whole or not at all. Returns its size. Errors: Refused, Superseded."""
        with plain_files.replacing(self._path(name)) as file:
            while piece := read(plain_files.PIECE_BYTES):
                file.write(piece)
            return file.tell()

    def append(self, name: str, offset: int, read: Read) -> int:
        """Add bytes to a file from `offset` on; what stood behind it is cut off. What has arrived stays, also when the request
        breaks off. Returns the size. Errors: Refused when fewer than `offset` bytes are there; Superseded."""
        path = self._path(name)
        with plain_files.open_plain(path, "ab") as file:
            if (size := os.fstat(file.fileno()).st_size) < offset:
                raise Refused(f"{name} has {size} bytes here, not {offset}", code="upload-offset")
            file.truncate(offset)
            while piece := read(plain_files.PIECE_BYTES):
                file.write(piece)
            file.flush()
            return os.fstat(file.fileno()).st_size

    def publish(self, result: dict[str, Any], files: Mapping[str, Announced]) -> list[str]:
        """Publish exactly `files`. Returns the names of those that are not here as announced; then nothing is published. A
        second call after the first one's answer was lost does no harm. Errors: Refused, Superseded, ServiceUnavailable."""
        for name in files:
            _check_name(name)
        if self._is_published(files):
            return []
        differing = [name for name, one in files.items() if not _is_as_announced(self._path(name), one)]
        if differing:
            return differing
        with self._held():
            for name in self.sizes().keys() - files.keys():
                plain_files.remove(self._work.path / name)
            self._work.publish(result)
        return []

    def give_up(self) -> None:
        """Keep only the log, which people read. Errors: ServiceUnavailable."""
        with self._held():
            self._work.keep_only_log(and_chunks=False, whoever_began=True)

    def _is_published(self, files: Mapping[str, Announced]) -> bool:
        folder = self._media / self._run.folder
        sizes = {name: plain_files.size_of(folder / name) for name in files}
        is_done = plain_files.size_of(folder / DONE_MARKER) is not None
        return is_done and sizes == {name: one.bytes for name, one in files.items()}

    def _path(self, name: str) -> Path:
        _check_name(name)
        if not self._work.path.is_dir():
            raise Superseded(f"{self._run.folder} has not begun, or is over")
        return self._work.path / name

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock of the video and template, which a worker with a part in the folder holds for its whole run."""
        lock = open_lock(self._media, self._run, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise ServiceUnavailable(f"another run is still at work for {self._run.what}") from error
        finally:
            os.close(lock)


def _check_name(name: str) -> None:
    if not FILE_NAME.fullmatch(name) or name == DONE_MARKER:
        raise Refused(f"{name!r} is not the name of an output")


def _is_as_announced(path: Path, announced: Announced) -> bool:
    return plain_files.size_of(path) == announced.bytes and Announced.of(path) == announced
