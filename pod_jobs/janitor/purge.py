"""Removes files and rows that are deleted, replaced or too old, but never a file that a row points to.

A purge may take hours on a large library, and the janitor has one thread. Therefore the purge yields after each small step
and continues in the next round. A folder is checked again in the transaction that decides: if no row points to it, it is
renamed into the trash. Deleting its files is slow and happens later, when nobody can be using them.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from pod_jobs.catalog.store import instance, many_orders, retention, sessions, uploads
from pod_jobs.janitor.leader import Fence
from pod_jobs.media_folder import video_folder
from pod_jobs.settings import Settings
from pod_jobs.storage.web_host_folder import WebHostFolder

log = logging.getLogger(__name__)

UNCLAIMED_H = 24  # hours after which a video folder without a row counts as left over from a crashed upload
DRESSINGS_DAYS = 30  # no run that still needs such a file began so long ago
FOLDERS_A_STEP = 100


def purge(settings: Settings, now: datetime, fence: Fence) -> Iterator[None]:
    """Purge everything once; yields after each step. Errors: Deposed; ServiceUnavailable while the media folder is away."""
    media, days = _CheckedFolder(settings.media), settings.retention
    with fence():
        sessions.forget_expired(now)
    yield from _purge_uploads(media, now - timedelta(hours=settings.upload.expire_h), fence)
    yield from _purge_deleted(media, fence)
    for videos in _batches(media.folder.videos()):
        _purge_unclaimed(videos, now - timedelta(hours=UNCLAIMED_H), media, fence)
        yield
        if days.old_outputs_days:
            yield from _purge_old_outputs(videos, media, now - timedelta(days=days.old_outputs_days), fence)
    media.folder.forget_dressings((now - timedelta(days=DRESSINGS_DAYS)).timestamp())
    yield from media.folder.empty_trash()
    if days.tasks_days:
        yield from _until_none(retention.forget_tasks, now - timedelta(days=days.tasks_days), fence)
    if days.audit_days:
        yield from _until_none(retention.forget_audit, now - timedelta(days=days.audit_days), fence)


def delete_hidden(now: datetime, fence: Fence) -> bool:
    """Delete the tasks that people chose to delete and did not take back. Returns whether there may be more."""
    with fence():
        many_orders.forget_old(now)
        return retention.forget_hidden(now) > 0


class _CheckedFolder:
    """The media folder, checked at each use, because a network share may be unmounted in the middle of a purge."""

    def __init__(self, folder: WebHostFolder) -> None:
        self._folder = folder

    @property
    def folder(self) -> WebHostFolder:
        """Errors: ServiceUnavailable when it is not the folder that belongs to the catalog."""
        self._folder.check(instance.media_identity())
        return self._folder


def _purge_uploads(media: _CheckedFolder, limit: datetime, fence: Fence) -> Iterator[None]:
    """Remove uploads that nobody continued, and files without a row, which come from broken form uploads or crashes."""
    for upload in uploads.untouched_since(limit):
        with fence():
            folder = media.folder
            if uploads.forget_untouched(upload, limit):
                folder.remove_upload(upload.id)
        yield
    for name in media.folder.uploads():
        if media.folder.is_upload_older(name, limit.timestamp()) and not uploads.is_known(name):
            media.folder.remove_upload(name)
        yield


def _purge_deleted(media: _CheckedFolder, fence: Fence) -> Iterator[None]:
    for video in retention.deleted_videos():
        with fence():
            if not retention.may_go(video.id):
                continue
            media.folder.throw_away(video_folder(video.id))
            retention.forget_video(video.id)
        log.info("video %s: purged", video.id)
        yield


def _batches(videos: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(videos, FOLDERS_A_STEP)):
        yield batch


def _purge_unclaimed(videos: list[int], limit: datetime, media: _CheckedFolder, fence: Fence) -> None:
    """Remove folders that belong to no video: an upload puts its file in place before it commits, and the commit may fail.

    Only a folder with nothing but a source is removed, and only if its number is not higher than that of the newest video: an
    empty, older or wrong database must never delete a recording. Neither are those that a restored database did not know.
    """
    known_ids, newest = retention.known_videos(videos), retention.newest_video()
    unknown = instance.unknown_recordings()
    for video in videos:
        if video in known_ids or video > newest or any(low <= video <= high for low, high in unknown):
            continue
        if media.folder.is_unclaimed(video, limit.timestamp()):
            with fence():
                media.folder.throw_away(video_folder(video))
            log.info("%s: belongs to no video, purged", video_folder(video))


def _purge_old_outputs(videos: list[int], media: _CheckedFolder, limit: datetime, fence: Fence) -> Iterator[None]:
    """Remove folders of outputs that since `limit` were neither published nor used by an open task."""
    used = retention.folders_in_use(videos)
    for video, folder in [(video_id, folder) for video_id in videos for folder in media.folder.runs(video_id)]:
        if folder in used:
            media.folder.mark_used(folder)
        elif media.folder.is_replaced_since(folder, limit.timestamp()):
            with fence():
                if folder in retention.folders_in_use([video]):
                    continue
                media.folder.throw_away(folder)
            log.info("%s: purged", folder)
        yield


def _until_none(forget: Callable[[datetime], int], limit: datetime, fence: Fence) -> Iterator[None]:
    deleted = 1
    while deleted:
        with fence():
            deleted = forget(limit)
        yield
