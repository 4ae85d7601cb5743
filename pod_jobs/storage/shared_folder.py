"""The media folder for workers: one folder that the web host and all workers have mounted.

- flock on videos/000003/lock-web admits one run at a time for each video and template. The kernel releases the lock when a
  process dies.
- Each generation works in a folder of its own and publishes it by one rename.
- Files that an encoder wrote are opened without following links, and published only if all of them are plain files.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pod_jobs.errors import (
    BadSource,
    DiskFull,
    Interrupted,
    PodJobsError,
    ServiceUnavailable,
    Stopped,
    Superseded,
    TransientError,
    translated_os_errors,
)
from pod_jobs.media_folder import (
    CHUNKS,
    DONE_MARKER,
    HELPERS,
    LOCK,
    LOG_NAME,
    PART,
    VIDEOS,
    is_dressing,
    is_source,
    parse_run_folder,
    part_to_watch,
    video_folder,
)
from pod_jobs.storage import HelpersPlace, PublishedFault, Run, identity
from pod_jobs.system import plain_files
from pod_jobs.system.plain_files import NO_HARD_LINKS, sync

LOCK_WAIT_S = 30.0  # an earlier run that has to stop releases the lock much sooner
LOCK_POLL_S = 0.25
LAG_S = (0.0, 0.5)  # pauses before a network share is asked again for a file that it does not have
LENT = "source"  # in the folder of the chunks: see `lend_source`
ROOM_BYTES = 1_000_000_000  # what a copy of a recording leaves free of the disk


class SharedFolder:
    """`Storage` on the media folder at `media`."""

    trouble = ""

    def __init__(self, media: Path) -> None:
        self._media = media

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._media).free

    def check(self, expected: str) -> None:
        identity.check(self._media, expected)

    @contextmanager
    def work_on(
        self, run: Run, tick: Callable[[], None], end_helpers: Callable[[Path], None]
    ) -> Iterator["SharedWorkFolder"]:
        with self._present(run.media), self._held(run, tick):
            work = SharedWorkFolder(self._media, run, end_helpers)
            try:
                with translated_os_errors():
                    yield work
            except PodJobsError as error:
                goes_on = run.resumes and isinstance(error, Interrupted | TransientError)
                with translated_os_errors():
                    work.tidy_up(keep_part=leaves_part(error), keep_chunks=goes_on)
                raise

    def source(self, run: Run, name: str, tick: Callable[[], object] | None = None) -> Path:
        with translated_os_errors():
            if (is_source(name) or is_dressing(name)) and _appears(self._media / name):
                return self._media / name
        self.check(run.media)
        raise BadSource(f"{name} is not there", code="source-missing")

    def helpers_place(self, run: Run) -> HelpersPlace:
        with translated_os_errors():
            chunks = self.chunks_of(run)
            if not chunks.is_dir():
                raise Superseded(f"{run.folder} is over")
        return HelpersPlace(chunks, lent_source(chunks) or self.source(run, run.source))

    def chunks_of(self, run: Run) -> Path:
        return self._media / f"{run.folder}{CHUNKS}"

    def is_worked_on(self, run: Run) -> bool:
        """Tries the lock for an instant, for which a run that wants it may have to wait."""
        return _is_locked(self._media / video_folder(run.video) / f"{LOCK}{run.what}")

    def is_at_work_in(self, folder: Path) -> bool:
        """Does any run hold the video whose folder this is?"""
        return any(_is_locked(path) for path in folder.glob(f"{LOCK}*"))

    def verify(self, expected: str) -> Iterator[tuple[float, list[PublishedFault]]]:
        with translated_os_errors():
            self.check(expected)
            markers = sorted((self._media / VIDEOS).glob(f"[0-9]*/*/{DONE_MARKER}"))
        for number, marker in enumerate(markers):
            faults = self._faults_beside(marker)
            if faults:
                self.check(expected)
            yield number / len(markers), faults

    def _faults_beside(self, marker: Path) -> list[PublishedFault]:
        name = marker.parent.relative_to(self._media)
        try:
            outputs = _read_result(marker.parent)["outputs"]
            return [
                PublishedFault(f"{name}/{output['name']}", text)
                for output in outputs
                if (text := _fault(marker, output))
            ]
        except FileNotFoundError:
            return []  # the janitor has removed the folder in between
        except (OSError, ValueError, LookupError, TypeError) as error:
            return [PublishedFault(f"{name}/{marker.name}", f"{type(error).__name__}: {error}")]

    @contextmanager
    def _present(self, expected: str) -> Iterator[None]:
        """Check the media folder, and again after an error in the block: if it is away by then, that is the cause, and is
        raised instead."""
        self.check(expected)
        try:
            yield
        except Stopped:
            raise
        except Exception:
            self.check(expected)
            raise

    @contextmanager
    def _held(self, run: Run, tick: Callable[[], None]) -> Iterator[None]:
        place = video_folder(run.video)
        with translated_os_errors():
            try:
                lock = open_lock(self._media, run, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError as error:
                raise BadSource(f"{place} is not there", code="source-missing") from error
        try:
            deadline = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ServiceUnavailable(f"{place}: another run is still at work for {run.what}") from None
                tick()
                time.sleep(LOCK_POLL_S)
            yield
        finally:
            os.close(lock)


def lend_source(source: Path, chunks: Path, tick: Callable[[], object]) -> None:
    """Give helpers a recording that only its owner has, such as one that another site keeps: a hard link in the folder of the
    chunks, or a copy on another disk. Errors: DiskFull; what `tick` raises."""
    with translated_os_errors():
        try:
            os.link(source, chunks / LENT)
        except OSError as error:
            if error.errno not in (errno.EXDEV, *NO_HARD_LINKS):
                raise
            if shutil.disk_usage(chunks).free < source.stat().st_size + ROOM_BYTES:
                raise DiskFull(f"no room to copy {source.name} for helpers") from error
            with plain_files.open_plain(source, linked=True) as file, plain_files.replacing(chunks / LENT) as copy:
                while piece := file.read(plain_files.PIECE_BYTES):
                    copy.write(piece)
                    tick()


def lent_source(chunks: Path) -> Path | None:
    """What `lend_source` put there, if anything."""
    path = chunks / LENT
    return path if plain_files.size_of(path) is not None else None


def leaves_part(error: PodJobsError) -> bool:
    """Does a run that ends with `error` leave what people can watch of it? Not if nobody asks why, or if the room is needed."""
    return not isinstance(error, Stopped | DiskFull)


def open_lock(media: Path, run: Run, flags: int) -> int:
    """A descriptor of the file whose lock admits one run at a time for a video and a template. Errors: OSError."""
    name = f"{video_folder(run.video).removeprefix(f'{VIDEOS}/')}/{LOCK}{run.what}"
    return plain_files.open_beneath(media / VIDEOS, name, flags)


class SharedWorkFolder:
    """`WorkFolder` in the media folder, in which people can watch files while they grow."""

    def __init__(self, media: Path, run: Run, end_helpers: Callable[[Path], None]) -> None:
        self._run = run
        self._end_helpers = end_helpers
        self._published = media / run.folder
        self._has_begun = False
        self.path = self._published.with_name(self._published.name + PART)
        self.chunks = self._published.with_name(self._published.name + CHUNKS)

    def find_finished(self) -> dict[str, Any] | None:
        """The newest result whose files all exist with their sizes."""
        for folder in reversed(self._earlier("")):
            try:
                result = _read_result(folder)
                if not any(_fault(folder / DONE_MARKER, output) for output in result["outputs"]):
                    return result
            except (OSError, ValueError, LookupError, TypeError):
                continue
        return None

    def left_behind(self, names: re.Pattern[str]) -> dict[str, bytes]:
        """Those of the newest run that left some."""
        for chunks in reversed(self._earlier(CHUNKS)):
            pieces = sorted(name for name in os.listdir(chunks) if names.fullmatch(name))
            if pieces:
                return {
                    name: plain_files.read_bytes(chunks / name) for name in pieces if plain_files.size_of(chunks / name)
                }
        return {}

    def begin(self) -> Path:
        for chunks in self._earlier(CHUNKS):
            self._end_helpers(chunks)
            plain_files.remove(chunks)
        for leftover in (*self._earlier(PART), *self._earlier(HELPERS)):
            plain_files.remove(leftover)
        plain_files.remove(self._published)  # it has no valid marker, or find_finished would have returned it
        self.path.mkdir(mode=plain_files.NEW_FOLDER_MODE)
        self._has_begun = True
        return self.path

    def show(self) -> None:
        """Does nothing, because the web app sees the same files."""

    def is_shown(self, name: str) -> bool:
        return plain_files.size_of(self.path / name) is not None

    def drop_chunks(self) -> None:
        """End what helpers do, and remove their pieces."""
        self._end_helpers(self.chunks)
        plain_files.remove(self.chunks)

    def publish(self, result: dict[str, Any]) -> None:
        self.drop_chunks()
        with plain_files.open_plain(self.path / DONE_MARKER, "xb") as marker:
            marker.write(json.dumps(result, ensure_ascii=False, indent=1).encode())
        for name in os.listdir(self.path):  # raises for anything but a plain file, and nothing is published
            with plain_files.open_plain(self.path / name) as file:
                os.fsync(file.fileno())
        sync(self.path)
        self.path.rename(self._published)
        sync(self._published.parent)

    def tidy_up(self, *, keep_part: bool, keep_chunks: bool = False, whoever_began: bool = False) -> None:
        """After a failure, remove all files but the log, which people read; with `keep_part`, but what they can watch; and, with
        `keep_chunks`, but the chunks, with which the next run goes on, without the recording that was lent to helpers. Does
        nothing when this object did not begin the run, unless `whoever_began`."""
        if not (self._has_begun or whoever_began) or not self.path.exists():
            return
        # helpers see it go and end by themselves; the next run waits for them, a stop must not
        with suppress(OSError):
            plain_files.remove(self.chunks / LENT if keep_chunks else self.chunks)
        with os.scandir(self.path) as entries:
            states = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        sizes = {name: state.st_size for name, state in states.items() if plain_files.is_plain(state)}
        kept = {LOG_NAME, *(part_to_watch(sizes) if keep_part else ())} & sizes.keys()
        for name in states.keys() - kept:
            plain_files.remove(self.path / name)

    def _earlier(self, ending: str) -> list[Path]:
        """The folders with this ending of all runs of this task, the oldest generation first."""
        by_generation = {}
        with suppress(FileNotFoundError):
            for path in self._published.parent.iterdir():
                name = path.name.removesuffix(ending) if path.name.endswith(ending) else ""
                run = parse_run_folder(name)
                if run and run[:2] == (self._run.kind, self._run.task):
                    by_generation[run.generation] = path
        return [by_generation[generation] for generation in sorted(by_generation)]


def _appears(path: Path) -> bool:
    """Is there such a plain file? A network share may remember that there was none, until its folder is listed anew."""
    for pause_s in LAG_S:
        if plain_files.size_of(path) is not None:
            return True
        time.sleep(pause_s)
        with suppress(FileNotFoundError, NotADirectoryError):
            os.listdir(path.parent)
    return plain_files.size_of(path) is not None


def _is_locked(path: Path) -> bool:
    try:
        lock = plain_files.open_beneath(path.parent.parent, f"{path.parent.name}/{path.name}", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _read_result(folder: Path) -> dict[str, Any]:
    """The result in the done marker of a published folder. Errors: OSError, ValueError."""
    result: dict[str, Any] = json.loads(plain_files.read_bytes(folder / DONE_MARKER))
    return result


def _fault(marker: Path, output: dict[str, Any]) -> str:
    """How the file of `output` differs from the result; "" = it does not."""
    size = plain_files.size_of(marker.with_name(output["name"]))
    if size == output["bytes"]:
        return ""
    return "missing" if size is None else f"{size} bytes instead of {output['bytes']}"
