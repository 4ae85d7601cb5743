"""What a first look at an uploaded recording found (jobs/inspect.py), long before its tasks have their turn."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Outbox, Task, Video
from pod_jobs.catalog.store import events, tasks
from pod_jobs.catalog.store.reports import end_of_reason
from pod_jobs.errors import NotFound

HAS_FIRST_PICTURE = "first_picture"  # in the facts of a video of which nothing is published yet: there is one


def is_needed(video_id: int) -> bool:
    """Is nothing known of the source, while a task of the video is to be done?"""
    video = Video.get_or_none(Video.id == video_id, Video.deleted_at.is_null())
    if video is None or not video.source_path or video.published_folder is not None or video.facts:
        return False
    return bool(tasks.open_of(video_id))


def accept(video_id: int, findings: dict[str, Any], is_short: bool, keep_picture: Callable[[], bool]) -> bool:
    """Store what was found: {"duration_s", "is_video", "facts"}; tasks that wait are short from now on, if the recording is.
    `keep_picture` stores the first picture, and says whether there is one. False when no task of the video is open any more."""
    with transaction():
        still_open, video = tasks.lock_open_of(video_id), _unpublished(video_id)
        # facts: an encoding, which sees more, or somebody else was quicker
        if video is None or video.facts or not still_open:
            return False
        facts = {**findings["facts"], "duration_s": findings["duration_s"], HAS_FIRST_PICTURE: keep_picture()}
        Video.update(is_video=findings["is_video"], facts=facts).where(Video.id == video_id).execute()
        ids = [task.id for task in still_open if task.state == "waiting"]
        Task.update(is_short=is_short).where(Task.id.in_(ids)).execute()
        Outbox.update(is_short=is_short).where(Outbox.task_id.in_(ids)).execute()
    return True


def refuse(video_id: int, code: str, facts: dict[str, str], reason: str, now: datetime) -> list[Task]:
    """The recording cannot be encoded: end the tasks that wait for their first run, as if they had found that. Returns them; none
    when one has begun, because that will tell it by itself."""
    with transaction():
        still_open = tasks.lock_open_of(video_id)
        begun = any(
            task.state != "waiting" or task.generation > 1 or task.started_at is not None for task in still_open
        )
        if begun or _unpublished(video_id) is None:
            return []
        for task in still_open:
            task.error_code, task.error_facts, task.error_reason = code, facts, end_of_reason(reason)
            tasks.end(task, "error", now)
            events.ended(task, {}, now)
    return still_open


def _unpublished(video_id: int) -> Video | None:
    """The video, locked after its tasks, as a report does. None when it is published or deleted, or its source is at a site.
    Errors: NotFound."""
    video = locked(Video.select().where(Video.id == video_id)).get_or_none()
    if video is None:
        raise NotFound(f"video {video_id}")
    return video if video.published_folder is None and video.deleted_at is None and video.source_path else None
