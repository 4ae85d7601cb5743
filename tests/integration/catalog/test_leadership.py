"""The janitor's term in the catalog, on all three databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from peewee import Database

from pod_jobs.catalog.models import Audit
from pod_jobs.catalog.store import leadership
from pod_jobs.errors import Deposed
from tests.integration.catalog.conftest import NOW


def note(term: int | None) -> None:
    with leadership.fenced(term):
        Audit.create(at=NOW, who="janitor", action="test", subject=str(term))


def test_only_the_latest_term_may_write(catalog: Database) -> None:
    first = leadership.begin()
    note(first)
    second = leadership.begin()
    assert second == first + 1
    for term in (first, None, second + 1):
        with pytest.raises(Deposed):
            note(term)
    note(second)
    assert [line.subject for line in Audit.select()] == [str(first), str(second)]


def test_a_term_begins_only_between_the_writes_of_the_one_before(catalog: Database) -> None:
    first = leadership.begin()
    begun: list[int] = []

    def succeed() -> None:
        with catalog.connection_context():
            begun.append(leadership.begin())

    successor = threading.Thread(target=succeed)
    with leadership.fenced(first):
        successor.start()
        successor.join(0.3)
        assert begun == []
    successor.join(20)
    assert begun == [first + 1]


def test_no_term_is_given_out_twice(catalog: Database) -> None:
    def begin(_: int) -> int:
        with catalog.connection_context():
            return leadership.begin()

    leadership.begin()
    with ThreadPoolExecutor(8) as janitors:
        terms = list(janitors.map(begin, range(40)))
    assert len(set(terms)) == 40
