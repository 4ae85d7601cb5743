"""Jobs that must be enqueued. A row commits with what wants the job, and goes once RQ has it."""

from datetime import datetime

from pod_jobs.catalog.models import Outbox


def pending(limit: int = 500) -> list[Outbox]:
    """Oldest first."""
    return list(Outbox.select().order_by(Outbox.id).limit(limit))


def of_job(job_id: str) -> Outbox | None:
    """The row that waits for this job, if there still is one."""
    return Outbox.get_or_none(Outbox.job_id == job_id)


def sent(job_id: str) -> None:
    """RQ has the job."""
    Outbox.delete().where(Outbox.job_id == job_id).execute()


def oldest() -> datetime | None:
    """When the oldest waiting row was written."""
    row = Outbox.select().order_by(Outbox.id).first()
    return None if row is None else row.created_at
