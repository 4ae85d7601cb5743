"""Fencing: a janitor that was suspended while another one took over cannot change anything afterwards.

The terms are counted here and not in the key-value server, which may restart empty and would count from 1 again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pod_jobs.catalog.database import locked, locked_row, transaction
from pod_jobs.catalog.models import Leadership
from pod_jobs.errors import Deposed

ROW = 1


def begin() -> int:
    """Begin the term of a new leader, and return its number. From then on, `fenced` refuses all earlier terms."""
    with transaction():
        row = locked_row(Leadership, {"id": ROW}, {"term": 0})
        row.term += 1
        row.save()
        return int(row.term)


@contextmanager
def fenced(term: int | None) -> Iterator[None]:
    """A transaction for the leader of `term`. No later term can begin before it ends. Errors: Deposed if one has begun."""
    with transaction():
        row = locked(Leadership.select().where(Leadership.id == ROW)).get_or_none()
        if row is None or row.term != term:
            raise Deposed(f"the janitor of term {term} writes in term {row and row.term}")
        yield
