"""The lanes: there is one per LRS, and one worker at a time delivers it.

A worker claims a lane for `lease_s` seconds and gets its first statements. Each report of outcomes renews the lease and
returns the next statements; the last report releases the lane. An LRS that gets the same id twice at the same time may
store it twice. Therefore a lease lasts longer than any request, and the lane of a killed worker waits until the lease has
expired. Every claim raises `fence`, and calls with an older one are refused. While a worker reports on some statements, it
may still be sending others (`in_hand`), which it does not get again.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from peewee import fn

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.figures import Amount, Count
from pod_jobs.catalog.lane_filter import EVERYTHING, LaneFilter
from pod_jobs.catalog.trace_models import Lane, LaneMinute, Statement, StatementCounter, Straggler
from pod_jobs.errors import NotFound, Refused, ResultRejected, Superseded

BATCH = 100  # statements in one request; if so many wait, they are sent before `flush_s` has passed
VOIDED = "http://adlnet.gov/expapi/verbs/voided"  # goes to every LRS: whoever has the statement has to forget it
PROBE = 10  # statements in the first probe of a stopped lane; each further probe has twice as many
WITNESSES = 10  # how many of the newest statements are tried when an LRS refuses all others
NO_ANSWER = "timeout"  # code of a straggler that an LRS did not answer in time when it was sent alone
UPSETS_BEFORE_CUT = 3  # 500s on one batch, after which it is cut into halves
HOLD_CAP_S, HOLD_BASE_S = 300.0, 2.0
PROBE_EARLY_S, PROBE_LATE_S, EARLY_PROBES = 60.0, 300.0, 10
STRAGGLER_CAP_S, STRAGGLER_BASE_S = 600.0, 5.0
REASON_CHARACTERS = 500
SIZE_KEPT = timedelta(hours=1)  # how long batches stay as small as those that got through
MINUTES_KEPT = timedelta(hours=1)  # of the counts of delivered statements

Frozen = tuple[int, str, str, bool]
# Read as tuples, because models take twice the time
FROZEN = (Statement.number, Statement.id, Statement.body, Statement.suspect)


@dataclass(frozen=True)
class Parcel:
    """A statement to be sent to an LRS."""

    number: int
    id: str
    body: str
    suspect: bool
    again: bool  # it is a straggler, which the cursor has passed
    tries: int  # earlier requests with it that ended without a decision
    upsets: int  # rounds that ended in a 500, once there were UPSETS_BEFORE_CUT; else 0
    alone: bool = False  # it was sent alone and not answered in time; it is sent so again


@dataclass(frozen=True)
class Leftover:
    """A statement that the LRS did not store."""

    number: Count
    fate: Literal["later", "dead"]
    code: str
    reason: str


@dataclass(frozen=True)
class Settlement:
    """A worker's report about the statements that it had.

    `through` is the new cursor (0 = unchanged); `gone` are the numbers of stragglers that were stored. `limit` is how many
    statements the worker wants next; 0 releases the lane. `in_hand` are the numbers of those that it is still sending.
    `busy_s`: for so many seconds the LRS may still work on the last request, and gets nothing meanwhile, whoever asks.
    `batch_bytes`: the largest body that got through while a larger one was lost; the next batches are no larger.
    `in_doubt`: some that have no outcome may have been stored, so the next worker asks for their ids first.
    """

    fence: Count
    through: Count
    stored: Count
    gone: tuple[Count, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    state: Literal["open", "hold", "stopped"] = "open"
    reason: str = ""
    wait_s: Amount | None = None  # what the LRS asked for
    server_error: bool = False
    limit: Count = 0
    in_hand: tuple[Count, ...] = ()
    busy_s: Amount | None = None
    in_doubt: bool = False
    batch_bytes: Count | None = None


def last_number() -> int:
    return StatementCounter.select(StatementCounter.number).scalar() or 0


def ensure(names: Sequence[str], cursor: int, now: datetime) -> None:
    """Insert rows for lanes that have none. Their delivery begins after the number `cursor`."""
    existing = {row.name for row in Lane.select(Lane.name).where(Lane.name.in_(list(names)))} if names else set()
    for name in names:
        if name not in existing:
            Lane.insert(name=name, cursor=cursor, since=now).on_conflict_ignore().execute()


def claim(name: str, holder: str, lease_s: float, now: datetime) -> int:
    """Lease a lane to the worker `holder`. Returns the fence. Errors: NotFound; Refused while another worker has the lane, or
    while it has to wait."""
    with transaction():
        lane = get_locked(name)
        if is_worked(lane, now):
            raise Refused(f"lane {name} is worked by {lane.holder} until {lane.lease_until}")
        if lane.not_before is not None and lane.not_before > now:
            raise Refused(f"lane {name} waits until {lane.not_before.isoformat()}")
        if lane.lease_until is not None:  # its worker never said what became of the statements: it may have sent them
            lane.failures = max(1, lane.failures)
        lane.fence += 1
        lane.holder = holder[:100]
        lane.lease_until = now + timedelta(seconds=lease_s)
        lane.save()
    return lane.fence


def failures(name: str) -> int:
    """How many runs of a lane failed since the last success. Errors: NotFound."""
    return int(_get(name).failures)


def renew(name: str, fence: int, lease_s: float, now: datetime) -> None:
    """Prolong a lease. Errors: NotFound, Superseded."""
    with transaction():
        lane = _held(name, fence)
        lane.lease_until = now + timedelta(seconds=lease_s)
        lane.save(only=[Lane.lease_until])


def release(name: str, fence: int) -> None:
    """End the lease with this fence, so that another worker can claim the lane. Does nothing if a newer lease exists."""
    Lane.update(lease_until=None).where(Lane.name == name, Lane.fence == fence).execute()


def fetch(
    name: str,
    limit: int,
    flush_s: float,
    now: datetime,
    in_hand: Sequence[int] = (),
    wants: LaneFilter = EVERYTHING,
) -> list[Parcel]:
    """The statements that are due and not in hand: stragglers whose time has come, then the next ones. If fewer than a batch
    wait, they are due once the first has waited for `flush_s`. A stopped lane gets a few, as a probe. Errors: NotFound."""
    lane = _get(name)
    if lane.state == "stopped":
        limit = min(limit, PROBE * 2 ** min(lane.failures - 1, 10))
    again = _due_stragglers(name, now, limit, in_hand)
    through = max([lane.cursor, *in_hand])
    upsets = lane.upsets if lane.upsets >= UPSETS_BEFORE_CUT else 0
    is_due = _is_due(lane, through, flush_s, now, wants)
    following = _next(name, through, limit - len(again), wants) if is_due else []
    if len(again) + len(following) == 1:
        upsets = 0  # a single statement that fails cannot be told from an LRS that fails on everything
    parcels = [
        Parcel(*frozen, again=True, tries=tries, upsets=upsets, alone=code == NO_ANSWER)
        for frozen, tries, code in again
    ]
    return parcels + [Parcel(*frozen, again=False, tries=0, upsets=upsets) for frozen in following]


def newest(name: str, beyond: int, wants: LaneFilter = EVERYTHING) -> list[Parcel]:
    """The newest statements after the number `beyond`, without suspect ones. When an LRS refuses all statements that a worker
    has, these show whether it refuses everything."""
    query = Statement.select(*FROZEN).where(*wanted(name, beyond, wants)).order_by(Statement.number.desc())
    rows: Any = query.limit(WITNESSES).tuples()
    contents: list[Frozen] = list(rows)
    return [Parcel(*frozen, again=False, tries=0, upsets=0) for frozen in contents if not frozen[-1]]


def settle(name: str, settlement: Settlement, lease_s: float, now: datetime) -> None:
    """Store what became of the statements; renew the lease or release the lane. Errors: NotFound, Superseded, ResultRejected."""
    with transaction():
        lane = _held(name, settlement.fence)
        lane.cursor = max(lane.cursor, settlement.through)
        forget_passed(lane)
        _check_numbers(lane.cursor, settlement)
        _enter_leftovers(name, settlement, now)
        if settlement.stored:
            lane.stored += settlement.stored
            lane.last_stored_at = now
            _count_minute(name, settlement.stored, now)
        _enter_state(lane, settlement, now)
        goes_on = settlement.limit > 0 and settlement.state == "open"
        lane.lease_until = now + timedelta(seconds=lease_s) if goes_on else None
        lane.save()


def due(
    names: Sequence[str], flush_s: float, now: datetime, filters: Mapping[str, LaneFilter] | None = None
) -> list[tuple[str, int]]:
    """Name and fence of the lanes that a worker should take now. `filters`: of the lanes that do not send everything."""
    ensure(names, last_number(), now)
    due_lanes = []
    for lane in Lane.select().where(Lane.name.in_(list(names))):
        wants = (filters or {}).get(lane.name, EVERYTHING)
        if wants != EVERYTHING:
            pass_over(lane.name, wants, now)
            lane = _get(lane.name)
        waits = lane.not_before is not None and lane.not_before > now
        if (
            not is_worked(lane, now)
            and not waits
            and (_due_stragglers(lane.name, now, 1) or _is_due(lane, lane.cursor, flush_s, now, wants))
        ):
            due_lanes.append((lane.name, lane.fence))
    return due_lanes


def hurry(name: str, now: datetime) -> Lane:
    """Make a lane and its stragglers due now; or as soon as the LRS can no longer be working on the last request, because it
    might store twice what it gets meanwhile. Errors: NotFound."""
    with transaction():
        lane = get_locked(name)
        due = now - timedelta(seconds=1)
        lane.not_before = max(due, lane.busy_until or due)
        lane.save(only=[Lane.not_before])
        Straggler.update(not_before=now).where(Straggler.lane == name, Straggler.fate == "later").execute()
    return lane


def wanted(name: str, after: int, wants: LaneFilter) -> list[Any]:
    """Conditions for the statements after the number `after` that the lane still has to send: those of its filter that nobody
    set aside."""
    set_aside = Straggler.select(Straggler.number).where(Straggler.lane == name, Straggler.number > after)
    conditions: list[Any] = [Statement.number > after, Statement.number.not_in(set_aside)]
    if wants.verbs:
        conditions.append(Statement.verb.in_([*wants.verbs, VOIDED]))
    if wants.profile_only or wants.template_verbs:
        conditions.append((Statement.of_profile == True) | (Statement.verb == VOIDED))  # noqa: E712  # peewee's ==
    if wants.template_verbs:
        conditions.append(Statement.verb.in_([*wants.template_verbs, VOIDED]))
    return conditions


def pass_over(name: str, wants: LaneFilter, now: datetime) -> None:
    """Move the cursor of a lane that nobody works beyond the statements that it does not have to send. Errors: NotFound."""
    with transaction():
        lane = get_locked(name)
        if is_worked(lane, now):
            return
        last = last_number()
        first = Statement.select(fn.MIN(Statement.number)).where(*wanted(name, lane.cursor, wants)).scalar()
        cursor = last if first is None else first - 1
        if cursor > lane.cursor:
            lane.cursor = cursor
            lane.save(only=[Lane.cursor])
            forget_passed(lane)


def forget_passed(lane: Lane) -> None:
    """Delete what is known of statements that a person gave up before the cursor came to them."""
    passed = (Straggler.lane == lane.name, Straggler.fate == "gone", Straggler.number <= lane.cursor)
    Straggler.delete().where(*passed).execute()


def is_worked(lane: Lane, now: datetime) -> bool:
    """Does a worker have the lane?"""
    return lane.lease_until is not None and lane.lease_until > now


def _get(name: str) -> Lane:
    lane = Lane.get_or_none(Lane.name == name)
    if lane is None:
        raise NotFound(f"lane {name}")
    return lane


def get_locked(name: str) -> Lane:
    """Call inside a transaction, until whose end nobody else changes the lane. Errors: NotFound."""
    lane = locked(Lane.select().where(Lane.name == name)).get_or_none()
    if lane is None:
        raise NotFound(f"lane {name}")
    return lane


def _held(name: str, fence: int) -> Lane:
    lane = get_locked(name)
    if lane.fence != fence:
        raise Superseded(f"lane {name} is at fence {lane.fence}, this is {fence}")
    return lane


def _is_due(lane: Lane, through: int, flush_s: float, now: datetime, wants: LaneFilter) -> bool:
    """Do enough statements wait after the number `through`, or has one waited long enough? After a wait that the lane had to
    make (`not_before`), one statement is enough."""
    first = Statement.select(Statement.received_at).where(*wanted(lane.name, through, wants))
    oldest = first.order_by(Statement.number).first()
    if oldest is None:
        return False
    waited = now - oldest.received_at >= timedelta(seconds=flush_s)
    return waited or lane.not_before is not None or last_number() - through >= BATCH


def _next(name: str, through: int, limit: int, wants: LaneFilter) -> list[Frozen]:
    query = Statement.select(*FROZEN).where(*wanted(name, through, wants)).order_by(Statement.number)
    rows: Any = query.limit(limit).tuples()
    return list(rows)


def _due_stragglers(name: str, now: datetime, limit: int, in_hand: Sequence[int] = ()) -> list[tuple[Frozen, int, str]]:
    """The stragglers that are due, with their tries and codes: those that have waited longest, sorted by number."""
    due = Straggler.select().where(Straggler.lane == name, Straggler.fate == "later", Straggler.not_before <= now)
    due = due.where(Straggler.number.not_in(list(in_hand)))
    tries_and_codes = {row.number: (row.tries, row.code) for row in due.order_by(Straggler.not_before).limit(limit)}
    if not tries_and_codes:
        return []
    query = Statement.select(*FROZEN).where(Statement.number.in_(list(tries_and_codes))).order_by(Statement.number)
    rows: Any = query.tuples()
    return [(row, *tries_and_codes[row[0]]) for row in rows]


def _check_numbers(cursor: int, settlement: Settlement) -> None:
    """Check the numbers that a worker reports. A cursor beyond the last statement would skip future ones; leftovers must be
    statements up to the cursor, each named once. Errors: ResultRejected."""
    numbers = [leftover.number for leftover in settlement.leftovers]
    there = (
        Statement.select().where(Statement.number.in_(numbers), Statement.number <= cursor).count() if numbers else 0
    )
    if settlement.through > last_number() or there != len(numbers):
        raise ResultRejected(f"through {settlement.through}, left over {numbers}: not what the lane was given")


def _enter_leftovers(name: str, settlement: Settlement, now: datetime) -> None:
    mine = Straggler.lane == name
    numbers = [leftover.number for leftover in settlement.leftovers]
    before = {row.number: row.tries for row in Straggler.select().where(mine, Straggler.number.in_(numbers))}
    Straggler.delete().where(mine, Straggler.number.in_([*numbers, *settlement.gone])).execute()
    for leftover in settlement.leftovers:
        # Without a code, the statement itself is not at fault
        tries = before.get(leftover.number, 0) + (1 if leftover.code else 0)
        wait_s = min(STRAGGLER_CAP_S, STRAGGLER_BASE_S * 2.0**tries) if leftover.code else 0.0
        Straggler.create(
            lane=name,
            number=leftover.number,
            fate=leftover.fate,
            code=leftover.code,
            reason=leftover.reason[:REASON_CHARACTERS],
            tries=tries,
            not_before=now + timedelta(seconds=wait_s),
            at=now,
        )


def _enter_state(lane: Lane, settlement: Settlement, now: datetime) -> None:
    if settlement.stored or settlement.state == "open":
        lane.failures = lane.upsets = 0
    if settlement.state == "open":
        wait_s = None
    else:
        lane.failures += 1
        lane.upsets += settlement.server_error
        wait_s = _wait_s(lane.failures, settlement)
    if settlement.in_doubt:
        lane.failures = max(1, lane.failures)
    lane.busy_until = None if settlement.busy_s is None else now + timedelta(seconds=settlement.busy_s)
    if settlement.batch_bytes:
        lane.batch_bytes, lane.batch_until = settlement.batch_bytes, now + SIZE_KEPT
    if lane.state != settlement.state:
        lane.state, lane.since = settlement.state, now
    lane.reason = settlement.reason[:REASON_CHARACTERS]
    lane.not_before = None if wait_s is None else now + timedelta(seconds=wait_s)


def _wait_s(failures: int, settlement: Settlement) -> float:
    """Seconds until the next try: as many as the LRS asked for, or else more each time, with jitter."""
    if settlement.wait_s is not None:
        return settlement.wait_s
    if settlement.state == "stopped":
        return PROBE_EARLY_S if failures < EARLY_PROBES else PROBE_LATE_S
    return min(HOLD_CAP_S, HOLD_BASE_S * 2.0 ** min(failures - 1, 30)) * random.uniform(0.75, 1.0)


def _count_minute(name: str, stored: int, now: datetime) -> None:
    """Call inside a transaction that holds the lane."""
    minute = _minute(now)
    here = LaneMinute.update(stored=LaneMinute.stored + stored).where(
        LaneMinute.lane == name, LaneMinute.minute == minute
    )
    if not here.execute():
        LaneMinute.create(lane=name, minute=minute, stored=stored)
        LaneMinute.delete().where(LaneMinute.lane == name, LaneMinute.minute < _minute(now - MINUTES_KEPT)).execute()


def per_minute(name: str, now: datetime, minutes: int = 30) -> list[int]:
    """How many statements were delivered in each of the last `minutes`; the last entry is the present minute."""
    last = _minute(now)
    rows = LaneMinute.select().where(LaneMinute.lane == name, LaneMinute.minute > last - minutes)
    stored = {row.minute: row.stored for row in rows}
    return [stored.get(minute, 0) for minute in range(last - minutes + 1, last + 1)]


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
