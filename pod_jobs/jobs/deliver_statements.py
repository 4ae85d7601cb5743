"""Delivers the waiting statements of one lane to its LRS.

1. Claim the lane: a lease with a fence, and the first statements. When another worker has the lane, or the lane has to wait,
   there is nothing to do.
2. Send them in batches (those that break xAPI apart from the others); xapi/delivery.py finds out what becomes of each.
   The lease is renewed before requests, so that no other worker sends the same id at the same time.
3. Report the outcomes and get the next statements while earlier ones are being sent, so that the LRS does not wait for the
   catalog. Stop when no statement is due, when the LRS asks for a pause, or after a minute.
4. When the worker is killed, the lease ends after `xapi.lease_s`, and statements without an outcome are sent again unchanged.

The job carries only the lane's name. Address and password come from the worker's own settings. After a passing fault the
job does not fail: the janitor enqueues the lane again as long as something is due.
"""

import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

from pod_jobs.catalog.lanes_client import Claim, Parcel, Settlement
from pod_jobs.errors import Interrupted, NotFound, Refused, ServiceUnavailable, SettingsError, Superseded
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.job_type import JobType, Payload
from pod_jobs.settings import Settings
from pod_jobs.xapi.delivery import (
    OWN_FAULTS,
    Delivery,
    Fate,
    LaneState,
    Outcome,
    Sendable,
    body_bytes,
    convict_refused,
    deliver,
)
from pod_jobs.xapi.lrs import Endpoint, LrsClient

log = logging.getLogger(__name__)

SHAPE = {"lane": re.compile("[a-z0-9_]{1,20}")}
FETCH = 500  # statements sent at a time; as many more are fetched ahead
RUN_S = 60.0  # the job ends after so long, so that the worker is free for another lane
SETTLE_AGAIN_S = 1.0  # between two tries to report, while the catalog is away


def job_id(lane: str, fence: int) -> str:
    """The id of the job that will claim the lane after the lease `fence`. It stays the same until then, so that at most one
    job per lane waits."""
    return f"deliver_statements-{lane}-{fence}"


def run_deliver(context: Context, payload: Payload) -> None:
    name = payload["lane"]
    try:
        claim = context.catalog.lanes.claim(name, context.worker, 2 * FETCH)
    except (Refused, NotFound, ServiceUnavailable) as error:
        log.info("lane %s: nothing to do: %s", name, error.reason)
        return
    run = _Run(context, name, claim)
    try:
        run.work(claim.statements)
    except (Superseded, NotFound, ServiceUnavailable) as error:
        log.warning("lane %s: given up, the next one goes on: %s", name, error.reason)


class _Run:
    """The work of one job on its lane, from the claim to the release."""

    def __init__(self, context: Context, name: str, claim: Claim) -> None:
        self._context = context
        self._name = name
        self._fence = claim.fence
        self._lease_s = claim.lease_s
        self._failures = claim.failures
        # what an earlier worker may have sent without a report: as much as it had in hand
        self._doubtful_to = (
            max((parcel.number for parcel in claim.statements), default=0) + 2 * FETCH if claim.failures else 0
        )
        self._requests = 0
        self._size = Size.of(context.settings, name, claim)
        self._witnesses = next(batches(claim.witnesses, self._size), [])
        self._has_stored = False  # the LRS has stored something in this run
        self._renewed = time.monotonic()

    def work(self, parcels: Sequence[Parcel]) -> None:
        """Send `parcels` and those that follow. Errors: Superseded, NotFound, ServiceUnavailable."""
        try:
            endpoint = build_endpoint(self._context.settings, self._name)
        except SettingsError as error:
            self._settle(Settlement(self._fence, state=LaneState.STOPPED, reason=f"this worker: {error.reason}"))
            return
        ends = time.monotonic() + RUN_S
        in_hand, report = parcels, None
        with closing(LrsClient(endpoint)) as lrs, ThreadPoolExecutor(1) as beside:
            while in_hand:
                sending, in_hand = in_hand[:FETCH], in_hand[FETCH:]
                settlement = self._send(sending, lrs)
                # the reports must arrive in order: each one moves the cursor past what is decided
                if report is not None:
                    in_hand = report.result()
                # the reason may repeat parts of a statement, so it is not logged
                if settlement.state is LaneState.STOPPED:
                    log.error("lane %s: stopped, `pod-jobs xapi status` says why", self._name)
                more = settlement.state is LaneState.OPEN and not self._must_stop() and time.monotonic() < ends
                if more and in_hand:
                    report = beside.submit(self._settle, settlement, FETCH, [parcel.number for parcel in in_hand])
                else:
                    in_hand, report = self._settle(settlement, 2 * FETCH if more else 0), None

    def _send(self, parcels: Sequence[Parcel], lrs: LrsClient) -> Settlement:
        """Send batch after batch until all are sent, or the LRS or our worker has to stop. After a batch that was refused as a
        whole, the next one is tried, and after the last one the witnesses: if any is accepted, the set-up is not at fault."""
        outcomes: list[Outcome] = []
        last = Delivery((), LaneState.OPEN, "", None, 0)
        ask_first = any(parcel.number <= self._doubtful_to for parcel in parcels)
        in_doubt, before = False, 0
        try:
            for batch in batches(parcels, self._size):
                before = self._requests
                options = {"ask_first": ask_first, "others_passed": self._has_stored}
                last = deliver(batch, lrs, self._keep, self._failures, **options)
                outcomes += last.outcomes
                self._has_stored |= any(outcome.fate is Fate.STORED for outcome in last.outcomes)
                self._size.learn(batch, last)
                if last.lane is not LaneState.OPEN and not last.all_refused:
                    break
            if last.all_refused and self._witnesses:  # an accepted witness is sent again in its turn
                last = deliver(self._witnesses, lrs, self._keep)
                outcomes += last.outcomes
        except Interrupted:
            in_doubt = self._requests > before  # some of the last batch may be stored
        if last.lane is LaneState.OPEN:
            self._failures = 0
        busy_s = None
        if last.may_still_work:  # a request that is sent while the LRS works on the same one may be stored twice
            busy_s = self._lease_s
            last = replace(last, wait_s=max(last.wait_s or 0.0, busy_s))
        by_id = {outcome.id: outcome for outcome in convict_refused(outcomes)}
        settlement = settle_up(self._fence, parcels, by_id, last)
        return replace(settlement, busy_s=busy_s, in_doubt=in_doubt, batch_bytes=self._size.found)

    def _keep(self) -> None:
        """Renew the lease if a third of it has passed. Errors: Interrupted, Superseded, NotFound, ServiceUnavailable."""
        if self._must_stop():
            raise Interrupted("the worker is stopping")
        if time.monotonic() - self._renewed > self._lease_s / 3:
            began = time.monotonic()
            self._context.catalog.lanes.renew(self._name, self._fence)
            self._renewed = began
        self._requests += 1

    def _settle(self, settlement: Settlement, limit: int = 0, in_hand: Sequence[int] = ()) -> Sequence[Parcel]:
        """Report, and get the next statements. While the web app is away, this is tried again as long as the lease lasts."""
        while True:
            began = time.monotonic()
            try:
                following = self._context.catalog.lanes.settle(self._name, settlement, limit, in_hand)
            except ServiceUnavailable:
                if self._must_stop() or began - self._renewed > self._lease_s:
                    raise
                time.sleep(SETTLE_AGAIN_S)
            else:
                self._renewed = began
                return following

    def _must_stop(self) -> bool:
        return self._context.stop.caught or os.getppid() != self._context.parent_pid


def build_endpoint(settings: Settings, name: str) -> Endpoint:
    """The record store of a lane. Errors: SettingsError when this worker's settings lack the lane or its password."""
    lane = next((lane for lane in settings.xapi.lane if lane.name == name), None)
    if lane is None:
        raise SettingsError(f"xapi.lane: none is named {name}")
    password = settings.lrs_password(name) if lane.login else ""
    unknown = {"name", "verbs", "profile_only", "templates", "batch_statements", "batch_kb"}
    return Endpoint(password=password, **lane.model_dump(exclude=unknown))


@dataclass
class Size:
    """The most `statements` and `bytes` in a batch, before it is halved `halvings` times. Each batch that gets through takes one
    halving back. `found`: the most bytes that got through, once a larger body was lost."""

    statements: int
    bytes: int
    halvings: int = 0
    found: int | None = None
    _passed: int = 0

    @classmethod
    def of(cls, settings: Settings, name: str, claim: Claim) -> "Size":
        """The size that the settings and the tries so far ask for."""
        lane = next((lane for lane in settings.xapi.lane if lane.name == name), None)
        if lane is None:
            return cls(1, 1)
        most = lane.batch_kb * 1000
        # halving a hundred would not make a batch of the six that wait any smaller
        count = min(lane.batch_statements, len(claim.statements) or 1) if claim.halvings else lane.batch_statements
        return cls(count, min(most, claim.batch_bytes or most), claim.halvings)

    def has_room(self, count: int, size: int) -> bool:
        """May a batch have so many statements, in a body of so many bytes?"""
        return count <= max(1, self.statements >> self.halvings) and size <= self.bytes >> self.halvings

    def learn(self, batch: Sequence[Sendable], delivery: Delivery) -> None:
        """Note what became of `batch`."""
        size = body_bytes(batch)
        if delivery.passed_bytes:
            self.found = self.bytes = delivery.passed_bytes
        elif delivery.was_lost and 0 < self._passed < size:
            self.found = self._passed
        if delivery.lane is LaneState.OPEN and (self.halvings or self._passed):
            self._passed = max(self._passed, size)
            self.halvings = max(0, self.halvings - 1)


def batches(parcels: Sequence[Parcel], most: Size) -> Iterator[list[Sendable]]:
    """Batches that are no larger than `most` says when they begin to be sent, but of one statement at least. Suspect statements,
    which an LRS may refuse, come in batches of their own; the last ones are single statements that an LRS did not answer in
    time."""
    for suspect in (False, True):
        batch: list[Sendable] = []
        size = 0
        for parcel in (parcel for parcel in parcels if parcel.suspect is suspect and not parcel.alone):
            body = parcel.body.encode()
            if batch and not most.has_room(len(batch) + 1, size + len(body) + 2):
                yield batch
                batch, size = [], 0
            batch.append(Sendable(parcel.id, body, suspect, parcel.tries, parcel.upsets))
            size += len(body) + 1
        if batch:
            yield batch
    for parcel in (parcel for parcel in parcels if parcel.alone):
        yield [Sendable(parcel.id, parcel.body.encode(), parcel.suspect, parcel.tries, parcel.upsets, alone=True)]


def settle_up(fence: int, parcels: Sequence[Parcel], outcomes: dict[str, Outcome], last: Delivery) -> Settlement:
    """The report for the catalog. The cursor moves to the last decided statement; undecided ones before it become
    stragglers."""
    undecided = Outcome("", Fate.LATER)
    pairs = [(parcel, outcomes.get(parcel.id, undecided)) for parcel in parcels]
    own_fault = [pair for pair in pairs if pair[1].fate is Fate.LATER and pair[1].code in OWN_FAULTS]
    decided = [pair for pair in pairs if pair[1].fate is not Fate.LATER] + own_fault
    through = max((parcel.number for parcel, _ in decided if not parcel.again), default=0)
    leftovers = []
    for parcel, outcome in pairs:
        is_own_fault = outcome.fate is Fate.DEAD or outcome.code in OWN_FAULTS
        passed_over = not parcel.again and parcel.number <= through
        if outcome.fate is not Fate.STORED and (is_own_fault or passed_over):
            code = outcome.code if is_own_fault else ""
            leftovers.append({"number": parcel.number, "fate": outcome.fate, "code": code, "reason": outcome.reason})
    stored = [parcel for parcel, outcome in decided if outcome.fate is Fate.STORED]
    return Settlement(
        fence=fence,
        through=through,
        stored=len(stored),
        gone=[parcel.number for parcel in stored if parcel.again],
        leftovers=leftovers,
        state=last.lane,
        reason=last.reason,
        wait_s=last.wait_s,
        server_error=any(outcome.code == "server-error" for outcome in last.outcomes),
    )


DELIVER_STATEMENTS = JobType("deliver_statements", queue="xapi", run=run_deliver, timeout_s=900, payload=SHAPE)
