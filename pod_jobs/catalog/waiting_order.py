"""The order in which waiting tasks begin: by priority, then in turn among parties, then by age. Plain values, no database.

A party is whoever waits: the owner of a video, or another site that orders tasks here. The party whose last task began
longest ago is the next one, so that somebody with one recording never waits behind the 300 of somebody else.
A short task may pass others of its priority, unless the tasks that began last were all short.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PRIORITIES: Final = {"high": 1, "normal": 0, "low": -1}


def name_of(priority: int) -> str:
    """One of PRIORITIES."""
    return next((name for name, value in PRIORITIES.items() if value == priority), "normal")


def standing_of(priority: int, *, makes_way: bool, at_front: bool) -> int:
    """One number for what counts before parties and age; the highest begins first. `makes_way`: nobody waits to watch the
    result. `at_front`: its worker died, and it has waited before."""
    return 4 * priority + 2 * (not makes_way) + at_front


def is_at_front(standing: int) -> bool:
    """Was this standing given to a task whose worker died?"""
    return bool(standing % 2)


@dataclass(frozen=True)
class Waiting:
    """A waiting task. `number` grows with the moment when it began to wait."""

    number: float
    standing: int
    party: str
    is_short: bool = False


@dataclass(frozen=True)
class Begun:
    """What has begun before. `last`: party -> when its last task began, as any value that grows with time; a party that is
    missing never had one. `shorts`: how many short tasks began in a row, just before. `most_shorts`: how many may pass others
    in a row, 0 = none."""

    last: Mapping[str, Any] = field(default_factory=dict)
    shorts: int = 0
    most_shorts: int = 0


def in_order(waiting: Iterable[Waiting], begun: Begun) -> Iterator[Waiting]:
    """The tasks in the order in which they will begin, as if each began when the one before it has."""
    by_standing: dict[int, list[Waiting]] = {}
    for task in sorted(waiting, key=lambda task: task.number):
        by_standing.setdefault(task.standing, []).append(task)
    turns = {party: place for place, party in enumerate(sorted(begun.last, key=lambda party: begun.last[party]), 1)}
    turn, shorts = len(turns), begun.shorts
    for standing in sorted(by_standing, reverse=True):
        longs, quick = (
            _InTurn([task for task in by_standing[standing] if task.is_short is short], turns)
            for short in (False, True)
        )
        while longs or quick:
            may_pass = shorts < begun.most_shorts
            chosen = quick if quick and (may_pass or not longs or quick.first() < longs.first()) else longs
            task = chosen.take()
            turn += 1
            turns[task.party] = turn
            shorts = shorts + 1 if task.is_short else 0
            yield task


class _InTurn:
    """Tasks of one standing, the oldest first, of which the next one of the party whose turn it is is taken."""

    def __init__(self, tasks: Iterable[Waiting], turns: Mapping[str, int]) -> None:
        self._turns = turns
        self._of_party: dict[str, deque[Waiting]] = {}
        for task in tasks:
            self._of_party.setdefault(task.party, deque()).append(task)
        self._heads = [self._key(queue[0]) for queue in self._of_party.values()]
        heapq.heapify(self._heads)

    def __bool__(self) -> bool:
        return bool(self._heads)

    def first(self) -> tuple[int, float, str]:
        """The key of the next task: the turn of its party, its number, its party."""
        while True:
            party = self._heads[0][2]
            present = self._key(self._of_party[party][0])
            if present == self._heads[0]:
                return present
            heapq.heapreplace(self._heads, present)  # its party has had a turn since; a turn only ever comes later

    def take(self) -> Waiting:
        party = self.first()[2]
        queue = self._of_party[party]
        task = queue.popleft()
        if queue:
            heapq.heapreplace(self._heads, self._key(queue[0]))
        else:
            heapq.heappop(self._heads)
        return task

    def _key(self, task: Waiting) -> tuple[int, float, str]:
        return self._turns.get(task.party, 0), task.number, task.party
