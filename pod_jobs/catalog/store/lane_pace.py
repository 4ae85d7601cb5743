"""How fast the lanes deliver, minute by minute."""

from datetime import datetime, timedelta

from pod_jobs.catalog.trace_models import LaneMinute

KEPT = timedelta(hours=1)


def add(name: str, stored: int, now: datetime) -> None:
    """Call inside a transaction that holds the lane."""
    minute = _minute(now)
    here = LaneMinute.update(stored=LaneMinute.stored + stored).where(
        LaneMinute.lane == name, LaneMinute.minute == minute
    )
    if not here.execute():
        LaneMinute.create(lane=name, minute=minute, stored=stored)
        LaneMinute.delete().where(LaneMinute.lane == name, LaneMinute.minute < _minute(now - KEPT)).execute()


def per_minute(name: str, now: datetime, minutes: int = 30) -> list[int]:
    """Statements delivered in each of the last minutes; the last one is the present one."""
    last = _minute(now)
    rows = LaneMinute.select().where(LaneMinute.lane == name, LaneMinute.minute > last - minutes)
    stored = {row.minute: row.stored for row in rows}
    return [stored.get(minute, 0) for minute in range(last - minutes + 1, last + 1)]


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
