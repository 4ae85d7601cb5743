"""tus uploads. The size of an upload's file tells how much has arrived; the row holds user, name and announced size."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Task, Upload, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import tasks, videos
from pod_jobs.errors import NotFound


def create(upload_id: str, user: User, title: str, source: videos.Source, now: datetime) -> Upload:
    facts = {"name": source.name[:250], "title": title[:250], "bytes": source.bytes, "options": source.options}
    return Upload.create(id=upload_id, user=user, created_at=now, touched_at=now, **facts)


def get(upload_id: str, user: User) -> Upload:
    """The upload. Errors: NotFound, also for one of another user."""
    upload = Upload.get_or_none(Upload.id == upload_id, Upload.user == user)
    if upload is None:
        raise NotFound(f"upload {upload_id}")
    return upload


def touch(upload: Upload, now: datetime) -> None:
    """Note that the upload has been continued: its expiry counts from now."""
    upload.touched_at = now
    Upload.update(touched_at=now).where(Upload.id == upload.id).execute()


def finish(
    upload: Upload, now: datetime, place: Callable[[str], None], orders: Sequence[NewTask]
) -> tuple[Video, list[Task]]:
    """Make the video of a complete upload, or return the one that was made before, without tasks. `place`: see videos.create.

    If a video that the options name has been deleted in between, the task ends with an error that says so.
    Errors: NotFound when the upload was deleted or its video purged.
    """
    with transaction():
        row = locked(Upload.select().where(Upload.id == upload.id)).get_or_none()
        if row is None:
            raise NotFound(f"upload {upload.id}")
        if row.video_id is not None:
            return row.video, []
        source = videos.Source(row.name, row.bytes, row.options or {})
        video, ordered = videos.create(upload.user, row.title, source, now, place, orders)
        for task in ordered:
            tasks.end_if_other_is_gone(task, now)
        Upload.update(video=video, touched_at=now).where(Upload.id == upload.id).execute()
        return video, ordered


def open_uploads(user: User | None = None) -> list[Upload]:
    """The uploads of `user`, or of all users, that are not complete."""
    query = Upload.select().where(Upload.video.is_null())
    return list(query if user is None else query.where(Upload.user == user))


def delete(upload: Upload) -> None:
    upload.delete_instance()


def forget_untouched(upload: Upload, limit: datetime) -> bool:
    """Delete the row of an upload. Returns False and deletes nothing when it has been continued since `limit`."""
    return bool(Upload.delete().where(Upload.id == upload.id, Upload.touched_at < limit).execute())


def is_known(upload_id: str) -> bool:
    """Is there a row with this id?"""
    return Upload.select().where(Upload.id == upload_id).exists()


def untouched_since(instant: datetime) -> list[Upload]:
    """Uploads that were not continued since `instant`, also finished ones, the oldest first."""
    return list(Upload.select().where(Upload.touched_at < instant).order_by(Upload.touched_at))
