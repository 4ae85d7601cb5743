"""Retention: what is deleted, replaced or too old leaves the disk and the tables. Never a file that a row points to.

A purge may take hours on a large library, and the janitor has one thread: it yields after each small step, and goes on in the
next round. So whatever goes is looked at again in the transaction that decides: nothing points to it, and it is renamed into
the trash. Deleting its files, the slow part, concerns nobody any more.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from pod_jobs.catalog.store import retention, sessions, uploads
from pod_jobs.janitor.leader import Fence
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

TRASH = "videos/.trash"  # beside the videos, perhaps a file system of their own: a rename is enough
REPLACED_MARK = "replaced"  # file in an output folder: since when nothing points to it
UNCLAIMED_H = 24  # hours after which a video folder that no row knows is garbage of a crashed upload
FOLDERS_A_STEP = 100


def purge(settings: Settings, now: datetime, fence: Fence) -> Iterator[None]:
    """One turn over everything. Errors: Deposed."""
    media, days = settings.media_folder, settings.retention
    with fence():
        sessions.forget_expired(now)
    yield from _purge_uploads(settings, now, fence)
    yield from _purge_deleted(media, fence)
    for folders in _batches_of_videos(media):
        _purge_unclaimed(folders, now - timedelta(hours=UNCLAIMED_H), media, fence)
        yield
        if days.old_outputs_days:
            yield from _purge_old_outputs(folders, media, now - timedelta(days=days.old_outputs_days), fence)
    yield from _empty(media / TRASH)
    if days.tasks_days:
        yield from _until_none(retention.forget_tasks, now - timedelta(days=days.tasks_days), fence)
    if days.audit_days:
        yield from _until_none(retention.forget_audit, now - timedelta(days=days.audit_days), fence)


def _purge_uploads(settings: Settings, now: datetime, fence: Fence) -> Iterator[None]:
    """Uploads that nobody went on with, and files that no row knows: of a form upload that broke off, or a crash."""
    limit = now - timedelta(hours=settings.upload.expire_h)
    folder = settings.media_folder / "uploads"
    for upload in uploads.untouched_since(limit):
        with fence():
            if uploads.forget_untouched(upload, limit):
                (folder / upload.id).unlink(missing_ok=True)
        yield
    for path in folder.glob("*"):
        if _is_older(path, limit) and not uploads.is_known(path.name):
            path.unlink(missing_ok=True)
        yield


def _purge_deleted(media: Path, fence: Fence) -> Iterator[None]:
    for video in retention.deleted_videos():
        with fence():
            if not retention.may_go(video.id):
                continue
            _throw_away(media / f"videos/{video.id:06d}", media)
            retention.forget_video(video.id)
        log.info("video %s: purged", video.id)
        yield


def _batches_of_videos(media: Path) -> Iterator[list[Path]]:
    folders = (folder for folder in (media / "videos").glob("[0-9]*") if folder.name.isdigit())
    while batch := list(islice(folders, FOLDERS_A_STEP)):
        yield batch


def _purge_unclaimed(folders: list[Path], limit: datetime, media: Path, fence: Fence) -> None:
    """An upload puts its file in place before it commits; where the commit never came, the folder belongs to nobody.

    Only a bare source is such a thing, and only under a number that the catalog has passed: an empty, older or wrong
    database must never cost a recording.
    """
    known, newest = retention.known_videos([int(folder.name) for folder in folders]), retention.newest_video()
    for folder in folders:
        if int(folder.name) in known or int(folder.name) > newest:
            continue
        bare = all(path.name == "source" or path.name.startswith("lock") for path in folder.iterdir())
        if bare and _is_older(folder, limit):
            with fence():
                _throw_away(folder, media)
            log.info("%s: nobody's, purged", folder.name)


def _purge_old_outputs(folders: list[Path], media: Path, limit: datetime, fence: Fence) -> Iterator[None]:
    """Output folders that are not published and not of an open task, and were found so before `limit`."""
    used = retention.folders_in_use([int(folder.name) for folder in folders])
    for folder in (output for video in folders for output in video.glob("*-g[0-9]*")):
        mark = folder / REPLACED_MARK
        if str(folder.relative_to(media)) in used:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            with suppress(FileNotFoundError):  # a run that began since was published: the folder has its final name
                mark.touch()
        elif _is_older(mark, limit):
            with fence():
                if str(folder.relative_to(media)) in retention.folders_in_use([int(folder.parent.name)]):
                    continue
                _throw_away(folder, media)
            log.info("%s: purged", folder.relative_to(media))
        yield


def _throw_away(folder: Path, media: Path) -> None:
    (media / TRASH).mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        folder.rename(media / TRASH / f"{time.time_ns()}-{folder.name}")


def _empty(trash: Path) -> Iterator[None]:
    """File by file; a large one may take a second."""
    for place, folders, files in os.walk(trash, topdown=False):
        for name in files:
            Path(place, name).unlink(missing_ok=True)
            yield
        for name in folders:
            Path(place, name).rmdir()
            yield


def _until_none(forget: Callable[[datetime], int], limit: datetime, fence: Fence) -> Iterator[None]:
    gone = 1
    while gone:
        with fence():
            gone = forget(limit)
        yield


def _is_older(path: Path, limit: datetime) -> bool:
    """False for what went by itself since it was listed, a finished upload for instance."""
    try:
        return path.stat().st_mtime < limit.timestamp()
    except FileNotFoundError:
        return False
