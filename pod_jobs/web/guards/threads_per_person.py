"""How many recordings one person sends at once: each holds a thread for as long as it lasts.

A pace ends only who gives next to nothing; a few dozen that are slow would hold every thread of the web app.
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
    """Of one web process: at most `most` for each person, 0 = any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[int] = Counter()
        self._lock = threading.Lock()

    def take(self, user_id: int) -> bool:
        """False when this person has all of them."""
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
    """One more recording comes from this person. Errors: Refused."""
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
    """Those of this web process."""
    found = current_app.extensions.setdefault(EXTENSION + what, Seats(most))
    assert isinstance(found, Seats)  # noqa: S101  # for the type checker
    return found
