"""Jobs that must be enqueued. A row commits together with the change that needs the job, and is deleted once RQ has it."""

from collections.abc import Sequence
from datetime import datetime

from pod_jobs.catalog.models import Outbox


def pending(limit: int = 500) -> list[Outbox]:
    """The rows of jobs that RQ should get at once, oldest first."""
    return list(Outbox.select().where(~Outbox.makes_way).order_by(Outbox.id).limit(limit))


def next_to_make_way() -> Outbox | None:
    """The next of the rows that make way, for RQ when its queue has no other job: one whose worker died, or the oldest."""
    found: Outbox | None = Outbox.select().where(Outbox.makes_way).order_by(Outbox.at_front.desc(), Outbox.id).first()
    return found


def job_ids() -> set[str]:
    """The job ids of all rows."""
    return {row.job_id for row in Outbox.select(Outbox.job_id)}


def of_job(job_id: str) -> Outbox | None:
    """The row that waits for this job, if there still is one."""
    return Outbox.get_or_none(Outbox.job_id == job_id)


def sent(job_id: str) -> None:
    """Delete the row: RQ has the job."""
    Outbox.delete().where(Outbox.job_id == job_id).execute()


def all_sent(job_ids: Sequence[str]) -> None:
    """Delete these rows: RQ has the jobs."""
    Outbox.delete().where(Outbox.job_id.in_(list(job_ids))).execute()


def oldest() -> datetime | None:
    """When the oldest waiting row was written."""
    row = Outbox.select().order_by(Outbox.id).first()
    return None if row is None else row.created_at
