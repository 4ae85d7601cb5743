"""For people: the state of the lanes, and dead letters, which are statements that an LRS refused for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from pod_jobs.catalog.store import lanes
from pod_jobs.catalog.trace_models import Lane, Statement, Straggler
from pod_jobs.errors import NotFound


@dataclass(frozen=True)
class LaneSight:
    """The state of a lane. `oldest_at` is when the first undecided statement was accepted."""

    lane: Lane
    waiting: int
    dead: int
    oldest_at: datetime | None
    per_minute: list[int]


def overview(names: Sequence[str], now: datetime) -> list[LaneSight]:
    """The state of the lanes in `names`, in that order. Lanes without a row get one now."""
    last = lanes.last_number()
    lanes.ensure(names, last, now)
    rows = {lane.name: lane for lane in Lane.select().where(Lane.name.in_(list(names)))}
    return [_sight(rows[name], last, now) for name in names]


def dead_letters(lane: str, limit: int, before: int | None = None) -> list[tuple[Straggler, Statement]]:
    """Newest first; `before` is the number to go on from."""
    query = Straggler.select().where(Straggler.lane == lane, Straggler.fate == "dead")
    if before is not None:
        query = query.where(Straggler.number < before)
    found = list(query.order_by(Straggler.number.desc()).limit(limit))
    numbers = [row.number for row in found]
    rows = {row.number: row for row in Statement.select().where(Statement.number.in_(numbers))}
    return [(row, rows[row.number]) for row in found]


def resend(lane: str, numbers: Sequence[int] | None, now: datetime) -> int:
    """Send dead letters of a lane again (None = all). Returns how many. Errors: NotFound when none has one of `numbers`."""
    again = Straggler.update(fate="later", tries=0, not_before=now, at=now).where(*_chosen(lane, numbers))
    return _some(again.execute(), lane, numbers)


def drop(lane: str, numbers: Sequence[int] | None) -> int:
    """Drop dead letters of a lane (None = all). Returns how many. Errors: NotFound when none has one of `numbers`."""
    return _some(Straggler.delete().where(*_chosen(lane, numbers)).execute(), lane, numbers)


def _chosen(lane: str, numbers: Sequence[int] | None) -> list[object]:
    chosen: list[object] = [Straggler.lane == lane, Straggler.fate == "dead"]
    return chosen if numbers is None else [*chosen, Straggler.number.in_(list(numbers))]


def _some(count: int, lane: str, numbers: Sequence[int] | None) -> int:
    if not count and numbers is not None:
        raise NotFound(f"a dead letter of lane {lane}")
    return count


def _sight(lane: Lane, last: int, now: datetime) -> LaneSight:
    mine = Straggler.select(fn.COUNT(Straggler.number)).where(Straggler.lane == lane.name)
    later, dead = (mine.where(Straggler.fate == fate).scalar() for fate in ("later", "dead"))
    first = Statement.select(Statement.received_at).where(Statement.number > lane.cursor).order_by(Statement.number)
    oldest = first.first()
    if later:
        of_lane = Straggler.select(fn.MIN(Straggler.number)).where(
            Straggler.lane == lane.name, Straggler.fate == "later"
        )
        oldest = Statement.get_or_none(Statement.number == of_lane.scalar()) or oldest
    return LaneSight(
        lane=lane,
        waiting=max(0, last - lane.cursor) + later,
        dead=dead,
        oldest_at=oldest and oldest.received_at,
        per_minute=lanes.per_minute(lane.name, now),
    )
