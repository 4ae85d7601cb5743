"""The jobs of `./run bench dispatch` are still such as our workers take."""

from functools import partial
from pathlib import Path

from redis import Redis

from benchmarks.dispatch import burst_ms, ours
from tests.servers import KeyValueServer


def test_a_worker_does_all_jobs_of_the_measurement(key_value_server: KeyValueServer, home: Path, redis: Redis) -> None:
    assert burst_ms(key_value_server.url, 2, partial(ours, home)) > 0
