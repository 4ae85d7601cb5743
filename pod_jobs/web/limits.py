"""What one person may have under way, and whether the disk takes one more recording: asked before anything is received."""

from datetime import timedelta

from pod_jobs.catalog.models import Upload, User
from pod_jobs.catalog.store import tasks, uploads
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings
from pod_jobs.web import storage
from pod_jobs.web.site import now

RESERVED_FOR = timedelta(hours=1)  # an upload that does not move gives its room to others


def check_upload(settings: Settings, user: User, size_bytes: int, *, by_tus: bool) -> None:
    """Errors: BadSource for an empty or too large file; Refused when `user` has enough under way; DiskFull."""
    storage.check_size(settings, size_bytes)
    check_waiting(settings, user)
    under_way = uploads.open_uploads()
    own = sum(upload.user_id == user.id for upload in under_way)
    most = settings.limits.uploads
    if by_tus and most and user.role != "admin" and own >= most:
        hours = str(settings.upload.expire_h)
        raise Refused(f"limits.uploads is {most}", code="uploads-limit", count=str(own), hours=hours)
    moving = [upload for upload in under_way if now() - upload.touched_at < RESERVED_FOR]
    storage.check_room(settings, size_bytes + sum(_missing_bytes(settings, upload) for upload in moving))


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
