"""What people may order: encode again, run again, cancel, delete. For the API and the pages alike.

The catalog commits first, with an outbox row; RQ is told right after. Should Redis be away, the janitor tells it later.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.models import Task, Upload, User, Video
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import outbox, tasks, uploads, users, videos
from pod_jobs.errors import BadSource, Forbidden, Malformed, NotFound, ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.media_folder import WEB
from pod_jobs.settings.encode import TemplateSettings
from pod_jobs.web.intake import quotas
from pod_jobs.web.intake.options import read_options
from pod_jobs.web.site import now, site

log = logging.getLogger(__name__)


def add_video(user: User, title: str, source: videos.Source, place: Callable[[str], None]) -> Video:
    """A video of the file that `place` puts into the media folder, and its encodes. Errors: Refused when enough waits."""
    with quotas.one_more_order(site().settings, user):
        video, encodes = videos.create(user, title, source, now(), place, _automatic())
    for task in encodes:
        _ordered(user, "upload", task)
    return video


def finish_upload(user: User, upload: Upload, place: Callable[[str], None]) -> Video:
    """The same for a complete tus upload; a second call gives back the same video."""
    video, encodes = uploads.finish(upload, now(), place, _automatic())
    for task in encodes:
        _ordered(user, "upload", task)
    return video


def encode_again(user: User, video_id: int, template: str, options: dict[str, Any]) -> Task:
    """`options` of intake/options.py.

    Errors: NotFound; Malformed for an unknown template; BadSource when it is known by now that nothing could come of it;
    Refused while such an encode is open, or when enough waits.
    """
    known = site().settings.templates
    if template not in known:
        raise Malformed(f"template: {template!r} is none of {', '.join(known)}")
    _demand_a_result(videos.get_to_change(video_id, user), known[template], options)
    with quotas.one_more_order(site().settings, user):
        task = videos.order_encode(video_id, user, now(), template, options)
    _ordered(user, "encode", task)
    return task


def options_of(user: User, text: str) -> dict[str, Any]:
    """What an upload brings with it as JSON: checked as the body of an order is. Errors: Malformed, NotFound."""
    try:
        document = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"options: {error}") from error
    return checked_options(user, document)


def checked_options(user: User, document: Any) -> dict[str, Any]:
    """See intake/options.py. Errors: Malformed; NotFound for a video that this person may not use; BadSource for sound alone."""
    options = read_options(document, [one.name for one in site().settings.dressing])
    for name in tasks.OTHERS:
        if name in options and videos.get(options[name], user).is_video is False:
            raise BadSource(f"video {options[name]} is sound alone", code=f"source-{name}", cause="source-no-picture")
    return options


def run_again(user: User, task_id: int) -> Task:
    """A new generation of a task that has ended. Errors: NotFound; Refused while it is open."""
    task = _task_to_change(user, task_id)
    before = tasks.job_id(task.kind, task.id, task.generation)
    with quotas.one_more_order(site().settings, user):
        task = tasks.order_again(task_id, now())
    _if_redis_is_there(lambda: queue.forget_failure(site().redis, before))
    _ordered(user, "requeue", task)
    return task


def cancel(user: User, task_id: int) -> Task:
    """Errors: NotFound; Refused when it has ended."""
    _task_to_change(user, task_id)
    task = tasks.cancel(task_id, now())
    users.note(user.name, "cancel", f"task {task_id}", now())
    _tell_to_end(site().redis, task)
    return task


def delete_video(user: User, video_id: int) -> None:
    """Errors: NotFound."""
    still_open = videos.delete(video_id, user, now())
    users.note(user.name, "delete", f"video {video_id}", now())
    for task in still_open:
        _tell_to_end(site().redis, tasks.get(task.id))


def task_seen_by(user: User, task_id: int) -> Task:
    """Errors: NotFound, also for a task of another's video."""
    task = tasks.get(task_id)
    if task.video_id is not None:
        videos.get(task.video_id, user)
    elif not may(user.role, "see-system-tasks"):
        raise NotFound(f"task {task_id}")
    return task


def _task_to_change(user: User, task_id: int) -> Task:
    """Errors: NotFound for what this person cannot even see; Forbidden."""
    task = task_seen_by(user, task_id)
    if task.video_id is not None:
        videos.get_to_change(task.video_id, user)
    elif not may(user.role, "steer-system-tasks"):
        raise Forbidden(f"task {task_id} is not this person's to steer")
    return task


def dispatch(task: Task) -> None:
    """Enqueue what the task's outbox row asks for, if Redis is there. What makes way is the janitor's, one at a time."""
    job_id = tasks.job_id(task.kind, task.id, task.generation)
    try:
        row = outbox.of_job(job_id)
        if row is None or row.makes_way or row.kind not in site().job_types:
            return
        queue.enqueue(site().redis, site().job_types[row.kind], job_id, row.payload, at_front=row.at_front)
    except ServiceUnavailable as error:
        log.warning("%s waits for the janitor: %s", job_id, error.reason)
        return
    outbox.sent(job_id)


def _demand_a_result(video: Video, template: TemplateSettings, options: dict[str, Any]) -> None:
    """Of a recording that was encoded before; of others nothing is known. Errors: BadSource."""
    if video.is_video is False and template.name != WEB and not template.is_sound:
        raise BadSource(f"{template.name} is a template of pictures", code="source-no-picture")
    lasts = [one.facts.get("duration_s") for one in (video, *_seconds(options))]
    keep = options.get("keep")
    if keep and None not in lasts and all(start_s >= max(lasts) for start_s, _ in keep):
        raise BadSource(f"the recording lasts {max(lasts):.1f} s", code="source-cut-empty")


def _seconds(options: dict[str, Any]) -> list[Video]:
    """The second recording: the picture lasts as long as the longer one."""
    return [videos.get(options["second"])] if "second" in options else []


def _automatic() -> list[str]:
    """The templates of every upload."""
    return [one.name for one in site().settings.templates.values() if one.automatic]


def _ordered(user: User, action: str, task: Task) -> None:
    users.note(user.name, action, f"video {task.video_id or '-'}", now(), f"task {task.id} g{task.generation}")
    dispatch(task)


def _tell_to_end(redis: Redis, task: Task) -> None:
    def tell() -> None:
        if task.state == "running":
            queue.request_cancel(redis, task.id, task.generation)
        else:
            queue.remove(redis, tasks.job_id(task.kind, task.id, task.generation))

    _if_redis_is_there(tell)


def _if_redis_is_there(act: Callable[[], None]) -> None:
    try:
        act()
    except RedisError as error:
        log.warning("left to the janitor: %s", error)
