"""/healthz: 200 once every part is there, 503 with the part that is missing."""

from collections.abc import Iterator

import pytest
from flask import Flask
from redis import Redis
from rq import Worker

from pod_jobs.catalog.store import instance
from pod_jobs.jobs import keys
from pod_jobs.jobs.queue import open_queue
from pod_jobs.settings import QUEUES, Settings
from pod_jobs.storage import identity


@pytest.fixture
def workers(redis: Redis) -> Iterator[list[Worker]]:
    with Redis.from_url(f"unix://{redis.connection_pool.connection_kwargs['path']}") as own:
        found = [Worker([open_queue(own, name)], name=f"{name}.host.1", connection=own) for name in QUEUES]
        for worker in found:
            worker.register_birth()
        yield found


def test_everything_is_there(app: Flask, redis: Redis, workers: list[Worker]) -> None:
    redis.set(keys.JANITOR, "host:1", ex=30)
    response = app.test_client().get("/healthz")
    assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
    document = response.get_json()
    assert document["ok"] and all(part["ok"] for part in document["parts"].values())
    assert document["parts"]["workers.encoding"] == {"ok": True, "alive": 1}


def test_a_part_that_is_missing_is_named(app: Flask, redis: Redis, workers: list[Worker]) -> None:
    workers[0].register_death()
    redis.delete(workers[1].key)  # went silent: its key expired, its name is still listed
    response = app.test_client().get("/healthz")
    assert response.status_code == 503
    missing = {name for name, part in response.get_json()["parts"].items() if not part["ok"]}
    assert missing == {"janitor", "workers.encoding", "workers.transcripting"}


def test_a_media_folder_that_is_not_the_catalogs_is_named(
    app: Flask, redis: Redis, workers: list[Worker], settings: Settings, catalog: None
) -> None:
    redis.set(keys.JANITOR, "host:1", ex=30)
    instance.remember_media_identity("the-right-one")
    response = app.test_client().get("/healthz")
    document = response.get_json()
    assert response.status_code == 503
    assert [name for name, part in document["parts"].items() if not part["ok"]] == ["media"]
    identity.write(settings.media_folder, "the-right-one")
    assert app.test_client().get("/healthz").status_code == 200
