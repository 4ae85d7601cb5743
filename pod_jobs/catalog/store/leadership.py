"""Fencing: a janitor that was suspended while another one took over can change nothing any more.

The terms are counted here and not in the key-value server, which may restart empty and would count from 1 again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Leadership
from pod_jobs.errors import Deposed

ROW = 1


def begin() -> int:
    """A new leader's term. From its commit on, `fenced` refuses all earlier ones."""
    Leadership.insert(id=ROW, term=0).on_conflict_ignore().execute()
    with transaction():
        row = locked(Leadership.select().where(Leadership.id == ROW)).get()
        row.term += 1
        row.save()
        return int(row.term)


@contextmanager
def fenced(term: int | None) -> Iterator[None]:
    """A transaction of the leader of `term`; until it ends, no later term can begin. Errors: Deposed."""
    with transaction():
        row = locked(Leadership.select().where(Leadership.id == ROW)).get_or_none()
        if row is None or row.term != term:
            raise Deposed(f"the janitor of term {term} writes in term {row and row.term}")
        yield
