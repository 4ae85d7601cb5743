"""What may go, and what must stay: the queries behind the janitor's purge."""

from datetime import datetime

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


def folders_in_use(video_id: int) -> set[str]:
    """Folders (relative to the media folder) that the published outputs, or an open task's runs, may be in."""
    used = {row.folder for row in Output.select(Output.folder).where(Output.video == video_id).distinct()}
    video = Video.get_or_none(Video.id == video_id)
    if video is not None and video.published_folder:
        used.add(video.published_folder)
    for task in Task.select().where(Task.video == video_id, Task.state.in_(OPEN)):
        for generation in range(1, task.generation + 1):
            name = f"videos/{video_id:06d}/{task.kind}-{task.id}-g{generation}"
            used |= {name, f"{name}.part"}
    return used


def forget_tasks(limit: datetime) -> int:
    """Ended tasks older than `limit` whose outputs are not in use. Returns how many."""
    used = Output.select(Output.task)
    query = Task.delete().where(Task.state.not_in(OPEN), Task.ended_at < limit, Task.id.not_in(used))
    return int(query.execute())


def forget_audit(limit: datetime) -> int:
    """Returns how many lines went."""
    return int(Audit.delete().where(Audit.at < limit).execute())
