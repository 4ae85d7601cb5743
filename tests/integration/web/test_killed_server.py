"""Orders of a Pod while the real web app and key-value server are killed (-9). ./run bench pod does it at length."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from pod_jobs.catalog import database
from pod_jobs.catalog.models import Task, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.settings import ROOT, Settings
from tests.integration.web.api.test_runner import ORDER
from tests.servers import KeyValueServer, free_port, synced_server, wait_until

ORDERS, CLIENTS = 100, 4
HOLD_S = 20.0  # how long an order is sent again


@pytest.fixture
def own_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyValueServer]:
    with synced_server() as server:
        monkeypatch.setenv("POD_JOBS_REDIS__URL", server.url)
        yield server


class WebApp:
    """gunicorn with two worker processes, in `with`."""

    def __init__(self, log: Path) -> None:
        self.port, self._log = free_port(), log
        few = {"POD_JOBS_WEB__PORT": str(self.port), "POD_JOBS_WEB__PROCESSES": "2", "POD_JOBS_WEB__THREADS": "4"}
        self._variables = {**os.environ, "PYTHONPATH": str(ROOT), **few}
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            line = [sys.executable, "-m", "tests.integration.web.served"]
            self._process = subprocess.Popen(line, cwd=ROOT, env=self._variables, stderr=log)

    def kill(self) -> None:
        """At once, the one that starts the others first."""
        pid = self._process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(workers) == 2
        for one in (pid, *map(int, workers)):
            with suppress(ProcessLookupError):  # it ended with the first
                os.kill(one, signal.SIGKILL)
        self._process.wait(10)

    def answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code in (200, 503)
        except requests.RequestException:
            return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(40)


@pytest.fixture
def web(own_redis: KeyValueServer, tokens: dict[str, str], tmp_path: Path) -> Iterator[WebApp]:
    app = WebApp(tmp_path / "web.log")
    try:
        wait_until(app.answers, 30, "the web app answers")
        yield app
    finally:
        app.stop()


def test_no_order_is_lost_or_doubled_when_web_app_and_key_value_server_are_killed(
    web: WebApp, own_redis: KeyValueServer, settings: Settings, tokens: dict[str, str]
) -> None:
    answered: dict[int, str] = {}
    sent_again: list[int] = []

    def submit(number: int) -> str:
        """As Pod does: what got no answer is sent again, the same in all six fields."""
        document = {**ORDER, "parameters": {"rendition": "{}", "video_id": number, "video_title": f"Cours {number}"}}
        until = time.monotonic() + HOLD_S
        while time.monotonic() < until:
            try:
                address = f"http://127.0.0.1:{web.port}/task/execute"
                proof = {"Authorization": f"Bearer {tokens['site-univ']}"}
                answer = requests.post(address, json=document, headers=proof, timeout=10)
                if answer.status_code == 200:
                    return str(answer.json()["task_id"])
            except requests.RequestException:
                pass
            sent_again.append(number)
            time.sleep(0.1)
        raise TimeoutError(f"order {number} was not accepted")

    def order(number: int) -> None:
        answered[number] = submit(number)

    def kill() -> None:
        wait_until(lambda: len(answered) >= ORDERS // 4, HOLD_S)
        web.kill()
        web.start()
        wait_until(lambda: len(answered) >= ORDERS // 2, HOLD_S)
        own_redis.stop(kill=True)
        wait_until(lambda: len(answered) >= ORDERS * 2 // 3, HOLD_S, "orders are accepted without it")
        own_redis.start()

    killer = ThreadPoolExecutor(1).submit(kill)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(order, range(ORDERS)))
    killer.result(HOLD_S)
    assert sent_again, "the kill fell between two orders"

    with database.connect(settings.database_url).connection_context():
        stored = {str(row.public_id): row.task.state for row in SiteOrder.select(SiteOrder, Task).join(Task)}
        assert stored == dict.fromkeys(answered.values(), "waiting")
        assert len(stored) == ORDERS == Video.select().count() == Task.select().count()
    with ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(submit, range(0, ORDERS, 5))) == [answered[one] for one in range(0, ORDERS, 5)]
