"""Limits what one person may have under way, and checks that the disk has room for another recording.

`check_upload` refuses early, before anything is received. The checks of `one_more_upload` and `one_more_order` decide: they
run in the transaction that inserts the row, where requests of one person take turns. Otherwise sixty requests at the same
time would all find the same room free.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, Upload, User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import tasks, uploads, users
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings
from pod_jobs.web.intake import received_files
from pod_jobs.web.services import now

RESERVED_FOR = timedelta(hours=1)  # an upload that receives nothing for so long loses its reserved room


def check_upload(settings: Settings, user: User, size_bytes: int) -> None:
    """Errors: BadSource for an empty or too large file; Refused when enough tasks of `user` wait; DiskFull."""
    received_files.check_size(settings, size_bytes)
    check_waiting(settings, user)
    moving = [upload for upload in uploads.open_uploads() if now() - upload.touched_at < RESERVED_FOR]
    received_files.check_room(settings, size_bytes + sum(_missing_bytes(settings, upload) for upload in moving))


@contextmanager
def one_more_upload(settings: Settings, user: User, size_bytes: int) -> Iterator[None]:
    """A transaction in which to insert a tus upload. Errors: Refused when `user` has too many uploads or bytes under way."""
    with transaction():
        users.lock(user)
        if not may(user.role, "exceed-limits"):
            _check_unfinished(settings, uploads.open_uploads(user), size_bytes)
        yield


@contextmanager
def one_more_order(settings: Settings, user: User) -> Iterator[None]:
    """A transaction in which to insert an order of `user`. Errors: Refused when too many of this user's tasks wait."""
    with transaction():
        users.lock(user)
        check_waiting(settings, user)
        yield


def _check_unfinished(settings: Settings, unfinished: Sequence[Upload], size_bytes: int) -> None:
    """Check the unfinished uploads of one person and another one of `size_bytes`. Announcing an upload reserves room and costs
    nothing, so without a limit one person could reserve all of it. Errors: Refused."""
    most, percent = settings.limits.uploads, settings.limits.room_percent
    if most and len(unfinished) >= most:
        hours = str(settings.upload.expire_h)
        raise Refused(f"limits.uploads is {most}", code="uploads-limit", count=str(len(unfinished)), hours=hours)
    share_bytes = max(received_files.room_bytes(settings), 0) * percent // 100
    wanted_bytes = size_bytes + sum(_missing_bytes(settings, upload) for upload in unfinished)
    if percent and wanted_bytes > share_bytes:
        reason = f"limits.room_percent is {percent}: {share_bytes} bytes, {wanted_bytes} are to come"
        raise Refused(reason, code="room-limit", limit=received_files.in_words(share_bytes))


class Room:
    """How many more tasks of `user` may wait, for an order of many. Make it in the transaction that inserts the rows."""

    def __init__(self, settings: Settings, user: User) -> None:
        limited = settings.limits.waiting and not may(user.role, "exceed-limits")
        self._most = settings.limits.waiting if limited else None
        self._user = user
        self._waiting = tasks.count_waiting(user) if limited else 0

    def refuse(self, task: Task) -> Refused | None:
        """Why `task` cannot wait too; None = it may, and is counted."""
        if self._most is not None and self._waiting >= self._most:
            return _enough_wait(self._most, self._waiting)
        self._waiting += task.author_id == self._user.id
        return None


def check_waiting(settings: Settings, user: User) -> None:
    """Errors: Refused when too many tasks that `user` ordered wait already."""
    most = settings.limits.waiting
    if most and not may(user.role, "exceed-limits") and (count := tasks.count_waiting(user)) >= most:
        raise _enough_wait(most, count)


def _enough_wait(most: int, count: int) -> Refused:
    return Refused(f"limits.waiting is {most}", code="waiting-limit", count=str(count))


def _missing_bytes(settings: Settings, upload: Upload) -> int:
    """How many bytes of an unfinished upload have not arrived yet."""
    try:
        present = settings.media.upload(upload.id).stat().st_size
    except FileNotFoundError:  # it ended a moment ago
        return 0
    return max(upload.bytes - present, 0)
