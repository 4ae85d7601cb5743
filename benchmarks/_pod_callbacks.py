"""Callbacks of ./run bench pod: a Pod that is away for an hour, and then answers 404, 500, nothing, or 200."""

import json
import logging
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peewee import fn

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import tasks
from pod_jobs.janitor.callbacks import Callbacks, Poster
from pod_jobs.outside.exchange import Times
from pod_jobs.settings import Settings
from pod_jobs.system.sealing import Seal

AWAY = timedelta(hours=1)
logging.getLogger("pod_jobs.janitor.callbacks").setLevel(logging.ERROR)  # each refusal would be a line


def measure_callbacks(settings: Settings, token: str, count: int) -> dict[str, Any]:
    """The ends of so many waiting tasks, told by the janitor's own code, with its waits moved together by a clock of ours. The
    catalog must be open."""
    accepted: list[str] = []
    moods: dict[str, int] = {}
    lock = threading.Lock()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            public_id = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["task_id"]
            with lock:
                mood = moods[public_id] = moods.get(public_id, hash(public_id) % 4) + 1
            if mood % 4 == 3:  # it hangs
                time.sleep(0.6)
                return
            status = (404, 500, 200)[mood % 4]
            if status == 200:
                with lock:
                    accepted.append(public_id)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering, bind_and_activate=False)
    server.server_bind()  # its port is taken, and refuses connections: Pod is away
    wanted = _ended(settings, token, f"http://127.0.0.1:{server.server_port}/", count)
    began = datetime.now(UTC)
    _tell(settings, wanted, began, began + AWAY)
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _tell(settings, wanted, began + AWAY, began + timedelta(days=7))
    server.shutdown()
    server.server_close()
    return {
        "callbacks_lost": len(wanted - set(accepted)),
        "callbacks_doubled": len(accepted) - len(set(accepted)),
    }


def _ended(settings: Settings, token: str, url: str, count: int) -> set[str]:
    seal = Seal(settings.secret("site_key"))
    waiting = SiteOrder.select(SiteOrder, Task).join(Task).where(Task.state == "waiting")
    rows = list(waiting.limit(count))
    now = datetime.now(UTC)
    ours = [row.task_id for row in rows]
    SiteOrder.update(notify_url=seal.close(url), token=seal.close(token), answered_at=now - timedelta(minutes=1)).where(
        SiteOrder.task.in_(ours)
    ).execute()
    for row in rows:
        with transaction():
            tasks.end(tasks.get_locked(row.task_id), random.choice(("done", "cancelled")), now)
    return {row.public_id for row in rows}


def _tell(settings: Settings, wanted: set[str], now: datetime, until: datetime) -> None:
    """The janitor's rounds from `now` to `until` of a clock of ours, which jumps to the next try; or until all are told."""
    poster = Poster(Seal(settings.secret("site_key")), Times(2.0, 0.3))
    sender, patience = Callbacks(settings, transaction, poster), time.monotonic() + 300
    while time.monotonic() < patience:
        sender.tend(now)
        time.sleep(0.02)
        if sender._under_way:
            continue
        waiting = SiteOrder.select(fn.MIN(SiteOrder.due_at)).where(
            SiteOrder.callback == "waiting", SiteOrder.public_id.in_(list(wanted)[:900])
        )
        due = waiting.scalar()
        if due is None or due >= until:
            return
        now = max(now, due)
