"""Reports of workers of other hosts: by HTTP, and on their own host's disk while the catalog is away.

DIR/reports/7-g2-a1.json has a report and its seal (catalog/seals.py). No other host can read, change or drop it, because it is
never in the key-value server; there, only the progress of its task says that it waits, so that the janitor orders no other run,
and the host's signs of life say how many do, for people. Every worker of the host sends what waits there before it takes a job.
"""

import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.client import CatalogClient
from pod_jobs.errors import DiskFull, PodJobsError, ServiceUnavailable, translated_os_errors
from pod_jobs.jobs import queue
from pod_jobs.jobs.report import REPORT_ID, deliver, entry_in
from pod_jobs.settings import Settings
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

FOLDER, ENDING = "reports", ".json"
WAITS = "report"  # the step of a task whose report waits
AT_A_STOP = ("interrupted", "lost")  # outcomes of runs whose worker is stopping


class KeptReports:
    """The reports that wait on this host."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings, self._redis = settings, redis
        self._folder = settings.home / FOLDER
        self._said = ""

    def tell(self, report_id: str, entry: dict[str, Any]) -> None:
        """Keep a report, and send it. Errors: ServiceUnavailable when it can be neither kept nor sent now."""
        hurries = entry["report"]["outcome"] in AT_A_STOP
        try:
            self.keep(report_id, entry)
        except (DiskFull, ServiceUnavailable) as error:
            log.warning("report %s cannot be kept: %s", report_id, error.reason)
            deliver(self._catalog(), report_id, entry, in_a_hurry=hurries)
            return
        try:
            self._send(report_id, entry, in_a_hurry=hurries)
        except ServiceUnavailable as error:
            log.warning("report %s waits on this host: %s", report_id, error.reason)
            self.show()

    def keep(self, report_id: str, entry: dict[str, Any]) -> None:
        """Errors: DiskFull, ServiceUnavailable."""
        with translated_os_errors("reports"):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with plain_files.replacing(self._path(report_id)) as file:
                file.write(json.dumps(entry).encode())
                file.flush()
                os.fsync(file.fileno())
            plain_files.sync(self._folder)

    def waiting(self) -> dict[str, dict[str, Any]]:
        """The reports that wait, by id."""
        entries = {name: self._read(name) for name in self._names()}
        return {name: entry for name, entry in entries.items() if entry is not None}

    def count(self) -> tuple[int, datetime | None]:
        """How many reports wait, and since when the oldest does. No file is read, for this is asked every few seconds."""
        since = []
        for report_id in self._names():
            with suppress(OSError):  # another worker has just sent it
                since.append(self._path(report_id).stat().st_mtime)
        return len(since), datetime.fromtimestamp(min(since), UTC) if since else None

    def send_all(self) -> bool:
        """Send what waits; one that cannot be sent holds up no other. Returns whether nothing waits any more."""
        latest_reason = ""
        for report_id, entry in self.waiting().items():
            try:
                self._send(report_id, entry)
            except PodJobsError as error:
                if error.reason != self._said:
                    log.warning("report %s waits on this host: %s", report_id, error.reason)
                latest_reason = error.reason
        self._said = latest_reason
        return not latest_reason

    def show(self) -> None:
        """Let the janitor and people know that these reports wait. Runs that others began of their tasks are left alone."""
        try:
            waiting = {entry["task"]: entry["report"] for entry in self.waiting().values()}
            progress = queue.read_progress(self._redis, waiting)
            for task, report in waiting.items():
                if progress.get(task, {}).get("step", WAITS) == WAITS:
                    notice = {"step": WAITS, "fraction": 1.0, "worker": report.get("worker", "")}
                    queue.write_progress(self._redis, task, notice)
        except RedisError as error:
            log.info("that reports wait cannot be said: %s", error)

    def _names(self) -> list[str]:
        try:
            names = sorted(name.removesuffix(ENDING) for name in os.listdir(self._folder) if name.endswith(ENDING))
        except OSError:
            return []
        return [name for name in names if REPORT_ID.fullmatch(name)]

    def _send(self, report_id: str, entry: dict[str, Any], *, in_a_hurry: bool = False) -> None:
        deliver(self._catalog(), report_id, entry, in_a_hurry=in_a_hurry)
        self._path(report_id).unlink(missing_ok=True)
        with suppress(RedisError):  # it was delivered; the progress expires
            if queue.read_progress(self._redis, [entry["task"]]).get(entry["task"], {}).get("step") == WAITS:
                queue.clear_progress(self._redis, entry["task"])

    def _read(self, report_id: str) -> dict[str, Any] | None:
        try:
            return entry_in(plain_files.read_bytes(self._path(report_id)))
        except OSError:  # another worker has just sent it
            return None

    def _path(self, report_id: str) -> Path:
        return self._folder / f"{report_id}{ENDING}"

    def _catalog(self) -> CatalogClient:
        return CatalogClient(self._settings.catalog_url, self._settings.secret("worker_token"))
