"""A look at an upload while its tasks wait: what it ends, what it tells, and whom it comes too late for."""

import base64
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from pod_jobs.catalog.models import Outbox, Task, User
from pod_jobs.catalog.store import users
from pod_jobs.jobs import queue
from pod_jobs.settings import Settings
from pod_jobs.web.services import now
from tests.integration.web.api.test_results import WRONG_FACTS
from tests.integration.web.conftest import Caller, Worker, problem

PICTURE = b"\xff\xd8\xff a picture"
GOOD = {
    "duration_s": 61.5,
    "is_video": True,
    "facts": {"container": "mp4", "bytes": 7},
    "picture": base64.b64encode(PICTURE).decode(),
}
BAD = {"fault": {"code": "source-unreadable", "reason": "moov atom not found", "facts": {}}}


@pytest.fixture
def looker(callers: dict[str, Caller]) -> Caller:
    return callers["workers"]


def look(looker: Caller, video: dict[str, Any], said: dict[str, Any], status: int = 200) -> None:
    answer = looker("POST", f"/api/v1/videos/{video['id']}/inspection", json=said)
    assert answer.status_code == status, answer.text


def needed(looker: Caller, video: dict[str, Any]) -> bool:
    answer = looker("POST", f"/api/v1/videos/{video['id']}/inspection/start", json={}).get_json()
    assert answer["source"] == f"videos/{video['id']:06d}/source"
    return bool(answer["needed"])


def test_each_upload_is_looked_at_on_a_queue_of_its_own(lea: Caller, looker: Caller, redis: Redis) -> None:
    video = lea.upload()
    assert queue.head(redis, "inspecting", 10) == [f"inspect-{video['id']}"]
    assert needed(looker, video)


def test_a_good_one_shows_its_length_and_a_picture(
    lea: Caller, callers: dict[str, Caller], looker: Caller, worker: Worker, catalog: None
) -> None:
    video = lea.upload()
    look(looker, video, GOOD)
    found = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert (found["state"], found["duration_s"], found["is_video"]) == ("waiting", 61.5, True)
    assert found["facts"]["container"] == "mp4" and not found["playable"]
    picture = lea("GET", found["play"]["poster"])
    assert (picture.data, picture.mimetype) == (PICTURE, "image/jpeg")
    problem(callers["max"]("GET", found["play"]["poster"], headers={"Accept": "application/json"}), 404, "not-found")
    assert all(task.is_short for task in Task.select()), "a minute may pass the others"
    assert {row.is_short for row in Outbox.select()} <= {True}
    assert not needed(looker, video)
    worker.finish(worker.start(video["task"]))
    poster = lea("GET", f"/api/v1/videos/{video['id']}").get_json()["play"]["poster"]
    assert poster.endswith("thumbnail_1.jpg")


def test_a_bad_one_ends_in_words_while_others_work(lea: Caller, looker: Caller, redis: Redis) -> None:
    video = lea.upload()
    look(looker, video, BAD)
    found = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert found["state"] == "error" and found["task"]["error"]["code"] == "source-unreadable"
    assert found["task"]["error"]["sentence"] and found["task"]["error"]["needs_file"]
    assert queue.head(redis, "encoding", 10) == [], "its job waits for nothing"
    look(looker, video, BAD, 409)
    assert lea("POST", f"/api/v1/tasks/{found['task']['id']}/requeue").status_code == 202, "who doubts it may try"
    look(looker, video, BAD, 409)
    assert lea("GET", f"/api/v1/videos/{video['id']}").get_json()["state"] == "waiting"


def test_a_run_that_has_begun_tells_by_itself(lea: Caller, looker: Caller, worker: Worker) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    assert needed(looker, video), "it may run for hours without a picture"
    look(looker, video, BAD, 409)
    look(looker, video, GOOD)
    worker.report(order, "error", error_code="encode-failed", reason="x", source_s=61.0)
    facts = lea("GET", f"/api/v1/videos/{video['id']}").get_json()["facts"]
    assert (facts["container"], facts["duration_s"]) == ("mp4", 61.0)


def test_a_deleted_video_and_nonsense_are_refused(
    app: Flask, lea: Caller, looker: Caller, settings: Settings, catalog: None
) -> None:
    video = lea.upload()
    nonsense: tuple[dict[str, Any], ...] = (
        {},
        {"fault": {"code": "no-such-code"}},
        {**GOOD, "picture": "%"},
        {**GOOD, "picture": base64.b64encode(b"<svg>").decode()},
        {**GOOD, "duration_s": -1},
        {**GOOD, "facts": "x"},
        *({**GOOD, "facts": facts} for facts in WRONG_FACTS),
    )
    for said in nonsense:
        look(looker, video, said, 400)
    workers = User.get(User.name == "workers")
    other = Caller(app.test_client(use_cookies=False), users.create_token(workers, "x", now(), queues=["encoding"]))
    look(other, video, GOOD, 403)
    look(lea, video, GOOD, 403)
    assert lea("DELETE", f"/api/v1/videos/{video['id']}").status_code == 204
    look(looker, video, GOOD, 404)


def test_without_the_key_value_server_an_upload_is_accepted(
    lea: Caller, monkeypatch: pytest.MonkeyPatch, looker: Caller
) -> None:
    from redis.exceptions import ConnectionError

    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("pod_jobs.jobs.rq_classes.PodQueue.enqueue_call", away)
    assert needed(looker, lea.upload())


def test_facts_have_a_limit_and_are_told_once(lea: Caller, looker: Caller) -> None:
    video = lea.upload()
    look(looker, video, {**GOOD, "facts": {"a": "x" * 30_000}}, 400)
    look(looker, video, GOOD)
    look(looker, video, {**GOOD, "facts": {"container": "another"}}, 409)
    assert lea("GET", f"/api/v1/videos/{video['id']}").get_json()["facts"]["container"] == "mp4"
