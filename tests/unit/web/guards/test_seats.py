"""How many threads one person may hold."""

import pytest

from pod_jobs.web.guards.threads_per_person import Seats


@pytest.mark.parametrize(("most", "taken"), [(1, [True, False, False]), (2, [True, True, False]), (0, [True] * 3)])
def test_a_person_takes_so_many_seats(most: int, taken: list[bool]) -> None:
    seats = Seats(most)
    assert [seats.take(7) for _ in taken] == taken
    assert seats.take(8), "another person"


def test_a_seat_that_was_left_can_be_taken() -> None:
    seats = Seats(2)
    assert seats.take(7) and seats.take(7) and not seats.take(7)
    seats.leave(7)
    assert seats.take(7) and not seats.take(7)
    seats.leave(7)
    seats.leave(7)
    assert not seats._taken, "nobody is remembered for ever"
