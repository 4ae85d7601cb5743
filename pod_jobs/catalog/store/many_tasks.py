"""The same change to many tasks: a slice of ids in one transaction, with a fixed number of queries.

A process that is killed between two slices leaves whole slices behind, and whoever orders the change again changes the rest.
"""

from collections.abc import Sequence
from datetime import datetime

from peewee import fn

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Outbox, Task, Video
from pod_jobs.catalog.new_task import Purpose
from pod_jobs.catalog.store.tasks import OPEN, gone_other, job_id, others_of

SLICE = 500
AGAIN = ("error", "cancelled")  # what may run again


def order_again(ids: Sequence[int], now: datetime) -> list[Task]:
    """Give those of the tasks a new generation that `tasks.order_again` would give one; the others stay as they are.

    Returns the tasks as they were before. Of several tasks of one video, kind and template, only the newest runs again.
    """
    with transaction():
        asked = Task.select().where(Task.id.in_(list(ids)), Task.state.in_(AGAIN)).order_by(Task.id)
        rows = list(locked(asked))
        videos = {row.video_id for row in rows if row.video_id is not None}
        list(locked(Video.select(Video.id).where(Video.id.in_(list(videos))).order_by(Video.id)))
        good = _newest_of_each(_may_run_again(rows))
        wanted = [row.id for row in good]
        if wanted:
            Outbox.delete().where(Outbox.job_id.in_([_job(row) for row in good])).execute()
            fresh = {"state": "waiting", "queued_at": now, "cancel_requested": False, "error_facts": {}}
            fresh |= dict.fromkeys(("ended_at", "retry_at", "error_code", "error_reason"))
            fresh |= dict.fromkeys(("deaths", "losses", "failures"), 0)
            Task.update(generation=Task.generation + 1, **fresh).where(Task.id.in_(wanted)).execute()
            Outbox.insert_many([_outbox(row, now) for row in good]).execute()
    return good


def cancel(ids: Sequence[int], now: datetime) -> list[Task]:
    """Cancel those of the tasks that wait or run, as `tasks.cancel` does. Returns them as they were before."""
    with transaction():
        rows = list(locked(Task.select().where(Task.id.in_(list(ids)), Task.state.in_(OPEN)).order_by(Task.id)))
        waiting = [row for row in rows if row.state == "waiting"]
        Task.update(cancel_requested=True).where(Task.id.in_([row.id for row in rows])).execute()
        ended = {"state": "cancelled", "ended_at": now, "retry_at": None}
        Task.update(**ended).where(Task.id.in_([row.id for row in waiting])).execute()
        Outbox.delete().where(Outbox.job_id.in_([_job(row) for row in waiting])).execute()
    return rows


def _may_run_again(rows: Sequence[Task]) -> list[Task]:
    """Those whose videos are there, beside which no other task is open, and none is newer and done."""
    other = Task.alias()
    same = (other.video == Task.video, other.kind == Task.kind, other.template == Task.template, other.id != Task.id)
    newer = (other.state == "done") & (other.id > Task.id)
    beside = fn.EXISTS(other.select(other.id).where(*same, other.state.in_(OPEN) | newer))
    deleted = fn.EXISTS(Video.select(Video.id).where(Video.id == Task.video, Video.deleted_at.is_null(False)))
    asked = Task.select(Task.id).where(Task.id.in_([row.id for row in rows]))
    free = {row.id for row in asked.where(~beside, ~deleted)}
    return [row for row in rows if row.id in free and not (others_of(row) and gone_other(row))]


def _newest_of_each(rows: Sequence[Task]) -> list[Task]:
    newest = {(row.video_id or -row.id, row.kind, row.template): row for row in rows}  # in ascending order
    return list(newest.values())


def _job(row: Task) -> str:
    return job_id(row.kind, row.id, row.generation)


def _outbox(row: Task, now: datetime) -> dict[str, object]:
    generation = row.generation + 1
    return {
        "job_id": job_id(row.kind, row.id, generation),
        "kind": row.kind,
        "payload": {"task": row.id, "generation": generation},
        "at_front": False,
        "makes_way": row.purpose == Purpose.OFFER,
        "created_at": now,
    }
