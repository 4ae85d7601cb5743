"""What people order: a new video, a task, another run of a task, a cancel, the deletion of a video.

The catalog commits an order together with an outbox row. RQ gets the job right after, or when its turn comes; while Redis is
away, the janitor hands it over later.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from redis.exceptions import RedisError

from pod_jobs import hand_over
from pod_jobs.catalog.models import Task, Upload, User, Video
from pod_jobs.catalog.new_task import OTHERS, NewTask
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import site_callbacks, tasks, uploads, users, videos, waiting_line
from pod_jobs.errors import Forbidden, Malformed, NotFound, Refused, ServiceUnavailable
from pod_jobs.instance import numbers
from pod_jobs.jobs import queue
from pod_jobs.jobs.job_type import Ordering, Recording, orderings
from pod_jobs.web import alive
from pod_jobs.web.intake import quotas
from pod_jobs.web.services import catalog_revision, from_redis, now, services

log = logging.getLogger(__name__)

PLACES = 100  # a task that waits behind more than these has no place yet
LINE_S = 1.0

T = TypeVar("T")


def add_video(user: User, title: str, source: videos.Source, place: Callable[[str], None]) -> Video:
    """Make a video and its first tasks. `place(path)` puts the file there, relative to the media folder.

    Errors: Refused when too many tasks of this person wait.
    """
    with quotas.one_more_order(services().settings, user):
        orders = _at_upload(source.options)
        video, first = with_free_number(lambda: videos.create(user, title, source, now(), place, orders))
    _after_upload(user, video, first)
    return video


def with_free_number(create: Callable[[], T]) -> T:
    """What `create` makes. If the media folder has recordings of higher numbers than the database, it is made after those."""
    return numbers.with_free_number(services().settings.media, create)


def finish_upload(user: User, upload: Upload, place: Callable[[str], None]) -> Video:
    """Make the video of a complete tus upload, as `add_video` does; a second call returns the same video."""
    orders = _at_upload(upload.options or {})
    video, first = with_free_number(lambda: uploads.finish(upload, now(), place, orders))
    _after_upload(user, video, first)
    return video


def order(user: User, video_id: int, kind: str, document: dict[str, Any]) -> Task:
    """Order a task for a video. `document` holds `template`, if any, and the options of this kind. `kind` is one of those that
    people may order.

    Errors: NotFound; Malformed; BadSource when the task is already known to fail; Refused while such a task is open, when too
    many tasks of this person wait, or when no host can do it.
    """
    ordering = orderings(services().job_types)[kind]
    video = videos.get_to_change(video_id, user)
    if not video.source_path:
        raise Refused(f"the source of video {video_id} is not here", code="source-at-site")
    _check_speech(kind)
    options = {name: value for name, value in document.items() if name != "template"}
    template = document.get("template", "")
    if not isinstance(template, str):
        raise Malformed("template: str is needed")
    new = ordering.read(services().settings, template, options)
    _check(user, ordering, new, _recording(video))
    new = replace(new, is_short=is_short(_recording(video).duration_s))
    with quotas.one_more_order(services().settings, user):
        task = videos.order(video_id, new, user, now())
    _note_and_dispatch(user, kind, task)
    return task


def is_short(duration_s: float | None) -> bool:
    """May the tasks of a recording of this duration pass others? Not if it is not known."""
    return duration_s is not None and duration_s < services().settings.waiting.short_min * 60


def check_options(kind: str, options: dict[str, Any]) -> None:
    """Can a task of this `kind` be ordered with these options, for some video? Errors: Malformed; Refused when no host can do
    it."""
    orderings(services().job_types)[kind].read(services().settings, "", options)
    _check_speech(kind)


def is_speech_missing(kind: str) -> bool:
    """Do tasks of this kind need the recognition of speech, and no host has it?"""
    ordering = services().job_types[kind].ordering
    return ordering is not None and ordering.needs_speech and not alive.is_speech_on()


def _check_speech(kind: str) -> None:
    """Errors: Refused."""
    if is_speech_missing(kind):
        raise Refused("no host has the recognition of speech", code="speech-not-installed")


def options_of(user: User, text: str) -> dict[str, Any]:
    """The options that came with an upload as JSON, checked as in an order: those of the first kind of task that an upload
    orders, and those that other kinds keep under a name of their own, such as "speech".

    Errors: Malformed, NotFound, BadSource.
    """
    try:
        document = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"options: {error}") from error
    if text and document is None:
        raise Malformed("options: an object is needed")
    all_orderings = orderings(services().job_types).values()
    first = next(ordering for ordering in all_orderings if ordering.at_upload is not None)
    readers = {name: read for ordering in all_orderings for name, read in ordering.upload_options.items()}
    others = {}
    if isinstance(document, dict):
        others = {name: readers[name](document.pop(name)) for name in readers if name in document}
    new = first.read(services().settings, "", document)
    _check(user, first, new, None)
    return {**new.options, **others}


def _check(user: User, ordering: Ordering, new: NewTask, recording: Recording | None) -> None:
    """Errors: NotFound for a video that this person may not use; BadSource."""
    others = {name: _recording(videos.get(new.options[name], user)) for name in OTHERS if name in new.options}
    ordering.check(services().settings, new, recording, others)


def _recording(video: Video) -> Recording:
    return Recording(video.is_video, video.facts.get("duration_s"))


def cancel(user: User, task_id: int) -> Task:
    """Cancel a task: remove its job if it waits, end its run soon if it runs. Errors: NotFound; Forbidden; Refused when it has
    ended."""
    task_to_change(user, task_id)
    task = tasks.cancel(task_id, now())
    users.note(user.name, "cancel", f"task {task_id}", now())
    tell_to_end(task)
    return task


def ask_for_help(user: User, task_id: int) -> Task:
    """Ask the team to look at a failed task. Errors: NotFound; Forbidden; Refused when it has not failed."""
    task_to_change(user, task_id)
    task = tasks.ask_for_help(task_id, now())
    users.note(user.name, "ask-for-help", f"task {task_id}", now())
    return task


def withdraw_help_request(user: User, task_id: int) -> Task:
    """Take the request of `ask_for_help` back. Errors: NotFound; Forbidden."""
    task_to_change(user, task_id)
    task = tasks.withdraw_help_request(task_id)
    users.note(user.name, "help-given", f"task {task_id}", now())
    return task


def tell_site(user: User, task_id: int) -> None:
    """Have the site that ordered this task told its end at once. Errors: NotFound; Forbidden; Refused when it is owed nothing."""
    task_to_change(user, task_id)
    if not site_callbacks.push(task_id, now()):
        raise Refused(f"no callback of task {task_id} waits")
    users.note(user.name, "tell-site", f"task {task_id}", now())


def tell_sites(user: User, name: str) -> int:
    """Have this site, "" = every site, told at once all that it is owed. Returns how many messages are sent."""
    count = site_callbacks.push_all(name, now())
    users.note(user.name, "tell-site", f"site {name}" if name else "all sites", now())
    return count


def cancel_automatic(user: User, video_id: int) -> None:
    """Cancel every open task of the video that no person ordered (its options say `automatic`)."""
    for task in tasks.open_of(video_id):
        if (task.options or {}).get("automatic"):
            with suppress(Refused):  # it has ended meanwhile
                cancel(user, task.id)


def delete_video(user: User, video_id: int) -> None:
    """Delete a video and cancel its open tasks. The janitor removes the files. Errors: NotFound; Forbidden."""
    still_open = videos.delete(video_id, user, now())
    users.note(user.name, "delete", f"video {video_id}", now())
    tell_to_end(*(tasks.get(task.id) for task in still_open))


def task_seen_by(user: User, task_id: int) -> Task:
    """The task, if `user` may see it. Errors: NotFound, also for a task of a video that `user` may not see."""
    task = tasks.get(task_id)
    if task.video_id is not None:
        videos.get(task.video_id, user)
    elif not may(user.role, "see-system-tasks"):
        raise NotFound(f"task {task_id}")
    return task


def task_to_change(user: User, task_id: int) -> Task:
    """The task, if `user` may cancel or repeat it. Errors: NotFound for a task that `user` may not see; Forbidden."""
    task = task_seen_by(user, task_id)
    if task.video_id is not None:
        videos.get_to_change(task.video_id, user)
    else:
        check_may_steer(user, task_id)
    return task


def check_may_steer(user: User, task_id: int) -> None:
    """Errors: Forbidden, when `user` may not cancel and repeat tasks of no video."""
    if not may(user.role, "steer-system-tasks"):
        raise Forbidden(f"task {task_id} is not this person's to steer")


def dispatch(*ordered: Task) -> None:
    """Hand over to RQ what comes next in the queues of these tasks. While Redis is away, the janitor does it later."""
    hand_over_next(*{task.kind for task in ordered})


def hand_over_next(*kinds: str) -> None:
    """Hand over to RQ what comes next in the queues of these kinds; without `kinds`, in those of all kinds that wait. While
    Redis is away, the janitor does it later."""
    kinds = kinds or tuple(waiting_line.kinds_waiting())
    job_types, limits = services().job_types, hand_over.limits_of(services().settings)
    services().lines.clear()
    try:
        for name in {job_types[kind].queue for kind in kinds if kind in job_types}:
            hand_over.hand_over(services().redis, job_types, name, limits)
    except (ServiceUnavailable, RedisError) as error:
        log.warning("what was ordered waits for the janitor: %s", error)


def in_line(queue_name: str) -> list[int]:
    """The ids of the waiting tasks of this queue that begin next, at most PLACES. Polls of many pages ask for it: it is read
    when the catalog or RQ's queue has changed, and at most once per second. An order in this process has it read again."""
    read_at, basis, ids = services().lines.get(queue_name, (0.0, None, []))
    if time.monotonic() - read_at > LINE_S:
        present = catalog_revision(), _handed_over(queue_name)
        if basis != present:
            limits = hand_over.limits_of(services().settings)
            ids = hand_over.in_line(services().job_types, queue_name, limits, PLACES, present[1])
        services().lines[queue_name] = time.monotonic(), present, ids
    return ids


def _handed_over(queue_name: str) -> list[int]:
    """As hand_over.handed_over; none while Redis is away."""
    try:
        return from_redis(lambda: hand_over.handed_over(services().redis, queue_name))
    except RedisError:
        return []


def _at_upload(options: dict[str, Any]) -> list[NewTask]:
    """The tasks that an upload with these `options` orders."""
    all_orderings = orderings(services().job_types).values()
    return [
        new
        for ordering in all_orderings
        if ordering.at_upload
        for new in ordering.at_upload(services().settings, options)
    ]


def _after_upload(user: User, video: Video, first: Sequence[Task]) -> None:
    for task in first:
        _note_and_dispatch(user, "upload", task)
    for job_type in services().job_types.values() if first else ():
        if job_type.looks_at_uploads and services().settings.expected_workers(job_type.queue):
            try:
                queue.enqueue(services().redis, job_type, f"{job_type.kind}-{video.id}", {"video": video.id})
            except ServiceUnavailable as error:
                log.warning("nobody looks at video %s before its tasks begin: %s", video.id, error)


def _note_and_dispatch(user: User, action: str, task: Task) -> None:
    users.note(user.name, action, f"video {task.video_id or '-'}", now(), f"task {task.id} g{task.generation}")
    dispatch(task)


def take_back(*ended: Task) -> None:
    """Take the jobs out of RQ that these tasks had in the generation after their present one."""
    try:
        for task in ended:
            queue.remove(services().redis, tasks.job_id(task.kind, task.id, task.generation + 1))
    except RedisError as error:
        log.warning("these jobs stay in RQ until a worker learns that they are superseded: %s", error)
    hand_over_next()


def tell_to_end(*cancelled: Task) -> None:
    """Take the jobs of cancelled tasks out of RQ, and let running ones end soon. While Redis is away, the janitor does it."""
    redis = services().redis
    try:
        for task in cancelled:
            if task.state == "running":
                queue.request_cancel(redis, task.id, task.generation)
            else:
                queue.remove(redis, tasks.job_id(task.kind, task.id, task.generation))
    except RedisError as error:
        log.warning("left to the janitor: %s", error)
    hand_over_next()  # in place of those that waited in RQ
