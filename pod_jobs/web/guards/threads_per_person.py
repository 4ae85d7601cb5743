"""Limits how many recordings one person may send at the same time, because each holds a thread until it has arrived.

The minimum pace (slow_clients.py) ends only uploads that hardly move. A few dozen uploads that are merely slow would hold
every thread of the web app.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import may
from pod_jobs.errors import Refused
from pod_jobs.settings import Settings

EXTENSION = "pod_jobs.seats."


class Seats:
    """Threads of one web process, as seats that people take: each person at most `most`; 0 = any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[int] = Counter()
        self._lock = threading.Lock()

    def take(self, user_id: int) -> bool:
        """Take one more seat. False if this person already has `most`."""
        with self._lock:
            if self._most and self._taken[user_id] >= self._most:
                return False
            self._taken[user_id] += 1
            return True

    def leave(self, user_id: int) -> None:
        with self._lock:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]


@contextmanager
def receiving(user: User, settings: Settings) -> Iterator[None]:
    """Hold a seat while a recording is received from `user`. Errors: Refused if this person has no seat left."""
    if may(user.role, "exceed-limits"):
        yield
        return
    seats = _seats("receiving", settings.limits.receiving)
    if not seats.take(user.id):
        raise Refused(f"limits.receiving is {settings.limits.receiving}", code="receiving-limit")
    try:
        yield
    finally:
        seats.leave(user.id)


def _seats(what: str, most: int) -> Seats:
    """The seats of this web process for `what`, made at the first call."""
    seats = current_app.extensions.setdefault(EXTENSION + what, Seats(most))
    assert isinstance(seats, Seats)  # noqa: S101  # for the type checker
    return seats
