"""What one person may have under way, and whether the disk takes one more recording.

Asked before anything is received, and again by `one_more_upload` and `one_more_order`, in the transaction that inserts: there
a person's requests come one after the other, or sixty at once would all find the same room.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Upload, User
from pod_jobs.catalog.store import tasks, uploads, users
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings
from pod_jobs.web import storage
from pod_jobs.web.site import now

RESERVED_FOR = timedelta(hours=1)  # an upload that does not move gives its room to others


def check_upload(settings: Settings, user: User, size_bytes: int, *, by_tus: bool) -> None:
    """Errors: BadSource for an empty or too large file; Refused when `user` has enough under way; DiskFull."""
    storage.check_size(settings, size_bytes)
    check_waiting(settings, user)
    if by_tus:
        _check_unfinished(settings, user)
    moving = [upload for upload in uploads.open_uploads() if now() - upload.touched_at < RESERVED_FOR]
    storage.check_room(settings, size_bytes + sum(_missing_bytes(settings, upload) for upload in moving))


@contextmanager
def one_more_upload(settings: Settings, user: User) -> Iterator[None]:
    """A transaction for the row of an upload. Errors: Refused when `user` has enough under way."""
    with transaction():
        users.lock(user)
        _check_unfinished(settings, user)
        yield


@contextmanager
def one_more_order(settings: Settings, user: User) -> Iterator[None]:
    """A transaction for what `user` orders. Errors: Refused when enough of it waits."""
    with transaction():
        users.lock(user)
        check_waiting(settings, user)
        yield


def _check_unfinished(settings: Settings, user: User) -> None:
    most = settings.limits.uploads
    if most and user.role != "admin" and (count := uploads.count_unfinished(user)) >= most:
        hours = str(settings.upload.expire_h)
        raise Refused(f"limits.uploads is {most}", code="uploads-limit", count=str(count), hours=hours)


def check_waiting(settings: Settings, user: User) -> None:
    """Errors: Refused when too many tasks that `user` ordered wait already."""
    most = settings.limits.waiting
    if most and user.role != "admin" and (count := tasks.count_waiting(user)) >= most:
        raise Refused(f"limits.waiting is {most}", code="waiting-limit", count=str(count))


def _missing_bytes(settings: Settings, upload: Upload) -> int:
    """What an open upload was promised and has not used yet."""
    try:
        present = (storage.folder(settings) / upload.id).stat().st_size
    except FileNotFoundError:  # it ended a moment ago
        return 0
    return max(upload.bytes - present, 0)
