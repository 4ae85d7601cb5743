"""The life of a video through the API: encoded by a stand-in, listed, ordered again, deleted."""

import base64
import io
import time
from typing import Any

import pytest
from peewee import Database
from redis import Redis

from pod_jobs.catalog.store import activity
from pod_jobs.jobs import queue
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from tests import outbox
from tests.integration.web.conftest import CLIP, OUTPUTS, Caller, Worker, problem


def test_the_outbox_is_empty_once_the_job_is_enqueued(lea: Caller, catalog: None) -> None:
    lea.upload()
    assert outbox.pending() == []


def test_a_finished_encode_is_shown_with_everything_to_play(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    assert order["source"] == f"{order['folder']}/source" and order["failures"] == 0
    assert lea("GET", f"/api/v1/videos/{video['id']}").get_json()["state"] == "running"
    worker.finish(order)
    video = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert (video["state"], video["playable"], video["duration_s"]) == ("ready", True, 12.5)
    folder = f"http://pod.test/media/{video['id']}/encode-{order['task']}-g1"
    assert video["play"]["master"] == f"{folder}/master.m3u8"
    assert [mp4["url"] for mp4 in video["play"]["mp4"]] == [f"{folder}/360p.mp4"]
    assert video["play"]["poster"] == f"{folder}/thumbnail_1.jpg"
    assert video["play"]["storyboard"] == f"{folder}/storyboard.vtt"
    assert video["outputs"][1]["path"] == f"videos/{video['id']:06d}/encode-{order['task']}-g1/360p.mp4"
    assert video["task"]["infos"] == {"wall_s": 3.0, "cpu_s": 6.5} and video["task"]["queued_s"] >= 0
    task = lea("GET", f"/api/v1/tasks/{order['task']}").get_json()
    assert [(a["number"], a["worker"], a["outcome"]) for a in task["attempts"]] == [(1, "encoding.host.1", "done")]


def test_the_owner_chooses_the_poster(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    second = {"kind": "thumbnail", "name": "thumbnail_2.jpg", "mime": "image/jpeg", "bytes": 3}
    worker.finish(order, outputs=[*OUTPUTS, second])
    path = f"/api/v1/videos/{video['id']}"

    def poster(**said: Any) -> str:
        return str(lea("PATCH", path, json=said).get_json()["play"]["poster"]).rpartition("/")[2]

    assert poster(poster="thumbnail_2.jpg") == "thumbnail_2.jpg"
    assert poster(title="Thermodynamics") == "thumbnail_2.jpg", "a new title changes no picture"
    problem(lea("PATCH", path, json={"poster": "360p.mp4", "title": "x"}), 404, "not-found")
    problem(lea("PATCH", path, json={"poster": 2}), 400, "malformed")
    problem(lea("PATCH", path, json={}), 400, "malformed")
    assert lea("GET", path).get_json()["title"] == "Thermodynamics", "what was refused changed nothing"
    again = lea("POST", f"{path}/encode").get_json()
    worker.finish(worker.start(again), outputs=[*OUTPUTS, second])
    assert lea("GET", path).get_json()["play"]["poster"].endswith("-g1/thumbnail_2.jpg"), (
        "a new encode keeps the choice"
    )
    assert poster(poster=None) == "thumbnail_1.jpg"


def test_a_running_encode_is_playable_from_its_first_segments_on(lea: Caller, worker: Worker, redis: Redis) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    said = {"step": "encode", "fraction": 0.25, "first_playable": False, "folder": worker.folder(order)}
    queue.write_progress(redis, order["task"], said)
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert shown["task"]["progress"]["fraction"] == 0.25
    assert (shown["playable"], shown["play"]["master"]) == (False, None)
    queue.write_progress(redis, order["task"], {**said, "first_playable": True, "duration_s": 95.5, "is_video": True})
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert (shown["duration_s"], shown["is_video"]) == (95.5, True), "the time line shows the whole from the start"
    assert shown["playable"] and shown["play"]["master"].endswith(f"/encode-{order['task']}-g1/master.m3u8")


def test_an_error_is_told_in_words_and_the_task_can_run_again(lea: Caller, worker: Worker, redis: Redis) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    facts: dict[str, Any] = {
        "error_code": "source-too-long",
        "error_facts": {"limit": "12 h"},
        "reason": "duration 144000 s",
    }
    worker.report(order, "error", **facts)
    assert video["task"]["log_url"] is None
    video = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert video["state"] == "error"
    assert video["task"]["log_url"] == f"http://pod.test/media/{video['id']}/encode-{order['task']}-g1/encoding.log"
    assert video["task"]["error"] == {
        "code": "source-too-long",
        "sentence": "The recording is longer than the limit of 12 h.",
        "reason": "duration 144000 s",
        "needs_file": True,
    }
    queue.request_cancel(redis, order["task"], 1)  # an old wish must not end the new run
    again = lea("POST", f"/api/v1/tasks/{order['task']}/requeue")
    assert again.status_code == 202 and again.get_json()["generation"] == 2
    assert not queue.is_cancel_requested(redis, order["task"], 2)
    assert queue.fetch(redis, f"encode-{order['task']}-g2") is not None
    problem(lea("POST", f"/api/v1/tasks/{order['task']}/requeue"), 409, "task-open")


def test_cancelling_a_waiting_task_takes_it_out_of_the_queue(lea: Caller, worker: Worker, redis: Redis) -> None:
    task = lea.upload()["task"]
    assert lea("POST", f"/api/v1/tasks/{task['id']}/cancel").get_json()["state"] == "cancelled"
    assert queue.fetch(redis, f"encode-{task['id']}-g1") is None
    problem(lea("POST", f"/api/v1/tasks/{task['id']}/cancel"), 409, "task-ended")
    assert worker.start(task, 409)["code"] == "superseded"


def test_cancelling_a_running_task_tells_its_worker(lea: Caller, worker: Worker, redis: Redis) -> None:
    task = lea.upload()["task"]
    order = worker.start(task)
    cancelled = lea("POST", f"/api/v1/tasks/{task['id']}/cancel").get_json()
    assert (cancelled["state"], cancelled["cancel_requested"]) == ("running", True)
    assert queue.is_cancel_requested(redis, task["id"], 1)
    assert worker.start(task, 409)["code"] == "cancelled"
    assert worker.report(order, "cancelled")["state"] == "cancelled"


@pytest.mark.parametrize("outcome", ["cancelled", "error"])
def test_an_encode_that_makes_nothing_leaves_the_length_of_the_recording(
    lea: Caller, worker: Worker, redis: Redis, outcome: str
) -> None:
    video = lea.upload()

    def length() -> float | None:
        return lea("GET", f"/api/v1/videos/{video['id']}").get_json()["duration_s"]

    worker.report(worker.start(video["task"]), outcome, source_s=95.5)
    assert length() == 95.5
    cut = lea("POST", f"/api/v1/videos/{video['id']}/encode", json={"keep": [[0, 12.5]]}).get_json()
    order = worker.start(cut)
    queue.write_progress(redis, cut["id"], {"step": "encode", "fraction": 0.25, "duration_s": 12.5})
    assert length() == 12.5, "the time line is that of what can be watched already"
    worker.report(order, outcome)
    queue.clear_progress(redis, cut["id"])
    assert length() == 95.5
    worker.finish(worker.start(lea("POST", f"/api/v1/videos/{video['id']}/encode").get_json()))
    assert length() == 12.5
    worker.report(worker.start(lea("POST", f"/api/v1/videos/{video['id']}/encode").get_json()), outcome, source_s=95.5)
    assert length() == 12.5, "what is published stays what is shown"


def test_encoding_again_keeps_what_is_published_until_then(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    problem(lea("POST", f"/api/v1/videos/{video['id']}/encode"), 409, "task-under-way")
    worker.finish(worker.start(video["task"]))
    ordered = lea("POST", f"/api/v1/videos/{video['id']}/encode")
    assert ordered.status_code == 202
    video = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert (video["state"], video["task"]["id"]) == ("ready", ordered.get_json()["id"])
    assert "-1-g1/" in video["play"]["master"] and len(video["tasks"]) == 2


def test_a_cut_is_ordered_and_handed_to_the_worker(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    order = worker.start(video["task"])
    assert order["options"] == {}
    worker.finish(order)
    address = f"/api/v1/videos/{video['id']}/encode"
    wrongs: tuple[Any, ...] = (
        [],
        {"keep": [[5, 1]]},
        {"keep": [[1]]},
        {"keep": [[-1, 5]]},
        {"keep": [["1", "5"]]},
        {"keep": [[True, 5]]},
        {"keep": "1-5"},
        {"keep": [[n, n + 1] for n in range(51)]},
        {"cut": [[1, 5]]},
    )
    for wrong in wrongs:
        problem(lea("POST", address, json=wrong), 400, "malformed")
    task = lea("POST", address, json={"keep": [[1, 5.5], [9, 12]]}).get_json()
    assert task["options"] == {"keep": [[1.0, 5.5], [9.0, 12.0]]}
    order = worker.start(task)
    assert order["options"] == task["options"]
    worker.report(order, "error", error_code="source-damaged")
    again = lea("POST", f"/api/v1/tasks/{task['id']}/requeue").get_json()
    assert worker.start(again)["options"] == task["options"]


def test_renaming_and_deleting(lea: Caller, worker: Worker, redis: Redis) -> None:
    video = lea.upload()
    address = f"/api/v1/videos/{video['id']}"
    assert lea("PATCH", address, json={"title": " Neu\x00 "}).get_json()["title"] == "Neu"
    problem(lea("PATCH", address, json={"title": "  "}), 409, "title-empty")
    problem(lea("PATCH", address, json=["title"]), 400, "malformed")
    worker.start(video["task"])
    assert lea("DELETE", address).status_code == 204
    assert queue.is_cancel_requested(redis, video["task"]["id"], 1)
    problem(lea("GET", address), 404, "not-found")


def test_lecturers_see_their_own_and_the_team_sees_all(callers: dict[str, Caller]) -> None:
    video = callers["léa"].upload()
    task_id, address = video["task"]["id"], f"/api/v1/videos/{video['id']}"
    for method, path in (
        ("GET", address),
        ("PATCH", address),
        ("DELETE", address),
        ("POST", f"{address}/encode"),
        ("GET", f"/api/v1/tasks/{task_id}"),
        ("POST", f"/api/v1/tasks/{task_id}/cancel"),
        ("POST", f"/api/v1/tasks/{task_id}/requeue"),
    ):
        problem(callers["max"](method, path, json={"title": "mine"}), 404, "not-found")
    for name, count in (("léa", 1), ("max", 0), ("tina", 1), ("ada", 1)):
        assert len(callers[name]("GET", "/api/v1/videos").get_json()["videos"]) == count
        assert len(callers[name]("GET", "/api/v1/tasks").get_json()["tasks"]) == count


def execute_noted(patched: pytest.MonkeyPatch, statements: list[str]) -> None:
    execute = Database.execute_sql

    def note(database: Database, sql: str, *arguments: Any, **options: Any) -> Any:
        statements.append(sql)
        return execute(database, sql, *arguments, **options)

    patched.setattr(Database, "execute_sql", note)


def test_lists_page_filter_and_cost_the_same_however_long(
    lea: Caller, worker: Worker, settings: Settings, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        lea.upload(name=f"Cours {n}.mp4")
    first = lea("GET", "/api/v1/videos?limit=2").get_json()
    assert [v["title"] for v in first["videos"]] == ["Cours 4", "Cours 3"]
    rest = lea("GET", f"/api/v1/videos?limit=200&before={first['next']}").get_json()
    assert [v["title"] for v in rest["videos"]] == ["Cours 2", "Cours 1", "Cours 0"] and rest["next"] is None
    assert [v["title"] for v in lea("GET", "/api/v1/videos?text=ours+3").get_json()["videos"]] == ["Cours 3"]
    worker.start(first["videos"][0]["task"])
    running = lea("GET", "/api/v1/tasks?state=running&state=error&kind=encode").get_json()["tasks"]
    assert [task["video"] for task in running] == [first["videos"][0]["id"]]
    problem(lea("GET", "/api/v1/tasks?state=done;drop"), 400, "malformed")
    problem(lea("GET", "/api/v1/videos?limit=-1"), 400, "malformed")
    lea("GET", "/api/v1/videos?limit=5")  # reads who waits at which place, which then holds for a second
    costs = []
    for limit in (1, 5):
        statements: list[str] = []
        with monkeypatch.context() as patched:
            execute_noted(patched, statements)
            lea("GET", f"/api/v1/videos?limit={limit}")
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 5, costs


def test_polling_what_did_not_change_costs_no_body(lea: Caller) -> None:
    lea.upload()
    first = lea("GET", "/api/v1/videos")
    again = lea("GET", "/api/v1/videos", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    lea.upload()
    assert lea("GET", "/api/v1/videos", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_while_redis_is_away_videos_are_taken_and_shown_and_the_outbox_remembers(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, catalog: None
) -> None:
    monkeypatch.setenv("POD_JOBS_REDIS__URL", "unix:///nowhere/redis.sock")
    caller = Caller(create_app(load(settings.home)).test_client(), tokens["léa"])
    video = caller.upload()
    assert video["task"]["queue_position"] == 1, "the catalog knows it"
    assert [row.job_id for row in outbox.pending()] == [f"encode-{video['task']['id']}-g1"]
    assert caller("POST", f"/api/v1/tasks/{video['task']['id']}/cancel").status_code == 202
    assert caller("POST", f"/api/v1/tasks/{video['task']['id']}/requeue").get_json()["generation"] == 2
    assert [row.job_id for row in outbox.pending()] == [f"encode-{video['task']['id']}-g2"]


def test_everything_people_do_is_noted(lea: Caller, catalog: None) -> None:
    video = lea.upload()
    lea("POST", f"/api/v1/tasks/{video['task']['id']}/cancel")
    lea("DELETE", f"/api/v1/videos/{video['id']}")
    noted = [(entry.who, entry.action, entry.subject) for entry in activity.page(activity.ActivityFilter(), 200)]
    assert noted == [("léa", "delete", "video 1"), ("léa", "cancel", "task 1"), ("léa", "upload", "video 1")]


def test_an_order_that_broke_off_before_its_body_is_none(lea: Caller, worker: Worker) -> None:
    """It would encode the whole recording where a part was wanted."""
    video = lea.upload()
    worker.finish(worker.start(video["task"]))
    broken = {
        "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": "20"},
        "input_stream": io.BytesIO(),
    }
    problem(lea("POST", f"/api/v1/videos/{video['id']}/encode", **broken), 400, "malformed")


def test_a_title_that_is_too_long_is_refused_and_never_cut(lea: Caller) -> None:
    video = lea.upload(title="é" * 250)
    assert video["title"] == "é" * 250
    problem(
        lea("POST", "/api/v1/videos", query_string={"name": "a.mp4", "title": "é" * 251}, data=CLIP), 400, "title-long"
    )
    began = time.process_time()
    document = problem(
        lea("PATCH", f"/api/v1/videos/{video['id']}", json={"title": "x" * 3_900_000}), 400, "title-long"
    )
    assert "250" in document["title"] and time.process_time() - began < 0.3
    form = {"title": "é" * 251, "file": (io.BytesIO(CLIP), "a.mp4")}
    problem(lea("POST", "/api/v1/videos", data=form), 400, "title-long")
    said = base64.b64encode(("é" * 251).encode()).decode()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": f"title {said}"}
    problem(lea("POST", "/api/v1/uploads", headers=tus), 400, "title-long")
    assert [row["title"] for row in lea("GET", "/api/v1/videos").get_json()["videos"]] == ["é" * 250]
