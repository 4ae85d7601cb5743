"""Delivers one batch to one record store (LRS), and decides the fate of each statement, whatever the answer is.

What happens to a batch that is not simply stored:

1. 400, 413, 422 or 409: some statement of the batch is the reason. The batch is cut in halves, and these in halves, until
   the good ones are stored and the bad ones stand alone (for one bad statement in a hundred: at most 15 requests).
2. A 409 may also mean that the statement is there already, from a send whose answer was lost. The LRS is asked for it by
   id: if it has the same statement, that counts as stored; if it has another one, ours is a dead letter. If both ends of
   a part are there, each of its statements is asked for.
3. A statement that was refused alone is a dead letter only if something else of the batch was stored. If nothing was
   stored, the set-up is the reason and not the statements, and nothing is dead unless a later batch passes:
   `convict_refused`. (A statement that breaks xAPI itself is a dead letter even so, if the LRS answers a question of ours.)
4. No answer, 429, 503 …: what has no verdict yet stays as it is, and the same bytes are sent again later.
5. A statement that brings a 500 again and again while others pass upsets the LRS: its 500 is then treated as in 1.
6. 401, 404, 3xx …: the lane stops, and everything stays.
7. 403 while the LRS answers questions: a firewall dislikes a word of some statement. The batch is cut as in 1. So it is
   after 3xx, 404, 405 … or 200 with a page in HTML while the LRS lists statements (a wrong address would answer by 404, too).
8. A connection that is cut again and again, or 502 and 503: the body may be too large for a proxy. The batch is cut as in
   1. A statement that is cut alone while others pass waits longer each time, and is dead after CONFIRM_TRIES. After a
   read time-out or a 504 the LRS may still be working, so the halves are not sent at once: the caller sends smaller batches
   next time. `passed_bytes` tells the size that got through. A statement that was sent alone, and is not answered in time,
   waits by itself and lets the others go on; after TIMEOUT_TRIES, if others passed meanwhile, it is dead.
9. 201, 202, or 200 with a strange body: the LRS is asked for the first and the last id of the part.
10. After a failure it is asked for ids first: an earlier request may have been stored without an answer.

Every send is safe to repeat, because ids and bytes never change. Nothing here sleeps, counts time, or keeps state.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from pod_jobs.xapi.comparison import are_equivalent
from pod_jobs.xapi.lrs import (
    FORBIDDEN,
    SUSPECT,
    Conflict,
    FoundStatement,
    Lrs,
    Misconfigured,
    PartlyStored,
    Refused,
    Stored,
    Transient,
    Unclear,
)

POISON_UPSETS = 3  # 500s on a statement, with others stored in between, before its batch is cut
HOPELESS_SERVER_ERRORS = 15  # 500s in one run without anything stored, after which the LRS is the reason
# Sends of a statement before it is dead: those that ended in a 409 for an id that the LRS then does not know, and those that
# were cut while others passed
CONFIRM_TRIES = 10
TIMEOUT_TRIES = 3  # sends alone that were not answered in time, before one more makes a dead letter
RESETS_BEFORE_CUT = 2  # failures of the lane after which a connection that is cut is taken for a body that is too large
PASSING = ("poison", "reset")  # codes that say nothing against the set-up
# Codes of dead outcomes; traces.js has words for each
DEAD = ("rejected", "too-large", "conflict", "reset", "timeout", "poison")
ACCEPTED = 202  # the LRS will store the batch later
TIMEOUT = "timeout"
OWN_FAULTS = ("conflict", "reset", TIMEOUT)  # codes of what waits without holding up the others


class Fate(StrEnum):
    STORED = "stored"
    DEAD = "dead"
    LATER = "later"


@dataclass(frozen=True)
class Sendable:
    """A frozen statement, and what is known of earlier sends to this LRS."""

    id: str
    body: bytes
    suspect: bool = False  # it breaks xAPI itself (statement.Frozen.suspect)
    tries: int = 0  # sends before this one that ended without a verdict
    upsets: int = 0  # those of them that ended in a 500, with another statement stored since the one before
    alone: bool = False  # it was sent alone and not answered in time, so it is sent apart from others, and after them


@dataclass(frozen=True)
class Outcome:
    """The fate of one statement. `code`: one of DEAD if the fate is dead; if it is later: server-error, refused, conflict,
    reset, timeout or "".

    `reason` is the LRS's own text. It may repeat the statement, so it must not go into a log.
    """

    id: str
    fate: Fate
    code: str = ""
    reason: str = ""


class LaneState(StrEnum):
    OPEN = "open"  # go on
    HOLD = "hold"  # the LRS is away or busy: wait
    STOPPED = "stopped"  # the set-up is wrong: tell somebody, and try again from time to time


@dataclass(frozen=True)
class Delivery:
    """The outcome of each statement, in the order of the batch, and what follows for the lane.

    `wait_s`: seconds of rest that the LRS asked for; None leaves the wait to the caller. `may_still_work`: the LRS may
    still be working on a request, so the wait must be longer than it can take.
    """

    outcomes: tuple[Outcome, ...]
    lane: LaneState
    reason: str
    wait_s: float | None
    requests: int
    may_still_work: bool = False
    passed_bytes: int = 0  # the largest body that was stored after a larger one was lost on the way
    was_lost: bool = False  # the last body may have been too large for a proxy on the way

    @property
    def all_refused(self) -> bool:
        """Was every statement refused alone? Then the set-up is wrong, or the LRS dislikes all of them."""
        return self.lane is LaneState.STOPPED and all(outcome.code == "refused" for outcome in self.outcomes)


def deliver(
    batch: Sequence[Sendable],
    lrs: Lrs,
    before_request: Callable[[], None] = lambda: None,
    failures: int = 0,
    *,
    ask_first: bool = False,
    others_passed: bool = False,
) -> Delivery:
    """Send `batch` (with no id twice), and go on until each statement has a verdict or has to wait.

    `before_request` is called before each request. It may renew a lease, or raise to give up. `failures`: earlier runs of
    the lane without a success since. `ask_first`: an earlier request with these statements may have arrived,
    which is also assumed after failures. `others_passed`: other statements were stored a moment ago, in the same run.
    """
    run = _Run(batch, lrs, before_request)
    run.cut_on_reset = failures >= RESETS_BEFORE_CUT
    run.others_passed = others_passed
    if batch and (failures or ask_first or batch[0].alone):
        run.ask_first()
    while run.parts and run.halt is None:
        run.send(run.parts.popleft())
    run.judge()
    halt = run.halt
    state = LaneState.OPEN
    if halt is not None:
        state = LaneState.STOPPED if isinstance(halt, Misconfigured) else LaneState.HOLD
    return Delivery(
        outcomes=tuple(run.outcome(statement) for statement in batch),
        lane=state,
        reason=halt.reason if halt else "",
        wait_s=halt.retry_after_s if isinstance(halt, Transient) else None,
        requests=run.requests,
        may_still_work=isinstance(halt, Transient) and halt.may_still_work,
        passed_bytes=run.passed_bytes,
        was_lost=isinstance(halt, Transient) and (halt.may_still_work or halt.is_reset or halt.is_gateways),
    )


def body_bytes(batch: Sequence[Sendable]) -> int:
    """The length of the body of a request with these statements, in bytes."""
    return sum(len(statement.body) + 1 for statement in batch) + 1


def convict_refused(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes of several batches in the order of sending; what was refused before others passed is now dead."""
    last_stored = max((index for index, outcome in enumerate(outcomes) if outcome.fate is Fate.STORED), default=-1)
    return [
        replace(outcome, fate=Fate.DEAD, code="rejected")
        if outcome.code == "refused" and index < last_stored
        else outcome
        for index, outcome in enumerate(outcomes)
    ]


class _Run:
    """The state of one call of `deliver`: the parts still to send, and what is known so far."""

    def __init__(self, batch: Sequence[Sendable], lrs: Lrs, before_request: Callable[[], None]) -> None:
        self.parts: deque[list[Sendable]] = deque([list(batch)] if batch else [])  # largest first
        self.halt: Transient | Misconfigured | None = None
        self.requests = 0
        self.cut_on_reset = self.others_passed = self.was_asked = False
        self._lrs = lrs
        self._before_request = before_request
        self._alone = len(batch) == 1
        self._cut_on_500 = min((statement.upsets for statement in batch), default=0) >= POISON_UPSETS
        self._outcomes: dict[str, Outcome] = {}
        self._refused: list[tuple[Sendable, Outcome]] = []  # alone; dead if the set-up is right
        self._found: dict[str, FoundStatement] = {}
        self._server_errors = 0
        self._passed = False  # something of this batch is stored
        self.passed_bytes = 0
        self._lost = False  # a body was lost on the way, and cut

    def send(self, part: list[Sendable]) -> None:
        """Send one part, and act on the answer."""
        self._count()
        answer = self._lrs.post_statements([statement.body for statement in part])
        match answer:
            case Stored():
                self._accept(part)
            case PartlyStored():
                self._partly(part, answer)
            case Refused() if answer.status not in SUSPECT:
                self._blocked(part, answer)
            case Refused():
                self._cut(part, "too-large" if answer.status == 413 else "rejected", answer.reason)
            case Conflict():
                self._conflict(part, answer)
            case Unclear():
                self._unclear(part, answer)
            case Transient(server_error=True) if self._cut_on_500:
                self._upset(part, answer, "poison")
            case Transient() if self._may_be_too_large(answer) and self._is_understood(part[0]):
                self._lost = True
                self._upset(part, answer, "reset")
            case Transient() | Misconfigured():
                self.halt = answer
                self._set_apart(part[0], answer)

    def ask_first(self) -> None:
        """Leave out what an earlier request stored although its answer was lost."""
        self.was_asked = True
        [part] = self.parts
        if any(self._fetch(statement) is not None for statement in (part[0], part[-1])):
            self.parts.clear()
            self._ask_each(part, "it was there already")
        if isinstance(self.halt, Misconfigured) and not self.halt.is_unknown:
            self.halt = None  # a login that may write but not read: the answer to the batch decides

    def judge(self) -> None:
        """Decide on those that were refused alone, now that it is known whether others passed."""
        acquitted = [outcome for statement, outcome in self._refused if not self._convict(statement, outcome)]
        if acquitted and self.halt is None:
            for refused in acquitted:
                if refused.code not in PASSING:
                    self._outcomes[refused.id] = replace(refused, fate=Fate.LATER, code="refused")
            reason = acquitted[0].reason
            if acquitted[0].code in PASSING:
                self.halt = Transient(reason, server_error=acquitted[0].code == "poison")
            else:
                self.halt = Misconfigured(f"every statement was refused, the first with: {reason}")

    def outcome(self, statement: Sendable) -> Outcome:
        if statement.id in self._outcomes:
            return self._outcomes[statement.id]
        upset = isinstance(self.halt, Transient) and self.halt.server_error
        return Outcome(statement.id, Fate.LATER, "server-error" if upset else "", self.halt.reason if self.halt else "")

    def _convict(self, statement: Sendable, outcome: Outcome) -> bool:
        """Is the refusal this statement's fault? Then it is marked as dead."""
        if outcome.code == "poison":
            guilty = self._passed or self._alone
        elif outcome.code == "reset":
            guilty = self._passed
            outcome = outcome if statement.tries >= CONFIRM_TRIES else replace(outcome, fate=Fate.LATER)
        else:
            guilty = self._passed or (statement.suspect and self._is_understood(statement))
        if guilty:
            self._outcomes[statement.id] = outcome
        return guilty

    def _accept(self, part: Sequence[Sendable]) -> None:
        """A whole body is stored."""
        self._store(part)
        if self._lost:
            self.passed_bytes = max(self.passed_bytes, body_bytes(part))

    def _store(self, part: Sequence[Sendable]) -> None:
        self._passed = self._passed or bool(part)
        for statement in part:
            self._outcomes[statement.id] = Outcome(statement.id, Fate.STORED)

    def _cut(self, part: list[Sendable], code: str, reason: str) -> None:
        """Plan to send the halves of `part`; or note a statement that was refused alone."""
        if len(part) == 1:
            self._refused.append((part[0], Outcome(part[0].id, Fate.DEAD, code, reason)))
        else:
            middle = len(part) // 2
            self.parts += [part[:middle], part[middle:]]

    def _upset(self, part: list[Sendable], answer: Transient, code: str) -> None:
        self._server_errors += 1
        if self._passed or self._server_errors < HOPELESS_SERVER_ERRORS:
            self._cut(part, code, answer.reason)
        else:
            self.halt = answer

    def _partly(self, part: list[Sendable], answer: PartlyStored) -> None:
        """Take the ids that were stored; the positions are not trusted. All other statements are sent again."""
        stored = [statement for statement in part if statement.id in answer.ids or answer.rejected == 0]
        remaining = [statement for statement in part if statement.id not in answer.ids and answer.rejected]
        self._store(stored)
        if remaining and stored:
            self.parts.append(remaining)
        elif remaining:
            self._cut(remaining, "rejected", answer.reason)

    def _conflict(self, part: list[Sendable], answer: Conflict) -> None:
        """If the first and the last statement of `part` are stored, ask for each one; otherwise cut the part."""
        if any(self._fetch(statement) is None for statement in (part[0], part[-1])) and self.halt is None:
            if len(part) > 1:
                self._cut(part, "conflict", answer.reason)
            else:
                self._unconfirmed(part[0], answer)
            return
        self._ask_each(part, answer.reason)

    def _ask_each(self, part: list[Sendable], reason: str) -> None:
        """Compare what the LRS has with what it should have; what it lacks is sent."""
        missing = []
        for statement in part:
            if self.halt is not None:
                return
            stored = self._fetch(statement)
            if stored is None:
                missing.append(statement)
            else:
                self._compare(statement, stored, reason)
        if missing:
            self.parts.append(missing)

    def _compare(self, statement: Sendable, stored: dict[str, Any], reason: str) -> None:
        if are_equivalent(json.loads(statement.body), stored):
            self._store([statement])
        else:
            self._outcomes[statement.id] = Outcome(statement.id, Fate.DEAD, "conflict", reason)

    def _unclear(self, part: list[Sendable], answer: Unclear) -> None:
        """A batch is stored as a whole: if its first and last statement are there, all are."""
        if all(self._fetch(statement) is not None for statement in (part[0], part[-1])):
            self._store(part)
        elif answer.status == ACCEPTED:
            self.halt = self.halt or Transient(answer.reason, may_still_work=True)
        elif self.halt is None:
            self._blocked(part, answer)

    def _blocked(self, part: list[Sendable], answer: Refused | Unclear) -> None:
        """Cut `part` if a firewall may have refused a word of some statement; otherwise the set-up is wrong."""
        if answer.status not in FORBIDDEN:  # it is about the statement only if others pass, even if it breaks xAPI
            part = [replace(statement, suspect=False) for statement in part]
        if self._passed or (self._is_understood(part[0]) if answer.status in FORBIDDEN else self._lists_statements):
            self._cut(part, "rejected", answer.reason)
        else:
            self.halt = self.halt or Misconfigured(answer.reason)

    @cached_property
    def _lists_statements(self) -> bool:
        self._count()
        return self._lrs.lists_statements()

    def _set_apart(self, statement: Sendable, answer: Transient | Misconfigured) -> None:
        """Let the others go on if `statement` was sent alone, and not answered in time by an LRS that answers questions."""
        if self._alone and self.was_asked and isinstance(answer, Transient) and answer.may_still_work:
            is_guilty = statement.alone and self.others_passed and statement.tries >= TIMEOUT_TRIES
            fate = Fate.DEAD if is_guilty else Fate.LATER
            self._outcomes[statement.id] = Outcome(statement.id, fate, TIMEOUT, answer.reason)

    def _unconfirmed(self, statement: Sendable, answer: Conflict) -> None:
        """Handle a 409 for an id that the LRS then does not know: it was voided, or cannot be seen yet."""
        fate = Fate.DEAD if statement.tries >= CONFIRM_TRIES else Fate.LATER
        self._outcomes[statement.id] = Outcome(statement.id, fate, "conflict", answer.reason)

    def _fetch(self, statement: Sendable) -> dict[str, Any] | None:
        """The statement that the LRS has under this id. If it cannot say, `halt` is set."""
        if statement.id in self._found:
            return self._found[statement.id].statement
        if self.halt is not None:
            return None
        self._count()
        answer = self._lrs.fetch_statement(statement.id)
        if not isinstance(answer, FoundStatement):
            self.halt = answer
            return None
        if answer.statement is not None:  # a missing one may appear later, so it is not remembered
            self._found[statement.id] = answer
        return answer.statement

    def _may_be_too_large(self, answer: Transient) -> bool:
        """Was a body lost on the way, so that the LRS cannot be working on it?"""
        return self.cut_on_reset and not answer.may_still_work and (answer.is_reset or answer.is_gateways)

    def _is_understood(self, statement: Sendable) -> bool:
        """Does the LRS answer a question of ours as it should? Then address, login and version are right."""
        if self.halt is None:
            self._fetch(statement)
        return self.halt is None

    def _count(self) -> None:
        self._before_request()
        self.requests += 1
