"""The order of waiting tasks, compared with its rule as one would say it, on many small random lines."""

import random
from collections.abc import Sequence

import pytest

from pod_jobs.catalog.waiting_order import Begun, Waiting, in_order, standing_of

NORMAL = standing_of(0, makes_way=False, at_front=False)


def by_the_rule(waiting: Sequence[Waiting], begun: Begun) -> list[Waiting]:
    """Chooses one task after the other among all of them."""
    left, last, shorts, order = list(waiting), dict(begun.last), begun.shorts, []
    while left:
        best = [one for one in left if one.standing == max(one.standing for one in left)]
        if shorts < begun.most_shorts and any(one.is_short for one in best):
            best = [one for one in best if one.is_short]
        one = min(best, key=lambda one: (last.get(one.party, -1.0), one.number))
        last[one.party] = max([1e6, *last.values()]) + 1
        shorts = shorts + 1 if one.is_short else 0
        left.remove(one)
        order.append(one)
    return order


@pytest.mark.parametrize("seed", range(200))
def test_the_order_is_that_of_the_rule(seed: int) -> None:
    dice = random.Random(seed)
    parties = [f"user-{number}" for number in range(dice.randint(1, 5))]
    waiting = [
        Waiting(number, dice.choice([0, 2, 3, 6]), dice.choice(parties), dice.random() < 0.4)
        for number in dice.sample(range(100), dice.randint(0, 25))
    ]
    known = dice.sample(parties, dice.randint(0, len(parties)))
    last = dict(zip(known, dice.sample(range(100), len(known)), strict=True))
    begun = Begun(last, dice.randint(0, 3), dice.randint(0, 3))
    assert list(in_order(waiting, begun)) == by_the_rule(waiting, begun)


def line(*parties: str, first: int = 1, is_short: bool = False) -> list[Waiting]:
    return [Waiting(number, NORMAL, party, is_short) for number, party in enumerate(parties, first)]


def test_one_recording_never_waits_behind_the_300_of_somebody_else() -> None:
    waiting = line(*["ada"] * 300, "bob")
    order = [one.party for one in in_order(waiting, Begun(last={"ada": 5.0}))]
    assert order == ["bob", *["ada"] * 300]


def test_parties_take_turns_and_each_has_its_oldest_first() -> None:
    waiting = line("ada", "ada", "bob", "ada", "bob", "cleo")
    assert [one.number for one in in_order(waiting, Begun())] == [1, 3, 6, 2, 5, 4]


def test_priority_counts_before_turns_and_what_nobody_waits_for_comes_last() -> None:
    high, low = (standing_of(priority, makes_way=False, at_front=False) for priority in (1, -1))
    offer = standing_of(0, makes_way=True, at_front=False)
    returned = standing_of(0, makes_way=False, at_front=True)
    waiting = [Waiting(n, s, "ada") for n, s in enumerate([offer, low, NORMAL, returned, high])]
    assert [one.standing for one in in_order(waiting, Begun())] == [high, returned, NORMAL, offer, low]


@pytest.mark.parametrize(
    ("most_shorts", "shorts", "numbers"),
    [(0, 0, [1, 2, 3, 4, 5]), (1, 0, [3, 1, 4, 2, 5]), (1, 1, [1, 3, 2, 4, 5]), (2, 0, [3, 4, 1, 5, 2])],
)
def test_short_tasks_pass_long_ones_only_so_often(most_shorts: int, shorts: int, numbers: list[int]) -> None:
    waiting = [*line("ada", "ada"), *line("ada", "ada", "ada", first=3, is_short=True)]
    assert [one.number for one in in_order(waiting, Begun({}, shorts, most_shorts))] == numbers


def test_a_hundred_thousand_are_put_in_order_in_little_time() -> None:
    waiting = [Waiting(number, NORMAL, f"user-{number % 700}") for number in range(100_000)]
    order = list(in_order(waiting, Begun()))
    assert [one.number for one in order] == list(range(100_000))
