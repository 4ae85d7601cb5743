"""The files of videos for a worker that shares nothing with the web host but its address.

- A source is fetched in ranges into a folder of this host. A broken download is resumed, and its sum is compared.
- A run works in a local folder. While it works, a thread sends what has grown, segments before the playlist that lists them,
  so that people can watch it as if the folder were shared. At the end all files are sent, compared, and published at once.
- Every request is small enough for a proxy, has a time-out, and is repeated while the web app is away.
Workers of one host help each other with a long recording in that folder; those of other hosts help by far_help.py.
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pod_jobs.answers import OFFSET
from pod_jobs.errors import (
    BadSource,
    NotFound,
    PodJobsError,
    Refused,
    ServiceUnavailable,
    Stopped,
    Superseded,
    translated_os_errors,
)
from pod_jobs.media_folder import LOG_NAME, PART, VIDEOS, is_dressing, is_source, video_folder
from pod_jobs.storage import HelpersPlace, PublishedFault, Run, web_calls
from pod_jobs.storage.received_run import Announced
from pod_jobs.storage.shared_folder import SharedFolder, SharedWorkFolder, leaves_part, lent_source
from pod_jobs.storage.web_calls import Tick, WebCalls, patiently
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

SEND_EVERY_S = 1.0
STALE_S = 86_400
SOURCES = "sources"  # the folder of fetched recordings


class OverHttp:
    """`Storage` by the calls `web`, in the local folder `folder`. They say how the bytes of files travel (by_bucket.py).

    Sources stay there for the next job of their video, up to `cache_bytes` in all.
    """

    def __init__(self, web: WebCalls, folder: Path, cache_bytes: int) -> None:
        self._web = web
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._local = SharedFolder(folder)
        self._tick: Tick = lambda: None

    @property
    def trouble(self) -> str:
        return self._web.trouble

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder if self._folder.exists() else self._folder.parent).free

    def check(self, identity: str) -> None:
        """The web app compares its media folder itself, at each request; here it only has to answer."""
        self._web.call("GET", "/me")

    @contextmanager
    def work_on(
        self, run: Run, tick: Callable[[], None], end_helpers: Callable[[Path], None]
    ) -> Iterator["HttpWorkFolder"]:
        self._tick = tick
        with translated_os_errors("work folder"):
            self._sweep()
            (self._folder / video_folder(run.video)).mkdir(parents=True, exist_ok=True)
        here = Run(run.video, run.kind, run.task, run.generation, run.what, resumes=run.resumes)
        place = self._folder / f"{run.folder}{PART}"
        try:
            with self._local.work_on(here, tick, end_helpers) as local:
                work = HttpWorkFolder(self._web, run, local, tick)
                try:
                    yield work
                except PodJobsError as error:
                    work.give_up(is_over=isinstance(error, Superseded), keep_part=leaves_part(error))
                    raise
                finally:
                    work.stop_sending()
        finally:
            with translated_os_errors("work folder"):
                plain_files.remove(place)

    def source(self, run: Run, name: str, tick: Tick | None = None) -> Path:
        if not is_source(name) and not is_dressing(name):
            raise BadSource(f"{name} is not a source", code="source-missing")
        path = self._folder / SOURCES / name.replace("/", "-")
        tick = tick or self._tick
        with translated_os_errors("work folder"), self._fetching(path, tick):
            if plain_files.size_of(path) is None:
                self._make_room(path)
                self._fetch(run, name, path, tick)
            os.utime(path)  # the one that was used last is removed last
        return path

    def helpers_place(self, run: Run) -> HelpersPlace:
        """Those of workers of the host whose worker called."""
        chunks = self._local.chunks_of(run)
        source = lent_source(chunks) or self._folder / SOURCES / run.source.replace("/", "-")
        if not chunks.is_dir() or plain_files.size_of(source) is None:
            raise Superseded(f"{run.folder} is over, or at work on another host")
        return HelpersPlace(chunks, source)

    def is_worked_on(self, run: Run) -> bool:
        return self._local.is_worked_on(run)

    def verify(self, identity: str) -> Iterator[tuple[float, list[PublishedFault]]]:
        raise ServiceUnavailable("published files can only be compared where the media folder is")

    @contextmanager
    def _fetching(self, path: Path, tick: Tick) -> Iterator[None]:
        """One worker of this host at a time fetches a source."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with plain_files.open_plain(path.with_name(f"{path.name}.lock"), "ab") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    tick()
                    time.sleep(web_calls.PAUSE_S[0] / 4)
            yield

    def _fetch(self, run: Run, name: str, path: Path, tick: Tick) -> None:
        announced = patiently(tick, lambda: self._web.source_sum(run, name))
        aside = path.with_name(f"{path.name}{PART}")
        if (plain_files.size_of(aside) or 0) > announced["bytes"]:
            plain_files.remove(aside)
        with plain_files.open_plain(aside, "ab") as file:

            def next_part() -> None:
                self._web.fetch(run, name, file.tell(), lambda piece: (file.write(piece), tick()))

            while file.seek(0, os.SEEK_END) < announced["bytes"]:
                patiently(tick, next_part)
            file.flush()
        with plain_files.open_plain(aside) as file:
            if plain_files.sha256_of(file) != announced["sha256"]:
                plain_files.remove(aside)
                self._web.source_differs(run, name)
                raise ServiceUnavailable(f"{name}: what arrived is not what the web host has; it is fetched anew")
        aside.rename(path)

    def _sweep(self) -> None:
        """Remove what killed runs left here more than a day ago; they have continued elsewhere."""
        for folder in (self._folder / VIDEOS).glob("[0-9]*"):
            if folder.stat().st_mtime < time.time() - STALE_S and not self._local.is_at_work_in(folder):
                plain_files.remove(folder)

    def _make_room(self, needed: Path) -> None:
        """Remove the sources that nobody used for longest, until the others are within the limit."""
        paths = [path for path in needed.parent.iterdir() if path.suffix not in (PART, ".lock") and path != needed]
        by_use = sorted((path.stat().st_mtime, path) for path in paths)
        over = sum(path.stat().st_size for _, path in by_use) - self._cache_bytes
        for _, path in by_use:
            if over <= 0:
                return
            over -= path.stat().st_size
            plain_files.remove(path)


class HttpWorkFolder:
    """`WorkFolder` on this host, whose files a thread sends while they grow."""

    def __init__(self, web: WebCalls, run: Run, local: SharedWorkFolder, tick: Tick) -> None:
        self._web, self._run, self._local, self._tick = web, run, local, tick
        self._sent: dict[str, int] = {}  # bytes of each file that the web host has
        self._shown: dict[str, str] = {}  # sums of the playlists that it has
        self._wake, self._over = threading.Event(), threading.Event()
        self._sender: threading.Thread | None = None
        self._ended: Stopped | None = None
        self.path, self.chunks = local.path, local.chunks

    def find_finished(self) -> dict[str, Any] | None:
        result: dict[str, Any] | None = patiently(self._tick, lambda: self._web.of_run("GET", self._run, "finished"))[
            "result"
        ]
        return result

    def left_behind(self, names: re.Pattern[str]) -> dict[str, bytes]:
        """Of an earlier run on this host."""
        return self._local.left_behind(names)

    def begin(self) -> Path:
        patiently(self._tick, lambda: self._web.of_run("POST", self._run, "begin"))
        folder = self._local.begin()
        self._sender = threading.Thread(target=self._send_while_it_grows, name="sender", daemon=True)
        self._sender.start()
        return folder

    def show(self) -> None:
        """Have the thread send what was written. Errors: Superseded, NotFound when the web host wants no more of this run."""
        self._wake.set()
        if self._ended:
            raise self._ended

    def is_shown(self, name: str) -> bool:
        return name in self._shown

    def publish(self, result: dict[str, Any]) -> None:
        self.stop_sending()
        self._local.drop_chunks()
        plain_files.check_folder(self.path)
        files = {name: Announced.of(self.path / name) for name in sorted(os.listdir(self.path))}
        deadline = time.monotonic() + web_calls.PATIENCE_S
        for name, announced in files.items():
            if self._sent.get(name) != announced.bytes:
                patiently(self._tick, partial(self._send_rest, name), deadline)
        body = {"result": result, "files": {name: asdict(announced) for name, announced in files.items()}}
        while differing := self._publish(body, deadline):
            for name in differing:
                self._sent[name] = 0
                patiently(self._tick, partial(self._send_rest, name), deadline)
        plain_files.remove(self.path)

    def stop_sending(self) -> None:
        self._over.set()
        self._wake.set()
        if self._sender is not None:
            self._sender.join()
            self._sender = None

    def give_up(self, *, is_over: bool, keep_part: bool) -> None:
        """Leave only the log on the web host, and with `keep_part` what people can watch. `is_over`: it wants no more of this
        run, and is not asked."""
        self.stop_sending()
        if is_over or not self.path.exists():
            return
        try:
            if (self.path / LOG_NAME).exists():
                self._send_rest(LOG_NAME)
            self._web.of_run("POST", self._run, "give-up", params={"part": "1"} if keep_part else {})
        except (PodJobsError, OSError) as error:
            log.info("task %s: its files stay on the web host until its next run: %s", self._run.task, error)

    def _publish(self, body: dict[str, Any], deadline: float) -> list[str]:
        """The files that differ on the web host from what was announced. Errors: ServiceUnavailable after too many tries."""
        differing: list[str] = patiently(
            self._tick, lambda: self._web.of_run("POST", self._run, "publish", json=body)["differing"], deadline
        )
        if foreign := sorted(set(differing) - set(body["files"])):
            raise ServiceUnavailable(f"the web host asks for {foreign[0]!r}, which was not announced")
        if differing and time.monotonic() > deadline:
            raise ServiceUnavailable(f"{', '.join(differing)}: what was sent does not arrive as it is")
        return differing

    def _send_while_it_grows(self) -> None:
        pause_s = SEND_EVERY_S
        while not self._over.wait(pause_s):
            self._wake.wait()
            self._wake.clear()
            if self._over.is_set():
                return
            try:
                self._send_grown()
                pause_s = SEND_EVERY_S
            except (Stopped, NotFound) as error:
                self._ended = error if isinstance(error, Stopped) else Superseded(error.reason)
                return
            except (PodJobsError, OSError) as error:
                log.info("task %s: will be shown later: %s", self._run.task, error)
                pause_s = min(2 * pause_s, web_calls.PAUSE_S[1])

    def _send_grown(self) -> None:
        """Segments first, and then the playlists as they were before, which list no more than what was sent."""
        names = sorted(os.listdir(self.path))
        most = plain_files.MOST_TEXT_BYTES
        lists = {name: plain_files.read_bytes(self.path / name, most=most) for name in names if name.endswith(".m3u8")}
        for name in names:
            if name.endswith(".m4s") or name == LOG_NAME:
                self._send_rest(name)
        for name, content in lists.items():
            digest = hashlib.sha256(content).hexdigest()
            if self._shown.get(name) != digest:
                self._web.of_run("PUT", self._run, f"files/{name}", data=content)
                self._shown[name], self._sent[name] = digest, len(content)

    def _send_rest(self, name: str) -> None:
        """Send what the web host has not of a file, from where it stopped. A file that became shorter is sent anew."""
        with plain_files.open_plain(self.path / name) as file:
            size = os.fstat(file.fileno()).st_size
            sent = self._sent.get(name, 0)
            if sent > size:
                sent = 0
            while sent < size or name not in self._sent:
                part = min(web_calls.PART_BYTES, size - sent)
                try:
                    self._web.send_part(self._run, f"files/{name}", file, sent, part)
                    sent += part
                except Refused as error:
                    if error.code != OFFSET:
                        raise
                    # less has arrived than we think: a part was lost on its way
                    sent = min(sent, self._web.of_run("GET", self._run, "files")["files"].get(name, 0))
                self._sent[name] = sent
