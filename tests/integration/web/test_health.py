"""/healthz: 200 once every part is there, 503 with the part that is missing."""

from collections.abc import Iterator

import pytest
from flask import Flask
from redis import Redis
from rq import Worker

from pod_jobs.catalog.store import instance
from pod_jobs.jobs import drains, keys
from pod_jobs.jobs.queue import open_queue
from pod_jobs.settings import QUEUES, Settings, load
from pod_jobs.storage import identity
from pod_jobs.web.app import create_app


@pytest.fixture
def workers(redis: Redis) -> Iterator[list[Worker]]:
    with Redis.from_url(f"unix://{redis.connection_pool.connection_kwargs['path']}") as own:
        found = [Worker([open_queue(own, name)], name=f"{name}.host.1", connection=own) for name in QUEUES]
        for worker in found:
            worker.register_birth()
            worker.set_state("idle")
        yield found


def test_everything_is_there(app: Flask, redis: Redis, workers: list[Worker]) -> None:
    redis.set(keys.JANITOR, "host:1", ex=30)
    response = app.test_client().get("/healthz")
    assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
    document = response.get_json()
    assert document["ok"] and all(part["ok"] for part in document["parts"].values())
    assert document["parts"]["workers.encoding"] == {"ok": True, "alive": 1, "suspended": 0, "expected": 1}


def test_a_part_that_is_missing_is_named(app: Flask, redis: Redis, workers: list[Worker]) -> None:
    workers[0].register_death()
    redis.delete(workers[1].key)  # went silent: its key expired, its name is still listed
    response = app.test_client().get("/healthz")
    assert response.status_code == 503
    missing = {name for name, part in response.get_json()["parts"].items() if not part["ok"]}
    assert missing == {"janitor", "workers.inspecting", "workers.encoding"}


def test_a_queue_without_workers_anywhere_is_named_even_if_this_host_runs_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tokens: dict[str, str]
) -> None:
    monkeypatch.setenv("POD_JOBS_WORKERS__ENCODING", "0")
    monkeypatch.setenv("POD_JOBS_FLEET__TRANSCRIPTING", "0")
    monkeypatch.setenv("POD_JOBS_WORKERS__TRANSCRIPTING", "0")
    parts = create_app(load(settings.home)).test_client().get("/healthz").get_json()["parts"]
    assert parts["workers.encoding"] == {"ok": False, "alive": 0, "suspended": 0, "expected": 1}
    assert parts["workers.transcripting"]["ok"]


def test_a_worker_that_takes_no_job_does_not_count_unless_people_drained_it(
    app: Flask, redis: Redis, workers: list[Worker]
) -> None:
    redis.set(keys.JANITOR, "host:1", ex=30)
    workers[QUEUES.index("encoding")].set_state("suspended")
    document = app.test_client().get("/healthz").get_json()
    assert document["parts"]["workers.encoding"] == {"ok": False, "alive": 0, "suspended": 1, "expected": 1}
    drains.publish(redis, [{"scope": "queue", "name": "encoding", "who": "tina", "why": ""}])
    assert app.test_client().get("/healthz").status_code == 200


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


def test_it_answers_somebody_who_signed_in_too(tokens: dict[str, str], app: Flask) -> None:
    answer = app.test_client().get("/healthz", headers={"Authorization": f"Token {tokens['ada']}"})
    assert answer.get_json()["parts"]["database"] == {"ok": True}
    assert app.test_client().get("/healthz", headers={"Authorization": "Token none"}).get_json()["parts"]
