"""What a worker tells the catalog of a lane."""

from dataclasses import asdict

from pod_jobs.catalog.lanes_client import Settlement
from pod_jobs.catalog.store import lanes


def test_what_a_settlement_does_not_say_means_the_same_on_both_sides() -> None:
    told, heard = asdict(Settlement(fence=3)), asdict(lanes.Settlement(fence=3, through=0, stored=0))
    assert told == {
        name: list(value) if isinstance(value, tuple) else value for name, value in heard.items() if name in told
    }
    assert not any(value for name, value in told.items() if name not in ("fence", "state"))
