"""The same change to many tasks: a slice of ids in one transaction, with a fixed number of queries.

A process that is killed between two slices leaves whole slices behind, and whoever orders the change again changes the rest.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pod_jobs.catalog import waiting_order
from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import Outbox, Task, Video
from pod_jobs.catalog.store import retention, site_callbacks
from pod_jobs.catalog.store.error_groups import GOOD
from pod_jobs.catalog.store.tasks import OPEN, others_of, party_of, post
from pod_jobs.catalog.store.waiting_line import standing_of_task
from pod_jobs.errors import NotFound, PodJobsError, Refused

SLICE = 500  # tasks of one transaction: others who write wait for no more than these
READ = (
    *(Task.id, Task.video, Task.kind, Task.template, Task.purpose, Task.options, Task.state, Task.generation),
    *(Task.author, Task.priority, Task.party, Task.is_short),
    *(Task.queued_at, Task.ended_at, Task.error_code, Task.error_facts, Task.delete_at),
)

Refusal = Callable[[Task], PodJobsError | None]  # why this task must stay as it is; None = it may change


@dataclass
class Changed:
    """What a slice did: the changed tasks in ascending order, with their new state and generation, and why the others stayed.
    `former`: what `undone_tasks` has to know of them."""

    tasks: list[Task] = field(default_factory=list)
    refused: dict[int, PodJobsError] = field(default_factory=dict)
    former: dict[int, Any] = field(default_factory=dict)


def allow(task: Task) -> None:
    """The refusal of somebody who may change every task, without a limit."""


def order_again(ids: Collection[int], now: datetime, forbid: Refusal = allow, limit: Refusal = allow) -> Changed:
    """Give each of these tasks a new generation, if it failed or was cancelled and nothing speaks against it.

    `forbid` is asked of each task first. `limit` is asked last, of those that would run, in ascending order. Of several tasks
    of one video, kind and template, only the newest runs again: an old order must not replace the result of a newer one.
    """
    with transaction():
        rows, changed = locked_rows(ids, forbid)
        beside = _beside(rows)
        gone = _gone_videos(rows)
        last = {_same(row): row.id for row in rows if row.state not in GOOD}
        for row in rows:
            why = _refused_state(row) or _refused_beside(row, beside, last) or _refused_other(row, gone) or limit(row)
            if why is not None:
                changed.refused[row.id] = why
            else:
                changed.tasks.append(row)
        changed.former = {row.id: _failure(row) for row in changed.tasks}
        _renew(changed.tasks, now)
    return changed


def cancel(ids: Collection[int], now: datetime, forbid: Refusal = allow) -> Changed:
    """Cancel those of the tasks that wait or run, as `tasks.cancel` does."""
    with transaction():
        rows, changed = locked_rows(ids, forbid)
        for row in rows:
            if row.state in OPEN:
                changed.tasks.append(row)
            else:
                changed.refused[row.id] = Refused(f"task {row.id} is {row.state} already", code="task-ended")
        waiting = [row for row in changed.tasks if row.state == "waiting"]
        Task.update(cancel_requested=True).where(among(Task.id, [row.id for row in changed.tasks])).execute()
        places = {row.task_id: row for row in Outbox.select().where(among(Outbox.task_id, [row.id for row in waiting]))}
        changed.former = {row.id: _place(row, places.get(row.id)) for row in waiting}
        ended = {"state": "cancelled", "ended_at": now, "retry_at": None}
        Task.update(**ended).where(among(Task.id, [row.id for row in waiting])).execute()
        Outbox.delete().where(among(Outbox.task_id, [row.id for row in waiting])).execute()
        site_callbacks.owe([row.id for row in waiting], now)
        for row in waiting:
            row.state = "cancelled"
    return changed


def prioritise(ids: Collection[int], priority: int, forbid: Refusal = allow) -> Changed:
    """Give those of the tasks that wait this priority, one of the values of waiting_order.PRIORITIES."""
    with transaction():
        rows, changed = locked_rows(ids, forbid)
        for row in rows:
            if row.state == "waiting":
                changed.tasks.append(row)
            else:
                changed.refused[row.id] = Refused(f"task {row.id} is {row.state}", code="task-not-waiting")
        changed.former = {row.id: [row.priority, priority] for row in changed.tasks}
        for row in changed.tasks:
            row.priority = priority
        Task.update(priority=priority).where(among(Task.id, [row.id for row in changed.tasks])).execute()
        standings: dict[int, list[int]] = {}
        before = {
            row.task_id: row for row in Outbox.select().where(among(Outbox.task_id, [row.id for row in changed.tasks]))
        }
        for row in changed.tasks:
            if waiting := before.get(row.id):
                at_front = waiting_order.is_at_front(waiting.standing)
                standings.setdefault(standing_of_task(row, at_front=at_front), []).append(row.id)
        for standing, of_it in standings.items():
            Outbox.update(standing=standing).where(among(Outbox.task_id, of_it)).execute()
    return changed


def hide(ids: Collection[int], delete_at: datetime, forbid: Refusal = allow) -> Changed:
    """Leave those of the tasks out of lists that may be deleted, which the janitor does at `delete_at`. What says how it stands
    with a recording stays: tasks that wait or run, whose results are shown, and the newest of each kind and template."""
    with transaction():
        rows, changed = locked_rows(ids, forbid)
        shown, newest = retention.with_results([row.id for row in rows]), retention.newest_of([row.id for row in rows])
        for row in rows:
            if row.state in OPEN:
                changed.refused[row.id] = Refused(f"task {row.id} is {row.state}; cancel it first", code="task-open")
            elif row.id in shown:
                changed.refused[row.id] = Refused(f"the results of task {row.id} are shown", code="task-shown")
            elif row.id in newest:
                changed.refused[row.id] = Refused(f"task {row.id} is the newest of its kind", code="task-newest")
            else:
                changed.tasks.append(row)
        Task.update(delete_at=delete_at).where(among(Task.id, [row.id for row in changed.tasks])).execute()
    return changed


def _failure(task: Task) -> list[Any]:
    """How the task had ended; without the reason, which its last attempt has."""
    return [task.state, Task.ended_at.db_value(task.ended_at), task.error_code, task.error_facts]


def _place(task: Task, posted: Outbox | None) -> list[Any]:
    """Since when the task waits, and its number and standing in the outbox; none if RQ has its job already."""
    since = Task.queued_at.db_value(task.queued_at)
    return [str(since), posted.id, posted.standing] if posted else [str(since), None, None]


def locked_rows(ids: Collection[int], forbid: Refusal) -> tuple[list[Task], Changed]:
    """These tasks with their videos, in ascending order, both locked, without what no change asks for. Refused are those that do
    not exist or are forbidden."""
    rows = list(locked(Task.select(*READ).where(among(Task.id, ids)).order_by(Task.id)))
    # the lock that videos.order takes
    video_ids = {row.video_id for row in rows if row.video_id is not None}
    query = Video.select(Video.id, Video.owner, Video.deleted_at).where(among(Video.id, video_ids)).order_by(Video.id)
    videos = {video.id: video for video in locked(query)}
    changed = Changed(refused={number: NotFound(f"task {number}") for number in ids})
    for row in rows:
        if row.video_id is not None:
            row.video = videos[row.video_id]
        del changed.refused[row.id]
        if why := forbid(row):
            changed.refused[row.id] = why
    return [row for row in rows if row.id not in changed.refused], changed


def _beside(rows: Iterable[Task]) -> dict[tuple[int, str, str], list[tuple[int, bool]]]:
    """The open and the done tasks of the same videos, by `_same`: the id, and whether it is open."""
    video_ids = {row.video_id for row in rows if row.video_id is not None}
    query: Any = Task.select(Task.id, Task.video, Task.kind, Task.template, Task.state)
    query = query.where(among(Task.video, video_ids), Task.state.in_(GOOD))
    beside: dict[tuple[int, str, str], list[tuple[int, bool]]] = {}
    for number, video, kind, template, state in query.tuples():
        beside.setdefault((video, kind, template), []).append((number, state in OPEN))
    return beside


def _gone_videos(rows: Iterable[Task]) -> set[int]:
    """The deleted ones of the videos that these tasks read beside their own."""
    named = {number for row in rows for number in others_of(row).values()}
    present = Video.select(Video.id).where(Video.id.in_(list(named)), Video.deleted_at.is_null())
    return named - {video.id for video in present} if named else set()


def _refused_state(task: Task) -> PodJobsError | None:
    if task.state in OPEN:
        return Refused(f"task {task.id} is {task.state}; cancel it first", code="task-open")
    if task.state == "done":
        return Refused(f"task {task.id} is done; order a new one for its video instead", code="task-done")
    if task.video is not None and task.video.deleted_at is not None:
        return Refused(f"the video of task {task.id} is deleted")
    return None


def _refused_beside(
    task: Task, beside: dict[tuple[int, str, str], list[tuple[int, bool]]], last: dict[tuple[int, str, str], int]
) -> PodJobsError | None:
    """Another task of the same kind and template is under way, or a newer one is done or runs again by the same order."""
    others = beside.get(_same(task), [])
    newer = last[_same(task)] > task.id or any(not is_open and number > task.id for number, is_open in others)
    if newer or any(is_open for _, is_open in others):
        reason = (
            f"another {task.kind} of video {task.video_id} is open, or newer than task {task.id} and done or asked for"
        )
        return Refused(reason, code="task-beside")
    return None


def _refused_other(task: Task, gone: set[int]) -> PodJobsError | None:
    for name, number in others_of(task).items():
        if number in gone:
            return Refused(f"task {task.id} reads as {name} a video that is deleted", code="task-other-gone")
    return None


def _renew(rows: list[Task], now: datetime) -> None:
    if not rows:
        return
    Outbox.delete().where(among(Outbox.task_id, [row.id for row in rows])).execute()
    fresh = {"state": "waiting", "queued_at": now, "cancel_requested": False, "error_facts": {}}
    fresh |= dict.fromkeys(("ended_at", "retry_at", "error_code", "error_reason", "delete_at"))
    fresh |= dict.fromkeys(("deaths", "losses", "failures"), 0)
    Task.update(generation=Task.generation + 1, **fresh).where(among(Task.id, [row.id for row in rows])).execute()
    for row in rows:
        row.generation, row.state = row.generation + 1, "waiting"
    _name_parties(rows)
    post(rows, now)
    site_callbacks.forget([row.id for row in rows])


def _name_parties(rows: Iterable[Task]) -> None:
    """Tasks of before there were parties get theirs."""
    nameless: dict[str, list[Task]] = {}
    for row in rows:
        if not row.party and row.video is not None:
            nameless.setdefault(party_of(row.video.owner_id), []).append(row)
    for party, of_party in nameless.items():
        Task.update(party=party).where(among(Task.id, [row.id for row in of_party])).execute()
        for row in of_party:
            row.party = party


def _same(task: Task) -> tuple[int, str, str]:
    """Equal for tasks of the same video, kind and template; a task of no video has no other beside it."""
    return task.video_id or -task.id, task.kind, task.template
