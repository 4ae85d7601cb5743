"""How many children a line has, by what they say on their board and the time."""

from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.processes.supervisor import IDLE_S, SETTLE_S, Crew, Line, Slot

NOW = 1000.0


def crew(asked_at: float, *idle_since: float, most: int = 3, changed_at: float = 0.0) -> Crew:
    """A line of one child and up to `most`, with a child without a process for each `idle_since` (0: it works)."""
    board: Any = SimpleNamespace(asked_at=asked_at, idle_since=lambda number: idle_since[number])
    slots = [Slot(number) for number in range(len(idle_since))]
    for slot in slots:
        slot.pid = -1
    return Crew(Line("x", print, count=1, most=most, board=board), slots, len(idle_since), changed_at)


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (crew(NOW - 1, 0, changed_at=NOW - SETTLE_S), 2),
        (crew(NOW - 1, 0, changed_at=NOW - SETTLE_S + 1), 1),
        (crew(NOW - SETTLE_S, 0, changed_at=NOW - SETTLE_S), 1),  # that was before the last change
        (crew(NOW - 1, 0, 0, 0), 3),
        (crew(NOW - 1, 0, most=1), 1),
        (crew(NOW - 1, 0, most=0), 1),
    ],
)
def test_one_more_where_jobs_wait_and_there_may_be_one(one: Crew, wanted: int) -> None:
    one.scale(NOW)
    assert one.wanted == wanted


@pytest.mark.parametrize(
    ("asked_s", "idle_s", "wanted"),
    [(IDLE_S, IDLE_S + 1, 2), (IDLE_S + 1, IDLE_S, 2), (IDLE_S + 1, IDLE_S + 1, 1), (IDLE_S + 1, NOW, 2)],
)
def test_one_less_where_nobody_asked_and_one_was_idle(
    monkeypatch: pytest.MonkeyPatch, asked_s: float, idle_s: float, wanted: int
) -> None:
    told: list[int] = []
    monkeypatch.setattr("pod_jobs.processes.supervisor._tell", lambda slot, signal: told.append(slot.number))
    one = crew(NOW - asked_s, NOW - idle_s, 0, changed_at=NOW - SETTLE_S)
    one.scale(NOW)
    assert (one.wanted, told) == (wanted, [0] * (wanted == 1))
    assert [slot.number for slot in one.slots] == ([1, 0] if told else [0, 1]), "the one that ends is the last"
