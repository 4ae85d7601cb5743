"""Where a job of a video works: one folder per generation, one worker per video and template, published by one rename.

videos/000003/lock-web             flock: who holds it is the only one that works on this for the video; dies with its process
videos/000003/encode-7-g2.part/    work under way; readable while it grows
videos/000003/encode-7-g2/         published; holds done.json, the result as it is reported, written last
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.errors import DiskFull, ServiceUnavailable
from pod_jobs.media.sharing import chunks
from pod_jobs.media_folder import LOG_NAME, run_folder
from pod_jobs.system.fsync import sync

LOCK_WAIT_S = 30.0  # another run of the same ends within its stop time, unless something is very wrong
LOCK_POLL_S = 0.25
DONE_MARKER = "done.json"
PART = ".part"
LOCK = "lock-"


@contextmanager
def only_worker_on(video_folder: Path, what: str, tick: Callable[[], None]) -> Iterator[None]:
    """Hold the video's lock for `what`: a template, or another kind of work.

    Errors: ServiceUnavailable when another run keeps it for 30 s; DiskFull; what `tick` raises.
    """
    with translated_os_errors():
        video_folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(video_folder / f"{LOCK}{what}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(f"{video_folder.name}: another run is still at work for {what}") from None
            tick()
            time.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(lock)


def is_worked_on(video_folder: Path, what: str) -> bool:
    """Does anybody hold the video's lock for `what`? Asking may make one that wants it wait a moment longer."""
    try:
        lock = os.open(video_folder / f"{LOCK}{what}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def find_done(video_folder: Path, kind: str, task_id: int) -> dict[str, Any] | None:
    """The result of an earlier run of this task whose files are all there, in their sizes; the newest one."""
    folders = sorted(video_folder.glob(f"{kind}-{task_id}-g*"), key=_generation, reverse=True)
    for folder in folders:
        if folder.name.endswith(PART):
            continue
        try:
            result: dict[str, Any] = json.loads((folder / DONE_MARKER).read_text())
            if all((folder / output["name"]).stat().st_size == output["bytes"] for output in result["outputs"]):
                return result
        except (OSError, ValueError, KeyError):
            continue
    return None


def begin(video_folder: Path, order: Order) -> Path:
    """An empty work folder for this run; what earlier runs of this task left half done goes. Call under the lock."""
    with translated_os_errors():
        for left in video_folder.glob(f"{order.kind}-{order.task}-g*{PART}"):
            chunks.clear(left / chunks.FOLDER)
            shutil.rmtree(left)
        work = video_folder / (run_folder(order.kind, order.task, order.generation) + PART)
        final = published(work)
        if final.exists():  # it has no valid marker, or find_done would have returned it
            shutil.rmtree(final)
        work.mkdir()
    return work


def publish(work: Path, result: dict[str, Any]) -> None:
    """Write the marker, make everything durable, and let the folder appear under its final name at once."""
    with translated_os_errors():
        marker = work / DONE_MARKER
        marker.write_text(json.dumps(result, ensure_ascii=False, indent=1))
        for path in work.iterdir():
            sync(path)
        sync(work)
        work.rename(published(work))
        sync(work.parent)


def keep_only_log(work: Path) -> None:
    """After a failure: free the disk, and leave what people read."""
    for path in work.iterdir():
        if path.name != LOG_NAME:
            path.unlink(missing_ok=True) if not path.is_dir() else shutil.rmtree(path, ignore_errors=True)


def published(work: Path) -> Path:
    return work.with_name(work.name.removesuffix(PART))


@contextmanager
def translated_os_errors() -> Iterator[None]:
    """OSError -> DiskFull or ServiceUnavailable: a media folder that does not answer is a passing fault."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(str(error)) from error
        raise ServiceUnavailable(f"media folder: {error}") from error


def _generation(folder: Path) -> int:
    digits = folder.name.removesuffix(PART).rpartition("-g")[2]
    return int(digits) if digits.isdigit() else -1
