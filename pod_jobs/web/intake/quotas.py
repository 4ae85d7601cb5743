"""What one person may have under way, and whether the disk takes one more recording.

Before anything is received `check_upload` asks for what costs nothing to ask. What counts is `one_more_upload` and
`one_more_order`, in the transaction that inserts: there a person's requests come one after the other, or sixty at once would
all find the same room.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Upload, User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import tasks, uploads, users
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings
from pod_jobs.web.intake import received_files
from pod_jobs.web.site import now

RESERVED_FOR = timedelta(hours=1)  # an upload that does not move gives its room to others


def check_upload(settings: Settings, user: User, size_bytes: int) -> None:
    """Errors: BadSource for an empty or too large file; Refused when enough tasks of `user` wait; DiskFull."""
    received_files.check_size(settings, size_bytes)
    check_waiting(settings, user)
    moving = [upload for upload in uploads.open_uploads() if now() - upload.touched_at < RESERVED_FOR]
    received_files.check_room(settings, size_bytes + sum(_missing_bytes(settings, upload) for upload in moving))


@contextmanager
def one_more_upload(settings: Settings, user: User, size_bytes: int) -> Iterator[None]:
    """A transaction for the row of an upload by tus. Errors: Refused when `user` has enough under way."""
    with transaction():
        users.lock(user)
        if not may(user.role, "exceed-limits"):
            _check_unfinished(settings, uploads.open_uploads(user), size_bytes)
        yield


@contextmanager
def one_more_order(settings: Settings, user: User) -> Iterator[None]:
    """A transaction for what `user` orders. Errors: Refused when enough of it waits."""
    with transaction():
        users.lock(user)
        check_waiting(settings, user)
        yield


def _check_unfinished(settings: Settings, unfinished: Sequence[Upload], size_bytes: int) -> None:
    """One person's, and `size_bytes` more. To announce costs nothing: without a share of the room, nobody else would get any."""
    most, percent = settings.limits.uploads, settings.limits.room_percent
    if most and len(unfinished) >= most:
        hours = str(settings.upload.expire_h)
        raise Refused(f"limits.uploads is {most}", code="uploads-limit", count=str(len(unfinished)), hours=hours)
    share_bytes = max(received_files.room_bytes(settings), 0) * percent // 100
    wanted_bytes = size_bytes + sum(_missing_bytes(settings, upload) for upload in unfinished)
    if percent and wanted_bytes > share_bytes:
        reason = f"limits.room_percent is {percent}: {share_bytes} bytes, {wanted_bytes} are to come"
        raise Refused(reason, code="room-limit", limit=received_files.in_words(share_bytes))


def check_waiting(settings: Settings, user: User) -> None:
    """Errors: Refused when too many tasks that `user` ordered wait already."""
    most = settings.limits.waiting
    if most and not may(user.role, "exceed-limits") and (count := tasks.count_waiting(user)) >= most:
        raise Refused(f"limits.waiting is {most}", code="waiting-limit", count=str(count))


def _missing_bytes(settings: Settings, upload: Upload) -> int:
    """What an open upload was promised and has not used yet."""
    try:
        present = settings.media.upload(upload.id).stat().st_size
    except FileNotFoundError:  # it ended a moment ago
        return 0
    return max(upload.bytes - present, 0)
