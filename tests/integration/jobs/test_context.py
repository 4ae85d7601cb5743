"""What a running job says of itself."""

from pathlib import Path

from redis import Redis

from pod_jobs.catalog.client import CatalogClient, Order
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import Context, StopSignal
from pod_jobs.settings import load
from pod_jobs.storage.over_http import OverHttp


def test_people_read_why_a_transfer_is_repeated(redis: Redis, home: Path) -> None:
    (home / "secrets").mkdir(exist_ok=True)
    (home / "secrets/worker_token").write_text("x")
    settings = load(home, worker={"storage": "http", "catalog_url": "http://127.0.0.1:9"})
    catalog = CatalogClient(settings.catalog_url, "x")
    context = Context(settings, redis, redis, catalog, "w", "h", StopSignal())
    assert isinstance(context.storage, OverHttp)
    order = Order(7, 1, 1, 0, "encode", "web", 3, "Cours", "videos/000003/source", "videos/000003")
    for words in ("the disk is full", ""):
        context.storage._web.trouble = words
        context._next_tick = 0
        context.tick(order, {"step": "encode"})
        assert queue.read_progress(redis, [7])[7]["trouble"] == words
