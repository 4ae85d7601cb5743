"""The figures at which a delivery judges otherwise: one below, and the figure itself."""

from collections.abc import Sequence

import pytest

from pod_jobs.xapi.delivery import (
    CONFIRM_TRIES,
    HOPELESS_SERVER_ERRORS,
    POISON_UPSETS,
    RESETS_BEFORE_CUT,
    Delivery,
    Fate,
    LaneState,
    Outcome,
    Sendable,
    convict_refused,
    deliver,
)
from pod_jobs.xapi.lrs import Answer, Conflict, FoundStatement, Misconfigured, Transient


class SameAnswer:
    """An LRS that answers every batch alike, and has no statement."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent = 0

    def post_statements(self, bodies: Sequence[bytes]) -> Answer:
        self.sent += 1
        return self.answer

    def fetch_statement(self, statement_id: str) -> FoundStatement:
        return FoundStatement(None)

    def lists_statements(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("tries", "fate"), [(CONFIRM_TRIES - 1, Fate.LATER), (CONFIRM_TRIES, Fate.DEAD), (CONFIRM_TRIES + 1, Fate.DEAD)]
)
def test_a_conflict_that_nobody_confirms_is_dead_after_so_many_sends(tries: int, fate: Fate) -> None:
    delivery = deliver([Sendable("a", b"{}", tries=tries)], SameAnswer(Conflict("409 there is one")))
    assert [(one.fate, one.code) for one in delivery.outcomes] == [(fate, "conflict")]


@pytest.mark.parametrize(("upsets", "requests"), [(POISON_UPSETS - 1, 1), (POISON_UPSETS, 3)])
def test_a_batch_is_cut_when_all_of_it_has_upset_so_often(upsets: int, requests: int) -> None:
    batch = [Sendable("a", b"{}", upsets=upsets), Sendable("b", b"{}", upsets=POISON_UPSETS + 1)]
    delivery = deliver(batch, SameAnswer(Transient("500 oh", server_error=True)))
    assert delivery.requests == requests
    assert delivery.lane is LaneState.HOLD


@pytest.mark.parametrize(
    "lost", [{"is_reset": True}, {"is_gateways": True}, {"is_reset": True, "may_still_work": True}]
)
@pytest.mark.parametrize("failures", [RESETS_BEFORE_CUT - 1, RESETS_BEFORE_CUT])
def test_a_batch_that_is_lost_on_the_way_is_cut_after_so_many_failures(failures: int, lost: dict[str, bool]) -> None:
    lrs = SameAnswer(Transient("reset", **lost))
    deliver([Sendable("a", b"{}"), Sendable("b", b"{}")], lrs, failures=failures)
    is_cut = failures >= RESETS_BEFORE_CUT and "may_still_work" not in lost
    assert (lrs.sent > 1) is is_cut


def test_an_lrs_that_answers_500_to_everything_is_asked_so_often() -> None:
    lrs = SameAnswer(Transient("500 oh", server_error=True))
    delivery = deliver([Sendable(str(number), b"{}", upsets=POISON_UPSETS) for number in range(100)], lrs)
    assert lrs.sent == delivery.requests == HOPELESS_SERVER_ERRORS
    assert {one.fate for one in delivery.outcomes} == {Fate.LATER}


def test_only_what_was_refused_before_another_passed_is_dead() -> None:
    refused, stored = Outcome("r", Fate.LATER, "refused"), Outcome("s", Fate.STORED)
    assert [one.fate for one in convict_refused([refused, stored, refused])] == [Fate.DEAD, Fate.STORED, Fate.LATER]
    assert [one.fate for one in convict_refused([refused, refused])] == [Fate.LATER] * 2


def test_all_refused_means_each_one_and_a_lane_that_stopped() -> None:
    refused, stored = Outcome("r", Fate.LATER, "refused"), Outcome("s", Fate.STORED)

    def all_refused(*outcomes: Outcome, lane: LaneState = LaneState.STOPPED) -> bool:
        return Delivery(outcomes, lane, "", None, 1).all_refused

    assert all_refused(refused, refused) and all_refused(refused)
    assert not all_refused(refused, stored) and not all_refused(stored)
    assert not all_refused(refused, lane=LaneState.HOLD)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Transient("500 oh", server_error=True), "server-error"),
        (Transient("nobody answers"), ""),
        (Misconfigured("401 who are you"), ""),
    ],
)
def test_only_a_fault_of_the_server_is_one_of_the_statements_that_it_was_sent(answer: Answer, code: str) -> None:
    delivery = deliver([Sendable("a", b"{}")], SameAnswer(answer))
    assert [(one.fate, one.code) for one in delivery.outcomes] == [(Fate.LATER, code)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Transient("500 oh", server_error=True), "server-error"), (Transient("reset", is_reset=True), "")],
)
def test_what_upset_the_server_alone_too_is_told_from_what_was_lost(answer: Answer, code: str) -> None:
    batch = [Sendable(name, b"{}", upsets=POISON_UPSETS) for name in "ab"]
    delivery = deliver(batch, SameAnswer(answer), failures=RESETS_BEFORE_CUT)
    assert {(one.fate, one.code) for one in delivery.outcomes} == {(Fate.LATER, code)}
