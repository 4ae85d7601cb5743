"""What may go, and what must stay: the queries behind the janitor's purge."""

from datetime import datetime

from peewee import fn

from pod_jobs.catalog.models import Audit, Output, Task, Video
from pod_jobs.catalog.store.tasks import OPEN


def deleted_videos() -> list[Video]:
    """Deleted by a person, with no run under way."""
    still_open = Task.select(Task.video).where(Task.state.in_(OPEN), Task.video.is_null(False))
    return list(Video.select().where(Video.deleted_at.is_null(False), Video.id.not_in(still_open)))


def known_videos() -> set[int]:
    """Every id that has a row, deleted ones included."""
    return {row.id for row in Video.select(Video.id)}


def forget_video(video_id: int) -> None:
    """Its row and all that hangs on it. The files must be gone before."""
    Video.delete().where(Video.id == video_id).execute()


def folders_in_use() -> set[str]:
    """Folders (relative to the media folder) that published outputs, or an open task's runs, may be in."""
    used = {row.folder for row in Output.select(Output.folder).distinct()}
    used |= {
        str(row.published_folder)
        for row in Video.select(Video.published_folder).where(Video.published_folder.is_null(False))
    }
    for task in Task.select().where(Task.state.in_(OPEN), Task.video.is_null(False)):
        for generation in range(1, task.generation + 1):
            name = f"videos/{task.video_id:06d}/{task.kind}-{task.id}-g{generation}"
            used |= {name, f"{name}.part"}
    return used


def forget_tasks(limit: datetime) -> int:
    """Ended tasks older than `limit`, but those whose outputs are in use and the latest of each video. Returns how many."""
    used = Output.select(Output.task)
    latest = Task.select(fn.MAX(Task.id)).where(Task.video.is_null(False)).group_by(Task.video)
    old = Task.select(Task.id).where(Task.state.not_in(OPEN), Task.ended_at < limit)
    gone = [row.id for row in old.where(Task.id.not_in(used), Task.id.not_in(latest))]
    return sum(int(Task.delete().where(Task.id.in_(gone[at : at + 500])).execute()) for at in range(0, len(gone), 500))


def forget_audit(limit: datetime) -> int:
    """Returns how many lines went."""
    return int(Audit.delete().where(Audit.at < limit).execute())
