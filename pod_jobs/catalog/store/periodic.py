"""Orders periodic tasks: once per tick, however many processes ask."""

from datetime import datetime, timedelta

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Periodic, Task
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import tasks

CLOCK_WAS_WRONG = timedelta(hours=1)  # a stored tick this far ahead comes from a clock that was wrong then


def fire(name: str, kind: str, tick: datetime, now: datetime, *, run: bool) -> Task | None:
    """Handle the ticks of the entry `name` up to `tick`. Order a task if `run` is True and `tick` was not handled before.

    Returns None when the tick was handled already, when the entry is new (it starts with its next tick), when its last task
    is still open, or when `run` is False, for a missed tick that is skipped.
    """
    with transaction():
        row = locked(Periodic.select().where(Periodic.name == name)).get_or_none()
        if row is None:
            Periodic.insert(name=name, fired_until=now).on_conflict_ignore().execute()
            return None
        if row.fired_until - now > CLOCK_WAS_WRONG:
            row.fired_until = now
            row.save()
        if tick <= row.fired_until:
            return None
        row.fired_until = tick
        still_open = row.task is not None and row.task.state in tasks.OPEN
        if run and not still_open:
            row.task = tasks.order(None, NewTask(kind), None, now)
        row.save()
        return row.task if run and not still_open else None
