"""How many tries to sign in count together, and from which number on they are refused."""

from typing import Any

import pytest

from pod_jobs.errors import Refused
from pod_jobs.web.guards import sign_in_throttle
from pod_jobs.web.guards.sign_in_throttle import TRIES


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("a proxy", "?"),
    ],
)
def test_a_household_is_one_address(address: str, network: str) -> None:
    assert sign_in_throttle._network(address) == network


class Counting:
    """A key-value server with these counts and times to live; it stands for its own pipeline."""

    def __init__(self, *counts: tuple[int, int]) -> None:
        self._answers = [part for count, ttl_s in counts for part in (None, count, ttl_s)]

    def pipeline(self) -> "Counting":
        return self

    def __enter__(self) -> "Counting":
        return self

    def __exit__(self, *_: object) -> None: ...

    def set(self, *_: Any, **__: Any) -> None: ...

    def incr(self, key: str) -> None: ...

    def ttl(self, key: str) -> None: ...

    def execute(self) -> list[Any]:
        return self._answers


@pytest.mark.parametrize(
    ("counts", "minutes"),
    [
        ([(TRIES["address"], 900), (TRIES["name"], 900)], None),
        ([(TRIES["address"] + 1, 900), (TRIES["name"], 60)], "15"),
        ([(TRIES["address"], 900), (TRIES["name"] + 1, 60)], "1"),
        ([(TRIES["address"], 900), (TRIES["name"] + 1, 61)], "2"),
        ([(TRIES["address"] + 1, 61), (TRIES["name"] + 1, 121)], "3"),
        ([(TRIES["address"] + 1, 0), (1, 900)], "1"),
    ],
)
def test_too_many_tries_wait_for_the_count_that_is_too_high(counts: list[tuple[int, int]], minutes: str | None) -> None:
    redis: Any = Counting(*counts)
    names = {"address": "a", "name": "n"}
    if minutes is None:
        sign_in_throttle._count(redis, names)
    else:
        with pytest.raises(Refused) as told:
            sign_in_throttle._count(redis, names)
        assert told.value.facts["minutes"] == minutes
