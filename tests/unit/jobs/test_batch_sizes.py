"""How large the batches of a lane are: by the settings, by the tries so far, and by what gets through."""

from pod_jobs.catalog.lanes_client import Parcel
from pod_jobs.jobs.deliver_statements import Size, batches
from pod_jobs.xapi.delivery import Delivery, LaneState, Sendable

WELL = Delivery((), LaneState.OPEN, "", None, 1)
LOST = Delivery((), LaneState.HOLD, "no answer", None, 1, was_lost=True)


def parcels(count: int, size: int = 10) -> list[Parcel]:
    return [Parcel(number, str(number), "x" * size, False, False, 0, 0) for number in range(count)]


def sizes(count: int, most: Size, outcome: Delivery = WELL) -> list[int]:
    found = []
    for batch in batches(parcels(count), most):
        found.append(len(batch))
        most.learn(batch, outcome)
    return found


def test_neither_too_many_nor_too_large() -> None:
    assert sizes(250, Size(100, 10_000)) == [100, 100, 50]
    assert sizes(10, Size(100, 45)) == [4, 4, 2], "four are 45 bytes with brackets and commas"
    assert sizes(10, Size(100, 44)) == [3, 3, 3, 1]
    assert sizes(3, Size(100, 5)) == [1, 1, 1], "one is sent, however large"


def test_smaller_at_first_and_larger_with_each_that_gets_through() -> None:
    assert sizes(300, Size(100, 10_000, 2)) == [25, 50, 100, 100, 25]
    assert sizes(3, Size(100, 10_000, 10)) == [1, 1, 1]


def test_the_size_that_got_through_is_told_when_a_larger_one_is_lost() -> None:
    most = Size(100, 10_000, 1)
    small, large = ([Sendable(str(n), b"x" * 9) for n in range(count)] for count in (50, 100))
    most.learn(small, WELL)
    assert most.found is None
    most.learn(large, LOST)
    assert most.found == 501
    other = Size(100, 10_000)
    other.learn(small, WELL)
    other.learn(large, LOST)
    assert other.found is None, "nothing was wrong before: the LRS has just gone away"
