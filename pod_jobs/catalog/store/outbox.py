"""Jobs that must be enqueued. A row commits together with the change that needs it, and is deleted once RQ has the job.
store/waiting_line.py has their order."""

from datetime import datetime

from pod_jobs.catalog.models import Outbox


def pending(limit: int = 500) -> list[Outbox]:
    """The rows, oldest first."""
    return list(Outbox.select().order_by(Outbox.id).limit(limit))


def sent(job_id: str) -> None:
    """Delete the row: RQ has the job."""
    Outbox.delete().where(Outbox.job_id == job_id).execute()


def oldest() -> datetime | None:
    """When the oldest waiting row was written."""
    row = Outbox.select().order_by(Outbox.id).first()
    return None if row is None else row.created_at
