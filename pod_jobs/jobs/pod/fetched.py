"""The files of the site that ordered a task: fetched by HTTP, or copied from the folder that it shares.

What is fetched lies on the worker's own disk, for this task alone. A fetch that was interrupted goes on in the next run of the
task on the same host. What nobody came back for goes after a day. Of a Pod 4.1, workers have the media folder itself under
Pod's own path, as Celery's had; nothing outside of it is opened. A copy costs the recording's size on this disk, and one
reading of it over the network, which the encoding is then spared.
"""

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pod_jobs.catalog.client import Order
from pod_jobs.celery.shared_folder import check_mounted, path_within
from pod_jobs.errors import (
    BadSource,
    Interrupted,
    Malformed,
    PodJobsError,
    ServiceUnavailable,
    TransientError,
    translated_os_errors,
)
from pod_jobs.jobs.context import Context
from pod_jobs.outside.addresses import Allowed
from pod_jobs.outside.fetching import Fetched, Limits, fetch
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

FOLDER = "fetched"  # in DIR/work
STALE_S = 86_400.0
APPEARS_S = 40.0  # how long after the order a file may be missing on a shared folder; Pod's own limit
PATIENCE_S = 86_400.0  # how long after the order a site that does not answer is asked again
GB = 10**9
PIECE_BYTES = 1 << 20
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # nothing there, or a link, folder or pipe


class FetchedFiles:
    """The files of one task. Every path is of this host."""

    def __init__(self, context: Context, order: Order, folder: Path) -> None:
        self._context, self._order, self._folder = context, order, folder
        self._allowed = Allowed(tuple(order.site["hosts"]), tuple(order.site["networks"]))
        self._most_bytes = int(context.settings.upload.max_gb * GB)
        self.fetched: dict[str, Fetched] = {}

    @property
    def is_shared(self) -> bool:
        """Does the site share its media folder with the workers? Then it is a Pod 4.1."""
        return bool(self._order.site.get("folder"))

    def get(self, name: str, url: str) -> Path:
        """The file at `url`, or at a path of the site's, under `name`, which becomes a file name. Errors: BadSource,
        AddressForbidden: final; ServiceUnavailable: the task tries again, for a day after its order."""
        if shared := self._order.site.get("folder"):
            return self._shared(name, Path(shared), url)
        to = self._folder / name

        def tick(size: int) -> None:
            self._context.tick(self._order, {"step": "fetch", "fraction": 0.0})

        with translated_os_errors("work folder"):
            try:
                self.fetched[name] = fetch(url, self._allowed, to, Limits(self._most_bytes), tick)
            except ServiceUnavailable as error:
                if self._order.site["age_s"] < PATIENCE_S:
                    raise
                host = url.split("/")[2] if "//" in url else "?"
                raise BadSource(error.reason, code="source-not-fetched", host=host) from error
        return to

    def _shared(self, name: str, root: Path, text: str) -> Path:
        """A copy of the file of this path in the media folder `root`. A copy, because ffmpeg opens files by name, and the site
        may exchange a name on its folder at any moment after the check."""
        to = self._folder / name
        path, file = self._open(root, text)
        with file:
            status = os.fstat(file.fileno())
            self._check_size(path, status.st_size)
            with translated_os_errors("work folder"):
                present = to.stat() if plain_files.size_of(to) == status.st_size else None
                # otherwise an earlier run has copied it
                if present is None or present.st_mtime_ns != status.st_mtime_ns:
                    self._copy(path, file, to)
                    os.utime(to, ns=(status.st_mtime_ns, status.st_mtime_ns))
        self.fetched[name] = Fetched(status.st_size, "", str(path))
        return to

    def _open(self, root: Path, text: str) -> tuple[Path, BinaryIO]:
        """The file, and where it really is. A file that was written just now may take a while to appear here."""
        if self._order.site["age_s"] < PATIENCE_S:
            check_mounted(root, str(self._order.site.get("folder_mark", "")))
        with translated_os_errors("the site's media folder"):
            try:
                path = path_within(root, text if text.startswith("/") else f"{root}/{text}")
            except Malformed as error:
                raise BadSource(error.reason, code="source-outside") from error
            try:
                return path, plain_files.open_plain(path, beneath=root.resolve(), linked=True)
            except OSError as error:
                if error.errno not in NO_FILE:
                    raise
                if error.errno == errno.ENOENT and self._order.site["age_s"] < APPEARS_S:
                    raise ServiceUnavailable(f"{path} is not there yet") from error
                raise BadSource(f"{path} is no file", code="source-not-there", name=path.name) from error

    def _copy(self, path: Path, file: BinaryIO, to: Path) -> None:
        size = 0
        with plain_files.replacing(to) as copy:
            while piece := file.read(PIECE_BYTES):
                size += len(piece)
                self._check_size(path, size)
                copy.write(piece)
                self._context.tick(self._order, {"step": "fetch", "fraction": 0.0})

    def _check_size(self, path: Path, size: int) -> None:
        if size > self._most_bytes:
            raise BadSource(f"{path} has {size} bytes", code="source-too-large", limit=f"{self._most_bytes / GB:g} GB")


@contextmanager
def fetched_files(context: Context, order: Order) -> Iterator[FetchedFiles]:
    """A folder for the files that this task fetches. It goes when the task has ended."""
    place = context.settings.home / "work" / FOLDER
    folder = place / f"task-{order.task}"
    with translated_os_errors("work folder"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(place, folder)
    try:
        yield FetchedFiles(context, order, folder)
    except (TransientError, Interrupted):
        raise  # the next run goes on with what has arrived
    except PodJobsError:
        plain_files.remove(folder)
        raise
    plain_files.remove(folder)


def _sweep(place: Path, own_folder: Path) -> None:
    for folder in place.iterdir():
        if folder == own_folder:
            continue
        if max(path.stat().st_mtime for path in (folder, *folder.glob("*"))) < time.time() - STALE_S:
            log.info("%s: nobody came back for it", folder)
            plain_files.remove(folder)
