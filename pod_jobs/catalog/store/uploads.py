"""tus uploads under way. How far one got is the size of its file; the row holds who, what and how much."""

from datetime import datetime

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, Upload, User, Video
from pod_jobs.catalog.store import videos
from pod_jobs.errors import NotFound


def create(upload_id: str, user: User, name: str, title: str, size_bytes: int, now: datetime) -> Upload:
    return Upload.create(
        id=upload_id, user=user, name=name[:250], title=title[:250], bytes=size_bytes, created_at=now, touched_at=now
    )


def get(upload_id: str, user: User) -> Upload:
    """Errors: NotFound, also for another's."""
    upload = Upload.get_or_none(Upload.id == upload_id, Upload.user == user)
    if upload is None:
        raise NotFound(f"upload {upload_id}")
    return upload


def touch(upload: Upload, now: datetime) -> None:
    Upload.update(touched_at=now).where(Upload.id == upload.id).execute()


def finish(upload: Upload, source: videos.Source, now: datetime) -> tuple[Video, Task]:
    """The upload is complete and its file lies at `source`: make the video, or give back the one made before."""
    with transaction():
        row = Upload.get_or_none(Upload.id == upload.id)
        if row is not None and row.video is not None:
            video = row.video
            return video, Task.select().where(Task.video == video).order_by(Task.id).first()
        video, task = videos.create(upload.user, upload.title, source, now)
        Upload.update(video=video, touched_at=now).where(Upload.id == upload.id).execute()
        return video, task


def delete(upload: Upload) -> None:
    upload.delete_instance()


def untouched_since(instant: datetime) -> list[Upload]:
    """Oldest first; finished ones too."""
    return list(Upload.select().where(Upload.touched_at < instant).order_by(Upload.touched_at))
