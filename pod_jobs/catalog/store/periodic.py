"""Orders periodic tasks: once per tick, however many processes ask. People pause them and run them now."""

from datetime import datetime, timedelta

from peewee import JOIN

from pod_jobs.catalog.database import locked, locked_row, transaction
from pod_jobs.catalog.models import Audit, Periodic, Task, User
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import tasks
from pod_jobs.errors import Malformed, Refused

WHY_CHARACTERS = 500
CLOCK_WAS_WRONG = timedelta(hours=1)  # a stored tick this far ahead comes from a clock that was wrong then


def fire(name: str, kind: str, tick: datetime, now: datetime, *, run: bool) -> Task | None:
    """Handle the ticks of the entry `name` up to `tick`. Order a task if `run` is True and `tick` was not handled before.

    Returns None when the tick was handled already, when the entry is new (it starts with its next tick), when its last task
    is still open, when a person has paused it, or when `run` is False, for a missed tick that is skipped.
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
        orders = run and row.paused_at is None and not _is_open(row)
        if orders:
            row.task = tasks.order(None, NewTask(kind), None, now)
        row.save()
        return row.task if orders else None


def rows() -> dict[str, Periodic]:
    """Name of an entry -> what is stored of it, with its latest task. A new entry is stored at its first tick."""
    return {row.name: row for row in Periodic.select(Periodic, Task).join(Task, JOIN.LEFT_OUTER)}


def run_now(name: str, kind: str, user: User, now: datetime) -> Task:
    """Order the task of an entry now, also while it is paused. Errors: Refused while its last task is open."""
    with transaction():
        row = _get_or_create(name, now)
        if _is_open(row):
            raise Refused(f"task {row.task_id} of {name} is open")
        task = tasks.order(None, NewTask(kind), user, now)
        row.task = task
        row.save()
        Audit.create(at=now, who=user.name, action="run-now", subject=f"periodic {name}", details=f"task {task.id}")
    return task


def pause(name: str, who: str, why: str, now: datetime) -> None:
    """Let no tick of the entry order a task until `resume`. If it is paused already, that stays. Errors: Malformed."""
    if len(why) > WHY_CHARACTERS:
        raise Malformed(f"why: at most {WHY_CHARACTERS} characters")
    with transaction():
        row = _get_or_create(name, now)
        if row.paused_at is None:
            row.paused_by, row.paused_at, row.why = who, now, why.strip()
            row.save()
            Audit.create(at=now, who=who, action="pause", subject=f"periodic {name}", details=why.strip())


def resume(name: str, who: str, now: datetime) -> None:
    """Ticks after this order tasks again; those in between are not made up for."""
    with transaction():
        row = _get_or_create(name, now)
        if row.paused_at is not None:
            row.paused_by = row.paused_at = None
            row.why, row.fired_until = "", max(row.fired_until, now)
            row.save()
            Audit.create(at=now, who=who, action="resume", subject=f"periodic {name}")


def paused() -> list[Periodic]:
    """The entries that are paused, by name."""
    return list(Periodic.select().where(Periodic.paused_at.is_null(False)).order_by(Periodic.name))


def _get_or_create(name: str, now: datetime) -> Periodic:
    row: Periodic = locked_row(Periodic, {"name": name}, {"fired_until": now})
    return row


def _is_open(row: Periodic) -> bool:
    return row.task is not None and row.task.state in tasks.OPEN
