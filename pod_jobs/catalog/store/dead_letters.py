"""For people: the state of the lanes, what waits there, and dead letters: statements that an LRS refused for good, or that a
person set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.lane_filter import EVERYTHING, LaneFilter
from pod_jobs.catalog.store import lanes
from pod_jobs.catalog.trace_models import Lane, Statement, Straggler
from pod_jobs.errors import NotFound, Refused


@dataclass(frozen=True)
class LaneSight:
    """The state of a lane. `oldest_at` is when the first undecided statement was accepted."""

    lane: Lane
    waiting: int
    dead: int
    oldest_at: datetime | None
    per_minute: list[int]


def overview(names: Sequence[str], now: datetime, filters: Mapping[str, LaneFilter] | None = None) -> list[LaneSight]:
    """The state of the lanes in `names`, in that order. Lanes without a row get one now. `filters`: as in lanes.due."""
    last = lanes.last_number()
    lanes.ensure(names, last, now)
    rows = {lane.name: lane for lane in Lane.select().where(Lane.name.in_(list(names)))}
    return [_sight(rows[name], last, now, (filters or {}).get(name, EVERYTHING)) for name in names]


def count_held(names: Sequence[str]) -> int:
    """How many of these lanes do not deliver at present."""
    return int(Lane.select().where(Lane.name.in_(list(names)), Lane.state != "open").count())


def waiting(name: str, limit: int, after: int = 0, wants: LaneFilter = EVERYTHING) -> list[tuple[Statement, str]]:
    """The statements that a lane still has to send, each with the reason why it was not stored when it was sent before ("" =
    not sent yet). Oldest first; `after` is the number to go on from. Errors: NotFound."""
    lane = Lane.get_or_none(Lane.name == name)
    if lane is None:
        raise NotFound(f"lane {name}")
    later = (Straggler.lane == name, Straggler.fate == "later", Straggler.number > after)
    reasons = {
        row.number: row.reason for row in Straggler.select().where(*later).order_by(Straggler.number).limit(limit)
    }
    again = list(Statement.select().where(Statement.number.in_(list(reasons))).order_by(Statement.number))
    following = Statement.select().where(*lanes.wanted(name, max(after, lane.cursor), wants)).order_by(Statement.number)
    statements = sorted([*again, *following.limit(limit)], key=lambda row: row.number)[:limit]
    return [(row, reasons.get(row.number, "")) for row in statements]


def skip(name: str, numbers: Sequence[int], now: datetime, wants: LaneFilter = EVERYTHING) -> int:
    """Set waiting statements of a lane aside: they become dead letters, which can be sent again or dropped. Returns how many.

    Errors: NotFound when none of `numbers` waits; Refused while a worker has the lane, because it may be sending them.
    """
    with transaction():
        lane = lanes.get_locked(name)
        if lanes.is_worked(lane, now):
            raise Refused(f"lane {name} is worked by {lane.holder} until {lane.lease_until}", code="lane-busy")
        mine = (Straggler.lane == name, Straggler.number.in_(list(numbers)))
        again = Straggler.update(fate="dead", code="skipped", at=now).where(*mine, Straggler.fate == "later").execute()
        chosen = Statement.select(Statement.number).where(
            *lanes.wanted(name, lane.cursor, wants), Statement.number.in_(list(numbers))
        )
        rest = [row.number for row in chosen]
        columns = {"lane": name, "fate": "dead", "code": "skipped", "reason": "", "not_before": now, "at": now}
        for number in rest:
            Straggler.create(number=number, **columns)
        lanes.pass_over(name, wants, now)
    return _some(again + len(rest), f"a waiting statement of lane {name}")


def dead_letters(lane: str, limit: int, before: int | None = None) -> list[tuple[Straggler, Statement]]:
    """Newest first; `before` is the number to go on from."""
    query = Straggler.select().where(Straggler.lane == lane, Straggler.fate == "dead")
    if before is not None:
        query = query.where(Straggler.number < before)
    stragglers = list(query.order_by(Straggler.number.desc()).limit(limit))
    numbers = [row.number for row in stragglers]
    rows = {row.number: row for row in Statement.select().where(Statement.number.in_(numbers))}
    return [(row, rows[row.number]) for row in stragglers]


def resend(lane: str, numbers: Sequence[int] | None, now: datetime) -> int:
    """Send dead letters of a lane again (None = all). Returns how many. Errors: NotFound when none has one of `numbers`."""
    with transaction():
        cursor = lanes.get_locked(lane).cursor
        chosen = _chosen(lane, numbers)
        in_line = Straggler.delete().where(*chosen, Straggler.number > cursor).execute()  # the cursor comes to them
        again = Straggler.update(fate="later", tries=0, not_before=now, at=now).where(*chosen).execute()
    return in_line + again if numbers is None else _some(in_line + again, f"a dead letter of lane {lane}")


def drop(lane: str, numbers: Sequence[int] | None, now: datetime) -> int:
    """Drop dead letters of a lane (None = all). Returns how many. Errors: NotFound when none has one of `numbers`."""
    with transaction():
        cursor = lanes.get_locked(lane).cursor
        chosen = _chosen(lane, numbers)
        in_line = Straggler.update(fate="gone", at=now).where(*chosen, Straggler.number > cursor).execute()
        count = in_line + Straggler.delete().where(*chosen).execute()
    return count if numbers is None else _some(count, f"a dead letter of lane {lane}")


def _chosen(lane: str, numbers: Sequence[int] | None) -> list[object]:
    chosen: list[object] = [Straggler.lane == lane, Straggler.fate == "dead"]
    return chosen if numbers is None else [*chosen, Straggler.number.in_(list(numbers))]


def _some(count: int, what: str) -> int:
    if not count:
        raise NotFound(what)
    return count


def _sight(lane: Lane, last: int, now: datetime, wants: LaneFilter) -> LaneSight:
    mine = Straggler.select(fn.COUNT(Straggler.number)).where(Straggler.lane == lane.name)
    later, dead = (mine.where(Straggler.fate == fate).scalar() for fate in ("later", "dead"))
    ahead = lanes.wanted(lane.name, lane.cursor, wants)
    oldest = Statement.select(Statement.received_at).where(*ahead).order_by(Statement.number).first()
    if later:
        of_lane = Straggler.select(fn.MIN(Straggler.number)).where(
            Straggler.lane == lane.name, Straggler.fate == "later"
        )
        oldest = Statement.get_or_none(Statement.number == of_lane.scalar()) or oldest
    return LaneSight(
        lane=lane,
        waiting=Statement.select(fn.COUNT(Statement.number)).where(*ahead).scalar() + later,
        dead=dead,
        oldest_at=oldest and oldest.received_at,
        per_minute=lanes.per_minute(lane.name, now),
    )
