"""Bridges as processes: two at once, killed again and again, while the broker is killed too."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.celery.broker import REFUSED, TAKEN
from pod_jobs.settings import Settings
from tests import servers
from tests.integration.bridge.conftest import DATABASE
from tests.small_celery_pod import SmallCeleryPod, Video

PROGRAM = (
    "import logging; logging.basicConfig(level=logging.INFO)\n"
    "from pod_jobs import bridge\nfrom pod_jobs.jobs.table import JOB_TYPES\nfrom pod_jobs.settings import load\n"
    "from pod_jobs.bridge import rounds; rounds.TAKE_BACK_S, rounds.PAUSE_S = 1.0, 0.2\n"
    "bridge.run(load(), JOB_TYPES)"
)
ORDERS = 60


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for one in made:
        one.kill()
        one.wait(10)


def start() -> subprocess.Popen[bytes]:
    """A bridge, as the Procfile's line forks it; in the environment of the test."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM])


@pytest.mark.usefixtures("catalog")
def test_two_bridges_and_the_broker_are_killed_and_each_order_is_one_task(
    settings: Settings,
    pod: SmallCeleryPod,
    broker: servers.KeyValueServer,
    processes: list[subprocess.Popen[bytes]],
) -> None:
    """D1, D2, D4."""
    (pod.media / "videos/film.mp4").touch()
    ids = [pod.encode(Video(number + 1, pod.media / "videos/film.mp4")) for number in range(ORDERS // 2)]
    processes += [start(), start()]
    servers.wait_until(lambda: SiteOrder.select().count() >= 3, 90, "a bridge has begun")
    processes[0].kill()
    broker.stop(kill=True)
    processes[1].kill()
    broker.start(*servers.SYNCED)
    ids += [pod.encode(Video(number + 1, pod.media / "videos/film.mp4")) for number in range(ORDERS // 2, ORDERS)]
    processes += [start(), start()]
    servers.wait_until(lambda: SiteOrder.select().count() >= ORDERS * 2 // 3, 90, "they have begun again")
    processes[2].kill()
    servers.wait_until(lambda: SiteOrder.select().count() >= ORDERS, 90, "all orders are tasks")
    with Redis(unix_socket_path=str(broker.socket), db=DATABASE) as redis:
        servers.wait_until(lambda: _is_empty(redis), 90, "the broker is empty")
    assert sorted(row.public_id for row in SiteOrder.select()) == sorted(ids)
    assert Task.select().count() == ORDERS and {task.state for task in Task.select()} == {"waiting"}
    assert Outbox.select().count() >= ORDERS - 3  # the next ones are RQ's
    processes[3].send_signal(signal.SIGTERM)
    assert processes[3].wait(10) == 0


def _is_empty(redis: Redis) -> bool:
    try:
        return not any(redis.llen(name) for name in ("encoding", f"encoding.{TAKEN}", f"encoding.{REFUSED}"))
    except RedisError:
        return False
