"""Reports of how attempts ended, from workers or from the janitor for dead workers, and what becomes of the task.

A report may arrive twice, late, or out of order: an attempt is closed only once, only the latest attempt of the current
generation changes the state of the task, and a finished result counts as long as the task is open in that generation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.figures import Amount, Count
from pod_jobs.catalog.models import OUTCOMES, Attempt, Output, Task, Video
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.store import events, tasks
from pod_jobs.catalog.store.tasks import OPEN, end, get_locked, renew
from pod_jobs.errors import REASON_LIMIT, SENTENCES, OutOfResources, ResultRejected, Superseded, storable

INFOS = ("first_playable_s", "wall_s", "cpu_s", "peak_mb", "opening_s")  # figures of a result that the task keeps


@dataclass(frozen=True)
class Report:
    """How one attempt ended.

    `attempt` is its number, or None when only the worker's name is known (its horse was killed). `worker` started it.
    `result` goes with "done": {"folder": …, "outputs": [{"kind", "name", "bytes", "mime", …}], "duration_s", "is_video",
    "facts", "warnings", …}.
    `retry_in_s` goes with "retry". `source_s` is the duration of the recording, as far as the run knows it.
    """

    generation: Count
    outcome: str  # one of OUTCOMES
    attempt: Count | None = None
    worker: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error_code: str | None = None
    error_facts: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    retry_in_s: Amount | None = None
    exit_code: Count | None = None
    signal: Count | None = None
    cpu_s: Amount | None = None
    peak_mb: Amount | None = None
    source_s: Amount | None = None

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ResultRejected(f"outcome {self.outcome!r} is none of {', '.join(OUTCOMES)}")
        # a newer worker may know other codes: its code is kept in the reason
        if self.error_code is not None and self.error_code not in SENTENCES:
            object.__setattr__(self, "reason", f"{self.error_code}: {self.reason or ''}")
            object.__setattr__(self, "error_code", "internal")


@dataclass(frozen=True)
class Allowed:
    """How often runs of a task may die before the task ends with an error; see [retry] of the settings."""

    deaths: int
    losses: int


def accept(
    task_id: int,
    report: Report,
    allowed: Allowed,
    now: datetime,
    follow: Sequence[NewTask] = (),
    take: Callable[[Task], object] | None = None,
) -> tuple[Task, list[Task]]:
    """Store `report`. If the task is done by it, order the tasks `follow` for its video, and let `take` store what
    else the result brings, such as captions, all in the same transaction.

    Returns the task and the new tasks. Errors: NotFound; Superseded for another generation (the attempt is closed all the
    same), and for an attempt that was never started or belongs to another worker.
    """
    ordered: list[Task] = []
    with transaction():
        task = get_locked(task_id)
        attempt = tasks.find_attempt(task.id, report.generation, report.attempt, report.worker)
        _check_origin(task, report, attempt)
        is_new = attempt is None or attempt.outcome is None  # otherwise the report arrived before
        if attempt is not None and is_new:
            _close(attempt, report, now)
        current = report.generation == task.generation
        gave_up_early = task.state == "error" and report.outcome == "done"  # the task failed, but this run finished it
        is_open = task.state in OPEN or gave_up_early
        if current and is_open and (report.outcome == "done" or is_new and _may_move(task, attempt)):
            _move(task, report, allowed, now)
            events.ended(task, report.result, now)
            ordered = _order_next(task, follow, now) if task.state == "done" else []
            if take is not None and task.state == "done":
                take(task)
    if not current:
        raise Superseded(f"task {task_id} is at generation {task.generation}, the report is of {report.generation}")
    return task, ordered


def _order_next(task: Task, follow: Sequence[NewTask], now: datetime) -> list[Task]:
    """Order the tasks `follow`, unless the video is deleted, and without tasks that are under way already."""
    if not follow or task.video_id is None:
        return []
    video = locked(Video.select().where(Video.id == task.video_id)).get_or_none()
    if video is None or video.deleted_at is not None:
        return []
    new_tasks = [new for new in follow if not tasks.is_open(video.id, new)]
    new_tasks = [replace(new, party=task.party, priority=task.priority) for new in new_tasks]
    return [tasks.order(video, new, task.author, now, parent=task.id) for new in new_tasks]


def end_dead_run(task_id: int, report: Report, allowed: Allowed, now: datetime) -> bool:
    """Store the janitor's report about a run that cannot report any more. Errors: NotFound.

    Returns False and changes nothing when the task has another generation or attempt than when the janitor looked at it.
    """
    with transaction():
        task = get_locked(task_id)
        attempt = _latest_open(task, report.generation)
        unchanged = task.generation == report.generation and task.state in OPEN
        if not unchanged or (attempt and attempt.number) != report.attempt:
            return False
        if attempt is not None:
            _close(attempt, report, now)
        _move(task, report, allowed, now)
        events.ended(task, report.result, now)
    return True


def _check_origin(task: Task, report: Report, attempt: Attempt | None) -> None:
    """Check that the worker that started an attempt reports it. A worker may also have died before it could start one.
    Errors: Superseded."""
    died = report.attempt is None and report.outcome in ("killed", "lost")
    if attempt is None and not died:
        raise Superseded(f"task {task.id} has no attempt {report.attempt} of generation {report.generation}")
    if attempt is not None and attempt.worker != report.worker:
        raise Superseded(f"attempt {attempt.number} of task {task.id} is another worker's than {report.worker!r}")


def _latest_open(task: Task, generation: int) -> Attempt | None:
    query = Attempt.select().where(Attempt.task == task, Attempt.generation == generation, Attempt.outcome.is_null())
    return query.order_by(Attempt.number.desc()).first()


def _may_move(task: Task, attempt: Attempt | None) -> bool:
    newest = Attempt.select().where(Attempt.task == task).order_by(Attempt.number.desc()).first()
    if newest is None or attempt is None:
        return newest is None or newest.generation < task.generation  # its run died before it could start an attempt
    return attempt.id == newest.id


def end_of_reason(reason: str | None) -> str | None:
    """What is stored of a reason: its end, because the last lines of a traceback or of ffmpeg say most."""
    return storable(reason)[-REASON_LIMIT:] if reason else None


def _close(attempt: Attempt, report: Report, now: datetime) -> None:
    attempt.ended_at = now
    attempt.outcome = report.outcome
    attempt.exit_code, attempt.signal = report.exit_code, report.signal
    attempt.cpu_s, attempt.peak_mb = report.cpu_s, report.peak_mb
    attempt.error_code = report.error_code
    attempt.reason = end_of_reason(report.reason)
    attempt.save()


def _move(task: Task, report: Report, allowed: Allowed, now: datetime) -> None:
    _keep_length(task, report)
    match report.outcome:
        case "done":
            _publish(task, report.result)
            end(task, "done", now)
        case "error":
            _fail(task, report, now)
        case "cancelled":
            end(task, "cancelled", now)
        case "retry" | "interrupted":
            _wait_again(task, report, now)
        case "killed" | "lost":
            _after_death(task, report, allowed, now)


def _keep_length(task: Task, report: Report) -> None:
    """Store the duration of a video of which nothing is published yet. A cancelled or failed encoding leaves nothing else."""
    if report.source_s is not None and task.purpose == Purpose.PLAY:
        video = Video.get_or_none(Video.id == task.video_id, Video.published_folder.is_null())
        if video is not None:
            facts = {**video.facts, "duration_s": report.source_s}
            Video.update(facts=facts).where(Video.id == video.id).execute()


def _wait_again(task: Task, report: Report, now: datetime) -> None:
    """Mark the task as waiting. The job of this generation is already in its queue again, or scheduled."""
    if task.cancel_requested:
        end(task, "cancelled", now)
        return
    task.state = "waiting"
    task.queued_at = now
    task.losses = 0
    if report.outcome == "retry":
        task.failures += report.error_code in OutOfResources.codes
        task.retry_at = now + timedelta(seconds=report.retry_in_s or 0)
        task.error_code, task.error_facts, task.error_reason = (
            report.error_code,
            report.error_facts,
            end_of_reason(report.reason),
        )
    task.save()


def _after_death(task: Task, report: Report, allowed: Allowed, now: datetime) -> None:
    if task.cancel_requested:
        end(task, "cancelled", now)
        return
    task.deaths += report.outcome == "killed"
    task.losses += report.outcome == "lost"
    if task.deaths >= allowed.deaths or task.losses >= allowed.losses:
        task.error_code, task.error_facts, task.error_reason = "worker-died", {}, end_of_reason(report.reason)
        end(task, "error", now)
    else:
        renew(task, now, at_front=True)


def _fail(task: Task, report: Report, now: datetime) -> None:
    task.error_code = report.error_code or "internal"
    task.error_facts = report.error_facts
    task.error_reason = end_of_reason(report.reason)
    end(task, "error", now)


def _publish(task: Task, result: dict[str, Any]) -> None:
    """Make the outputs of the result those of the video. They replace those of an earlier task of the same kind and template,
    whose files the janitor removes later."""
    task.infos = {key: result[key] for key in INFOS if key in result} | result.get("infos", {})
    task.error_code = task.error_reason = None
    if task.purpose == Purpose.NONE:
        return
    try:
        folder, outputs = result["folder"], result["outputs"]
        rows = [_output_row(task, folder, output) for output in outputs]
    except (KeyError, TypeError) as error:
        raise ResultRejected(f"the result lacks {error}") from error
    # Locked before rows refer to it: MariaDB would share its lock, and two that share one cannot both change the row.
    locked(Video.select(Video.id).where(Video.id == task.video_id)).get_or_none()
    same = (Task.video == task.video_id, Task.kind == task.kind, Task.template == task.template)
    Output.delete().where(Output.task.in_(Task.select(Task.id).where(*same))).execute()
    if rows:
        Output.insert_many(rows).execute()
    if task.purpose == Purpose.PLAY:
        Video.update(
            published_folder=folder,
            duration_s=result.get("duration_s"),
            is_video=result.get("is_video"),
            facts=result.get("facts", {}),
            warnings=result.get("warnings", []),
        ).where(Video.id == task.video_id).execute()


def _output_row(task: Task, folder: str, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "video": task.video_id,
        "task": task.id,
        "folder": folder,
        "name": output["name"],
        "kind": output["kind"],
        "rendition": output.get("rendition") or "",
        "language": output.get("language") or "",
        "mime": output["mime"],
        "bytes": output["bytes"],
        "width_px": output.get("width_px"),
        "height_px": output.get("height_px"),
    }
