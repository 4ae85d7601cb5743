"""The rows of the outbox, for tests of what they wait for."""

from datetime import datetime

from pod_jobs.catalog.models import Outbox


def pending() -> list[Outbox]:
    """The rows, oldest first."""
    return list(Outbox.select().order_by(Outbox.id))


def oldest() -> datetime:
    """When the oldest row was written."""
    return pending()[0].created_at
