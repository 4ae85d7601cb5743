"""Retention: what is deleted, replaced or too old leaves the disk and the tables. Never a file that a row points to."""

import logging
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

from pod_jobs.catalog.store import retention, sessions, uploads
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

REPLACED_MARK = "replaced"  # file in an output folder: since when nothing points to it
UNCLAIMED_H = 24  # hours after which a video folder that no row knows is garbage of a crashed upload


def purge(settings: Settings, now: datetime) -> None:
    """One round over everything."""
    _purge_uploads(settings, now)
    sessions.forget_expired(now)
    for video in retention.deleted_videos():
        folder = settings.media_folder / f"videos/{video.id:06d}"
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            retention.forget_video(video.id)
            log.info("video %s: purged", video.id)
    _purge_unclaimed(settings.media_folder, now - timedelta(hours=UNCLAIMED_H))
    if settings.retention.old_outputs_days:
        _purge_old_outputs(settings.media_folder, timedelta(days=settings.retention.old_outputs_days))
    if settings.retention.tasks_days:
        retention.forget_tasks(now - timedelta(days=settings.retention.tasks_days))
    if settings.retention.audit_days:
        retention.forget_audit(now - timedelta(days=settings.retention.audit_days))


def _purge_uploads(settings: Settings, now: datetime) -> None:
    """Uploads that nobody went on with, and files that no row knows: of a form upload that broke off, or a crash."""
    limit = now - timedelta(hours=settings.upload.expire_h)
    for upload in uploads.untouched_since(limit):
        (settings.media_folder / "uploads" / upload.id).unlink(missing_ok=True)
        uploads.delete(upload)
    for path in (settings.media_folder / "uploads").glob("*"):
        if _is_older(path, limit):
            path.unlink(missing_ok=True)


def _purge_unclaimed(media: Path, limit: datetime) -> None:
    """An upload puts its file in place before it commits; where the commit never came, the folder belongs to nobody.

    Only a bare source is such a thing, and only under a number that the catalog has passed: an empty, older or wrong
    database must never cost a recording.
    """
    known = retention.known_videos()
    for folder in (media / "videos").glob("[0-9]*"):
        if not folder.name.isdigit() or int(folder.name) in known or int(folder.name) > max(known, default=0):
            continue
        bare = {path.name for path in folder.iterdir()} <= {"source", "lock"}
        if bare and _is_older(folder, limit):
            shutil.rmtree(folder, ignore_errors=True)
            log.info("%s: nobody's, purged", folder.name)


def _purge_old_outputs(media: Path, keep: timedelta) -> None:
    """Output folders that are not published and not of an open task, `keep` after they were first found so."""
    used = retention.folders_in_use()
    for folder in (media / "videos").glob("[0-9]*/*-g[0-9]*"):
        mark = folder / REPLACED_MARK
        if str(folder.relative_to(media)) in used:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch()
        elif time.time() - mark.stat().st_mtime > keep.total_seconds():
            shutil.rmtree(folder, ignore_errors=True)
            log.info("%s: purged", folder.relative_to(media))


def _is_older(folder: Path, limit: datetime) -> bool:
    return folder.stat().st_mtime < limit.timestamp()
