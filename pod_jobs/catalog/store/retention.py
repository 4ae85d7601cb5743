"""Queries for the janitor's purge: what may be deleted, and what must stay."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from peewee import fn

from pod_jobs.catalog.caption_models import CaptionTrack
from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Audit, Output, Task, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import caption_index
from pod_jobs.catalog.store.tasks import OPEN, others_of
from pod_jobs.media_folder import folders_of_run, path_of_run


def deleted_videos() -> list[Video]:
    """Videos that were deleted and nobody needs: no open task reads their files, and no site has still to be told of an end."""
    needed = _needed_videos()
    deleted = Video.select().where(Video.deleted_at.is_null(False))
    return [video for video in deleted if video.id not in needed]


def may_go(video_id: int) -> bool:
    """Is this video still one of `deleted_videos`? Call inside a transaction."""
    deleted = locked(Video.select().where(Video.id == video_id, Video.deleted_at.is_null(False))).get_or_none()
    return deleted is not None and video_id not in _needed_videos()


def _needed_videos() -> set[int | None]:
    """Those whose files open tasks read, and those of tasks of whose end a site has still to be told."""
    still_open = Task.select().where(Task.state.in_(OPEN), Task.video.is_null(False))
    read = {number for task in still_open for number in (task.video_id, *others_of(task).values())}
    untold: Any = SiteOrder.select(Task.video).join(Task).where(SiteOrder.callback == "waiting")
    return read | {number for (number,) in untold.tuples()}


def known_videos(ids: Sequence[int]) -> set[int]:
    """Those of `ids` that have a row, deleted ones included."""
    return {row.id for row in Video.select(Video.id).where(Video.id.in_(ids))}


def newest_video() -> int:
    """The highest id; 0 = there is none."""
    return int(Video.select(fn.MAX(Video.id)).scalar() or 0)


def forget_video(video_id: int) -> None:
    """Delete the row of a video and all rows that depend on it. Its files must be gone before."""
    with transaction():
        caption_index.forget(CaptionTrack.select().where(CaptionTrack.video == video_id))
        Video.delete().where(Video.id == video_id).execute()


def folders_in_use(videos: Sequence[int]) -> set[str]:
    """Folders of these videos, relative to the media folder, that hold published outputs or belong to runs of open tasks."""
    used = {row.folder for row in Output.select(Output.folder).where(Output.video.in_(videos)).distinct()}
    published = Video.select(Video.published_folder).where(Video.id.in_(videos))
    used |= {str(row.published_folder) for row in published if row.published_folder}
    for task in Task.select().where(Task.state.in_(OPEN), Task.video.in_(videos)):
        for generation in range(1, task.generation + 1):
            used |= {*folders_of_run(path_of_run(task.video_id or 0, task.kind, task.id, generation))}
    return used


def forget_tasks(limit: datetime, count: int = 200) -> int:
    """Delete ended tasks older than `limit`, except those whose outputs are in use and, for each video, the latest of each kind
    and template. Returns how many, at most `count`; call until it returns 0.
    """
    used = Output.select(Output.task)
    sort = (Task.video, Task.kind, Task.template)
    latest = Task.select(fn.MAX(Task.id)).where(Task.video.is_null(False)).group_by(*sort)
    old = Task.select(Task.id).where(Task.state.not_in(OPEN), Task.ended_at < limit)
    return _delete(Task, old.where(Task.id.not_in(used), Task.id.not_in(latest)), count)


def with_results(ids: Collection[int]) -> set[int]:
    """Those of the tasks whose outputs are in use."""
    return {row.task_id for row in Output.select(Output.task).where(among(Output.task, ids)).distinct()}


def newest_of(ids: Collection[int]) -> set[int]:
    """Those of the tasks that are the newest of their kind and template of a recording."""
    sort = (Task.video, Task.kind, Task.template)
    videos = Task.select(Task.video).where(among(Task.id, ids), Task.video.is_null(False))
    newest: Any = Task.select(fn.MAX(Task.id)).where(Task.video.in_(videos)).group_by(*sort)
    return {row[0] for row in newest.tuples()} & set(ids)


def forget_hidden(now: datetime, count: int = 200) -> int:
    """Delete the tasks whose `delete_at` has come. Returns how many, at most `count`. Call inside a transaction."""
    due = Task.select(Task.id).where(Task.delete_at <= now, Task.state.not_in(OPEN))
    return _delete(Task, due.where(Task.id.not_in(Output.select(Output.task))), count)


def forget_audit(limit: datetime, count: int = 500) -> int:
    """Delete lines of the audit older than `limit`. Returns how many, at most `count`; call until it returns 0."""
    return _delete(Audit, Audit.select(Audit.id).where(Audit.at < limit), count)


def _delete(table: type[Task | Audit], query: Any, count: int) -> int:
    ids = [row.id for row in query.limit(count)]
    return int(table.delete().where(table.id.in_(ids)).execute()) if ids else 0
