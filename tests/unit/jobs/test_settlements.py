"""What a lane's worker reports of the statements that it sent."""

from typing import Any

import pytest

from pod_jobs.catalog.lanes_client import Parcel
from pod_jobs.jobs.deliver_statements import settle_up
from pod_jobs.xapi.delivery import Delivery, Fate, LaneState, Outcome

STORED, DEAD, LATER = Fate.STORED, Fate.DEAD, Fate.LATER
Case = tuple[int, Fate | None, str, bool]  # number, fate, code, is it sent again?


def settled(*cases: Case, last: tuple[Outcome, ...] = ()) -> Any:
    parcels = [Parcel(number, str(number), "{}", False, again, 0, 0) for number, _, _, again in cases]
    outcomes = {str(number): Outcome(str(number), fate, code, "why") for number, fate, code, _ in cases if fate}
    return settle_up(5, parcels, outcomes, Delivery(last, LaneState.OPEN, "", None, 1))


@pytest.mark.parametrize(
    ("cases", "through", "stored", "gone", "leftovers"),
    [
        ([(1, STORED, "", False), (2, STORED, "", False)], 2, 2, [], []),
        ([(1, STORED, "", False), (2, LATER, "refused", False)], 1, 1, [], []),
        ([(1, LATER, "refused", False), (2, STORED, "", False)], 2, 1, [], [(1, LATER, "")]),
        ([(1, None, "", False), (2, STORED, "", False)], 2, 1, [], [(1, LATER, "")]),
        ([(1, LATER, "", False), (2, LATER, "", False)], 0, 0, [], []),
        ([(1, DEAD, "poison", False)], 1, 0, [], [(1, DEAD, "poison")]),
        ([(1, LATER, "conflict", False)], 1, 0, [], [(1, LATER, "conflict")]),
        ([(1, LATER, "reset", False), (2, LATER, "", False)], 1, 0, [], [(1, LATER, "reset")]),
        ([(3, STORED, "", True)], 0, 1, [3], []),
        ([(3, DEAD, "poison", True)], 0, 0, [], [(3, DEAD, "poison")]),
        ([(3, LATER, "", True), (4, STORED, "", False)], 4, 1, [], []),
    ],
)
def test_the_cursor_moves_to_the_last_one_that_is_decided(
    cases: list[Case], through: int, stored: int, gone: list[int], leftovers: list[tuple[int, Fate, str]]
) -> None:
    report = settled(*cases)
    assert (report.fence, report.through, report.stored, report.gone) == (5, through, stored, gone)
    assert [(left["number"], left["fate"], left["code"]) for left in report.leftovers] == leftovers


@pytest.mark.parametrize(("code", "is_one"), [("server-error", True), ("refused", False)])
def test_a_500_is_told(code: str, is_one: bool) -> None:
    assert settled(last=(Outcome("1", LATER), Outcome("2", LATER, code))).server_error is is_one
    assert not settled().server_error
