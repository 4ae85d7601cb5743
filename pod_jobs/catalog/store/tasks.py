"""The life of a task: ordered, started, reported, ordered again. The catalog decides; workers only ask and report.

The commit that orders a task makes it `waiting` and adds its outbox row. A worker's `start` makes it `running`. A report makes
it `done`, `error`, `cancelled`, or `waiting` again. Each new order to run raises `generation`, and whatever a run of an older
generation reports is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peewee import JOIN, Case, Value, fn

from pod_jobs.catalog.database import joined, locked, transaction
from pod_jobs.catalog.id_lists import among
from pod_jobs.catalog.models import ApiToken, Attempt, Outbox, Task, User, Video
from pod_jobs.catalog.new_task import OTHERS, NewTask, Purpose
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import error_groups, site_callbacks
from pod_jobs.catalog.store.waiting_line import had_a_turn, has_no_place, standing_of_task
from pod_jobs.errors import Cancelled, NotFound, Refused, Superseded

OPEN = ("waiting", "running")
NONE: Final[Mapping[str, int]] = {}
VERSION_CHARACTERS = 40  # kept of a version


@dataclass(frozen=True)
class Runner:
    """Who runs an attempt: RQ's worker name, host name, process id of the horse; version of pod_jobs there, and of ffmpeg if
    the task uses it ("" = not known); the API token that it came with."""

    worker: str
    host: str
    pid: int
    version: str = ""
    ffmpeg: str = ""
    token_id: int | None = None


def job_id(kind: str, task_id: int, generation: int) -> str:
    """RQ's id for a run of a task. The same run always has the same id, so that it can be enqueued only once."""
    return f"{kind}-{task_id}-g{generation}"


def order(video: Video | None, new: NewTask, author: User | None, now: datetime, *, parent: int | None = None) -> Task:
    """Store the order `new` with its outbox row; `parent` is the task that orders it. Call inside a transaction."""
    party = new.party or ("" if video is None else party_of(video.owner_id))
    what = {"kind": new.kind, "template": new.template, "options": dict(new.options) or None, "purpose": new.purpose}
    turn = {"priority": new.priority, "party": party, "is_short": new.is_short}
    task = Task.create(
        video=video, state="waiting", author=author, created_at=now, queued_at=now, parent=parent, **what, **turn
    )
    post([task], now)
    return task


def party_of(owner_id: int) -> str:
    """The party (waiting_order.py) of the tasks of this person's videos."""
    return f"user-{owner_id}"


def renew(task: Task, now: datetime, *, at_front: bool = False, since: datetime | None = None) -> None:
    """Give `task` a new generation and put it into the outbox. `since`: it has waited so long. Call inside a transaction."""
    Outbox.delete().where(Outbox.job_id == job_id(task.kind, task.id, task.generation)).execute()
    task.generation += 1
    task.state = "waiting"
    task.queued_at = since or now
    task.ended_at = task.retry_at = task.error_code = task.error_reason = task.delete_at = None
    task.error_facts = {}
    task.save()
    post([task], now, at_front=at_front)


def post_again(task_id: int, generation: int, now: datetime) -> bool:
    """RQ lost the job of a waiting task: put it into the outbox once more. False when the task has changed since."""
    with transaction():
        task = get_locked(task_id)
        current_job_id = job_id(task.kind, task.id, task.generation)
        if task.generation != generation or task.state != "waiting":
            return False
        if not Outbox.select().where(Outbox.job_id == current_job_id).exists():
            post([task], now, at_front=True)
        return True


def start(
    task_id: int, generation: int, runner: Runner, now: datetime, losses_allowed: int, running: Mapping[str, int] = NONE
) -> tuple[Task, Attempt]:
    """A worker begins a run. An earlier attempt that is still open ended without a report and is closed as lost. `running`:
    party -> how many of its tasks may run at once. One too many waits again, before others of its priority.

    Errors: NotFound; Superseded for another generation, an ended task, or one too many; Cancelled when a person cancelled it.
    A task in `error` starts again: somebody requeued its job with RQ's own tools.
    """
    with transaction():
        task = get_locked(task_id)
        if task.generation != generation or task.state in ("done", "cancelled"):
            raise Superseded(f"task {task_id} is at generation {task.generation} and {task.state}")
        open_ones = (Attempt.task == task, Attempt.outcome.is_null())
        # the same worker asks again when it did not get the answer to its last start; it has not vanished
        task.losses += Attempt.select().where(*open_ones, Attempt.worker != runner.worker).count()
        Attempt.update(outcome="lost", ended_at=now).where(*open_ones).execute()
        cancelled = task.cancel_requested or _is_deleted(task)
        worn_out = task.losses >= losses_allowed
        ends = cancelled or worn_out
        waits = not ends and task.party in running and has_no_place(task, running[task.party])
        attempt = None if ends or waits else _new_attempt(task, runner, now)
        if attempt is not None:  # RQ has had the job, also if whoever gave it to RQ died before noting that
            Outbox.delete().where(Outbox.job_id == job_id(task.kind, task.id, task.generation)).execute()
            had_a_turn(task, now)
        elif waits:
            renew(task, now, at_front=True, since=task.queued_at)
        else:
            task.error_code = "worker-died" if worn_out else None
            end(task, "error" if worn_out else "cancelled", now)
    if attempt is not None:
        return task, attempt
    # raised outside of the transaction, which would be rolled back otherwise
    if worn_out:
        raise Superseded(f"task {task_id} lost its worker {task.losses} times in a row and is stopped")
    if waits:
        raise Superseded(f"task {task_id} waits again: as many tasks of {task.party} run as may run at once")
    raise Cancelled(f"task {task_id} was cancelled before it started")


def at_work(task_id: int, generation: int, attempt: int) -> Task:
    """The task, of a video, of an attempt that has not ended. Errors: NotFound; Superseded when it has, or another began."""
    task = get(task_id)
    latest = Attempt.select().where(Attempt.task == task).order_by(Attempt.number.desc()).first()
    if task.state != "running" or task.generation != generation or latest is None or latest.number != attempt:
        raise Superseded(f"attempt {attempt} at task {task_id} is over")
    if task.video_id is None:
        raise NotFound(f"task {task_id} has no files")
    return task


def find_attempt(task_id: int, generation: int, number: int | None, worker: str) -> Attempt | None:
    """The attempt of this number; without a number, the one that `worker` has under way. None when there is none."""
    query = Attempt.select().where(Attempt.task == task_id, Attempt.generation == generation)
    if number is not None:
        attempt: Attempt | None = query.where(Attempt.number == number).first()
    else:
        query = query.where(Attempt.worker == worker, Attempt.outcome.is_null())
        attempt = query.order_by(Attempt.number.desc()).first()
    return attempt


def _new_attempt(task: Task, runner: Runner, now: datetime) -> Attempt:
    last = Attempt.select(fn.MAX(Attempt.number)).where(Attempt.task == task).scalar() or 0
    task.state = "running"
    task.started_at = now
    task.ended_at = task.retry_at = task.error_code = task.error_reason = task.delete_at = None
    task.save()
    return Attempt.create(
        task=task,
        generation=task.generation,
        number=last + 1,
        worker=runner.worker,
        host=runner.host,
        pid=runner.pid,
        version=runner.version[:VERSION_CHARACTERS],
        ffmpeg=runner.ffmpeg[:VERSION_CHARACTERS],
        token_id=runner.token_id,
        started_at=now,
    )


def cancel(task_id: int, now: datetime) -> Task:
    """A person cancels the task. A waiting task ends at once, a running one when its worker learns of it."""
    with transaction():
        task = get_locked(task_id)
        if task.state not in OPEN:
            raise Refused(f"task {task_id} is {task.state} already", code="task-ended")
        task.cancel_requested = True
        if task.state == "waiting":
            end(task, "cancelled", now)
        else:
            task.save()
    return task


def get(task_id: int) -> Task:
    """Errors: NotFound."""
    task = Task.get_or_none(Task.id == task_id)
    if task is None:
        raise NotFound(f"task {task_id}")
    return task


def get_locked(task_id: int) -> Task:
    """The task, locked until the transaction ends. Errors: NotFound."""
    task = locked(Task.select().where(Task.id == task_id)).get_or_none()
    if task is None:
        raise NotFound(f"task {task_id}")
    return task


def open_tasks_of_rq() -> list[Task]:
    """Every task that is waiting or running, without those that wait in the outbox; oldest first."""
    ordered = Outbox.select().where(Outbox.task_id == Task.id)
    return list(Task.select().where(Task.state.in_(OPEN), ~fn.EXISTS(ordered)).order_by(Task.id))


def cancelling() -> list[Task]:
    """The running tasks that a person cancelled."""
    return list(Task.select().where(Task.state == "running", Task.cancel_requested))


def open_of(video_id: int) -> list[Task]:
    """The tasks of a video that wait or run, oldest first."""
    return list(Task.select().where(Task.video == video_id, Task.state.in_(OPEN)).order_by(Task.id))


def lock_open_of(video_id: int) -> list[Task]:
    """The same, locked until the transaction ends.

    They are found before they are locked, by their ids: a search by another index locks that index first and then the rows,
    a change locks them the other way round, and MariaDB ends one of two that wait for each other.
    """
    found = Task.select(Task.id).where(Task.video == video_id, Task.state.in_(OPEN))
    rows = locked(Task.select().where(among(Task.id, [task.id for task in found])).order_by(Task.id))
    return [task for task in rows if task.state in OPEN]


def count_waiting(author: User) -> int:
    """How many tasks that `author` ordered wait for a worker."""
    return int(Task.select().where(Task.author == author, Task.state == "waiting").count())


def as_ordered(task: Task) -> NewTask:
    """The order that the task was made from."""
    return NewTask(
        task.kind,
        task.template,
        task.options or {},
        Purpose(task.purpose),
        task.priority,
        task.party,
        task.is_short,
    )


def is_open(video_id: int | None, new: NewTask) -> bool:
    """Does a task of the same kind and template wait or run for this video? Call under a lock of the video."""
    same = (Task.video == video_id, Task.kind == new.kind, Task.template == new.template)
    return bool(Task.select().where(*same, Task.state.in_(OPEN)).exists())


def others_of(task: Task) -> dict[str, int]:
    """Option -> the video that it names: other videos that the task reads beside its own."""
    return {name: task.options[name] for name in OTHERS if task.options and name in task.options}


def gone_other(task: Task) -> str:
    """The first option that names a deleted video; "" for none. The files of a video that is deleted later stay as long as
    an open task reads them."""
    named = others_of(task)
    rows = Video.select(Video.id).where(Video.id.in_(list(named.values())), Video.deleted_at.is_null())
    present = {row.id for row in rows} if named else set()
    return next((name for name, number in named.items() if number not in present), "")


def end_if_other_is_gone(task: Task, now: datetime) -> None:
    """End the task with an error if one of its options names a deleted video. Call inside a transaction."""
    if name := gone_other(task):
        task.error_code, task.error_facts = f"source-{name}", {"cause": "source-missing"}
        end(task, "error", now)


def tasks_of(videos: Sequence[Video]) -> dict[int, list[Task]]:
    """Video id -> its tasks, newest first."""
    tasks: dict[int, list[Task]] = {video.id: [] for video in videos}
    for task in Task.select().where(Task.video.in_(list(tasks))).order_by(Task.id.desc()):
        tasks[task.video_id or 0].append(task)
    return tasks


def family_of(task: Task) -> tuple[Task | None, list[Task]]:
    """The task that ordered this one, and those that it ordered itself, oldest first."""
    parent = Task.get_or_none(Task.id == task.parent) if task.parent is not None else None
    return parent, list(Task.select().where(Task.parent == task.id).order_by(Task.id))


def attempts_of(task: Task) -> list[Attempt]:
    """The attempts of a task, oldest first."""
    return list(Attempt.select().where(Attempt.task == task).order_by(Attempt.number))


def ask_for_help(task_id: int, now: datetime) -> Task:
    """The owner asks the team to look at a task that failed. Errors: NotFound; Refused when it has not failed."""
    with transaction():
        task = get_locked(task_id)
        if task.state != "error":
            raise Refused(f"task {task_id} is {task.state}; there is nothing to look at", code="task-not-failed")
        task.help_asked_at = task.help_asked_at or now
        task.save()
    return task


def withdraw_help_request(task_id: int) -> Task:
    """Somebody of the team has looked at it, so that it leaves `help_asked`. Errors: NotFound."""
    with transaction():
        task = get_locked(task_id)
        task.help_asked_at = None
        task.save()
    return task


def help_asked(limit: int, site: str = "") -> list[Task]:
    """Failed tasks that the team was asked to look at, with videos and owners, the oldest request first. `site`: only those that
    it ordered."""
    query = Task.select(Task, Video, User).join(Video, JOIN.LEFT_OUTER).join(User, JOIN.LEFT_OUTER)
    query = query.where(SiteOrder.of_task(site)) if site else query
    return list(query.where(*_help_asked()).order_by(Task.help_asked_at, Task.id).limit(limit))


def count_help_asked() -> int:
    """How many `help_asked` would find without a limit."""
    return int(Task.select().where(*_help_asked()).count())


def _help_asked() -> tuple[Any, ...]:
    return Task.help_asked_at.is_null(False), Task.state == "error", Task.is_shown()


def runs_under_way() -> dict[int, Attempt]:
    """Task id -> the latest attempt of its current generation that has not ended."""
    query = Attempt.select().join(Task).where(Attempt.outcome.is_null(), Attempt.generation == Task.generation)
    return {attempt.task_id: attempt for attempt in query.order_by(Attempt.number)}


def runs_of_revoked() -> list[Attempt]:
    """The attempts under way whose token was revoked, or whose user was switched off, with their tasks."""
    invalid = ApiToken.revoked_at.is_null(False) | (User.active == False)  # noqa: E712  # peewee builds SQL from ==
    query = (
        Attempt.select(Attempt, Task)
        .join(Task)
        .join(ApiToken, on=(Attempt.token_id == ApiToken.id))
        .join(User)
        .where(Task.state == "running", Attempt.outcome.is_null(), Attempt.generation == Task.generation, invalid)
    )
    return list(query)


def _is_deleted(task: Task) -> bool:
    return task.video is not None and task.video.deleted_at is not None


def post(rows: Sequence[Task], now: datetime, *, at_front: bool = False) -> None:
    """Put the present generations of these waiting tasks into the outbox, in ascending order of their ids, by one query that
    takes from the table of tasks what is there. Call inside a transaction."""
    standings: dict[int, list[int]] = {}
    for row in rows:
        standings.setdefault(standing_of_task(row, at_front=at_front), []).append(row.id)
    job = joined(Task.kind, "-", Task.id, "-g", Task.generation)
    payload = joined('{"task":', Task.id, ',"generation":', Task.generation, "}")
    standing = Case(None, [(among(Task.id, ids), value) for value, ids in standings.items()], 0)
    created = Value(Outbox.created_at.db_value(now))
    chosen: Any = Task.select(job, Task.kind, payload, Task.id, standing, Task.party, Task.is_short, created)
    chosen = chosen.where(among(Task.id, [row.id for row in rows])).order_by(Task.id)
    columns = (Outbox.job_id, Outbox.kind, Outbox.payload, Outbox.task_id, Outbox.standing, Outbox.party)
    Outbox.insert_from(chosen, [*columns, Outbox.is_short, Outbox.created_at]).execute()


def end(task: Task, state: str, now: datetime) -> None:
    """End `task` in this state. Call inside a transaction."""
    if state == "error":
        error_groups.enter(task, now)
    task.state = state
    task.ended_at = now
    task.retry_at = None
    task.save()
    Outbox.delete().where(Outbox.job_id == job_id(task.kind, task.id, task.generation)).execute()
    site_callbacks.owe([task.id], now)
