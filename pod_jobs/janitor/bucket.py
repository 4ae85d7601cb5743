"""Deletes what is left in the bucket of [s3]: parts of recordings that were read, and what a killed worker had sent.

An S3 server may answer slowly, so a sweep has a thread of its own. It does not use the database, and may be done twice.
"""

import logging
import threading
from datetime import datetime, timedelta

from pod_jobs.errors import PodJobsError
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

KEPT = timedelta(hours=24)  # longer than any link is valid that is still in use


class Sweeper:
    """At most one sweep at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: threading.Thread | None = None

    def begin(self, now: datetime) -> None:
        """Begin to delete what was written more than a day before `now`, unless that is still under way."""
        if self._settings.s3.endpoint and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._sweep, args=(now - KEPT,), name="bucket", daemon=True)
            self._thread.start()

    def _sweep(self, limit: datetime) -> None:
        try:
            if (bucket := self._settings.bucket) is not None and (count := bucket.sweep(limit)):
                log.info("bucket: %d old objects deleted", count)
        except PodJobsError as error:
            log.warning("bucket: %s", error.reason)
        except Exception:
            log.exception("bucket")
