"""The life of a video through the API: uploaded in one request, encoded by a stand-in, listed, ordered again, deleted."""

import io
import os
import random
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from redis import Redis

from pod_jobs.catalog.store import outbox, users
from pod_jobs.jobs import queue
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from tests.integration.web.conftest import CLIP, Caller, Worker, problem


def test_an_uploaded_file_becomes_a_video_whose_encode_waits_in_its_queue(
    lea: Caller, settings: Settings, redis: Redis
) -> None:
    video = lea.upload(name="C:\\fake\\..\\Cours_n° 1.mp4")
    assert (video["title"], video["source"]) == ("Cours n° 1", {"name": "Cours_n° 1.mp4", "bytes": len(CLIP)})
    assert (video["state"], video["playable"], video["owner"]) == ("waiting", False, "léa")
    task = video["task"]
    assert (task["kind"], task["generation"], task["queue_position"], task["progress"]) == ("encode", 1, 1, None)
    assert (settings.media_folder / f"videos/{video['id']:06d}/source").read_bytes() == CLIP
    assert list((settings.media_folder / "uploads").iterdir()) == []
    job = queue.fetch(redis, f"encode-{task['id']}-g1")
    assert job is not None and job.args == ["encode", {"task": task["id"], "generation": 1}]


def test_the_outbox_is_empty_once_the_job_is_enqueued(lea: Caller, catalog: None) -> None:
    lea.upload()
    assert outbox.pending() == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_title_may_be_given(lea: Caller, method: str) -> None:
    response = lea(method, "/api/v1/videos?name=a.mp4&title=%C3%89t%C3%A9%00%0A", data=CLIP)
    assert response.get_json()["title"] == "Été" and response.headers["Location"].endswith("/api/v1/videos/1")


def test_a_form_does_as_well_with_its_fields_before_or_behind_the_file(lea: Caller, settings: Settings) -> None:
    for fields in ({"title": "T", "file": "F"}, {"file": "F", "title": "T"}):
        form = {name: (io.BytesIO(CLIP), "../x.mp4") if value == "F" else value for name, value in fields.items()}
        video = lea("POST", "/api/v1/videos", data=form, content_type="multipart/form-data").get_json()
        assert (video["title"], video["source"]["name"], video["source"]["bytes"]) == ("T", "x.mp4", len(CLIP))
    assert (settings.media_folder / "videos/000002/source").read_bytes() == CLIP
    problem(
        lea("POST", "/api/v1/videos", data={"title": "no file"}, content_type="multipart/form-data"), 400, "malformed"
    )
    broken = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + CLIP
    problem(
        lea("POST", "/api/v1/videos", data=broken, content_type="multipart/form-data; boundary=x"), 400, "malformed"
    )


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "source-empty"),
        (b"hello, this is a text", 415, "source-not-media"),
        (b"\xef\xbb\xbf \n#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415, "source-playlist"),
        (b"PK\x03\x04" + bytes(100), 415, "source-not-media"),
        (b"\x00\x00\x00\x18ftypavif" + bytes(100), 415, "source-not-media"),
        (random.Random(1).randbytes(64) + bytes(10), 415, "source-not-media"),
    ],
)
def test_what_is_no_recording_is_refused_and_leaves_nothing(
    lea: Caller, settings: Settings, content: bytes, status: int, code: str
) -> None:
    document = problem(lea("POST", "/api/v1/videos?name=a.mp4", data=content), status, code)
    assert document["title"].endswith(".")
    assert lea("GET", "/api/v1/videos").get_json() == {"videos": [], "next": None}
    left = [path for path in settings.media_folder.rglob("*") if path.is_file()]
    assert left == []


def test_a_file_over_the_limit_is_refused_announced_or_not(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_UPLOAD__MAX_GB", "0.000001")
    caller = Caller(create_app(load(settings.home)).test_client(), tokens["léa"])
    for language, limit in (("en", "0.000001 GB"), ("fr", "0,000001\u202fGo")):
        answer = caller("POST", "/api/v1/videos", data=CLIP, headers={"Accept-Language": language})
        assert limit in problem(answer, 413, "source-too-large")["title"]
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    problem(caller("POST", "/api/v1/videos", data=CLIP, environ_overrides=chunked), 413, "source-too-large")
    assert list((settings.media_folder / "uploads").iterdir()) == []


def test_a_full_disk_refuses_before_a_byte_is_written(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", "9000000")
    caller = Caller(create_app(load(settings.home)).test_client(), tokens["léa"])
    problem(caller("POST", "/api/v1/videos", data=CLIP), 507, "disk-full")


def test_a_body_that_breaks_off_makes_no_video(lea: Caller, settings: Settings) -> None:
    announced = {"CONTENT_LENGTH": str(len(CLIP) + 1)}
    problem(lea("POST", "/api/v1/videos", data=CLIP, environ_overrides=announced), 400, "malformed")
    assert list((settings.media_folder / "uploads").iterdir()) == []


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
        "sentence": "The recording is longer than the allowed 12 h.",
        "reason": "duration 144000 s",
    }
    queue.request_cancel(redis, order["task"], 1)  # an old wish must not end the new run
    again = lea("POST", f"/api/v1/tasks/{order['task']}/requeue")
    assert again.status_code == 202 and again.get_json()["generation"] == 2
    assert not queue.is_cancel_requested(redis, order["task"], 2)
    assert queue.fetch(redis, f"encode-{order['task']}-g2") is not None
    problem(lea("POST", f"/api/v1/tasks/{order['task']}/requeue"), 409, "refused")


def test_cancelling_a_waiting_task_takes_it_out_of_the_queue(lea: Caller, worker: Worker, redis: Redis) -> None:
    task = lea.upload()["task"]
    assert lea("POST", f"/api/v1/tasks/{task['id']}/cancel").get_json()["state"] == "cancelled"
    assert queue.fetch(redis, f"encode-{task['id']}-g1") is None
    problem(lea("POST", f"/api/v1/tasks/{task['id']}/cancel"), 409, "refused")
    assert worker.start(task, 409)["code"] == "superseded"


def test_cancelling_a_running_task_tells_its_worker(lea: Caller, worker: Worker, redis: Redis) -> None:
    task = lea.upload()["task"]
    order = worker.start(task)
    cancelled = lea("POST", f"/api/v1/tasks/{task['id']}/cancel").get_json()
    assert (cancelled["state"], cancelled["cancel_requested"]) == ("running", True)
    assert queue.is_cancel_requested(redis, task["id"], 1)
    assert worker.start(task, 409)["code"] == "cancelled"
    assert worker.report(order, "cancelled")["state"] == "cancelled"


def test_encoding_again_keeps_what_is_published_until_then(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    problem(lea("POST", f"/api/v1/videos/{video['id']}/encode"), 409, "refused")
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
    problem(lea("PATCH", address, json={"title": "  "}), 409, "refused")
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
    assert video["task"]["queue_position"] is None
    assert [row.job_id for row in outbox.pending()] == [f"encode-{video['task']['id']}-g1"]
    assert caller("POST", f"/api/v1/tasks/{video['task']['id']}/cancel").status_code == 202
    assert caller("POST", f"/api/v1/tasks/{video['task']['id']}/requeue").get_json()["generation"] == 2
    assert [row.job_id for row in outbox.pending()] == [f"encode-{video['task']['id']}-g2"]


def test_results_that_point_elsewhere_are_rejected(lea: Caller, worker: Worker) -> None:
    order = worker.start(lea.upload()["task"])
    own = worker.folder(order)
    output = {"kind": "mp4", "mime": "video/mp4", "bytes": 1}
    results: tuple[dict[str, Any], ...] = (
        {"folder": "videos/000001/../../../etc", "outputs": []},
        {"folder": "videos/000002/encode-1-g1", "outputs": []},
        {"folder": own, "outputs": [{**output, "name": "../x"}]},
        {"folder": own, "outputs": [{**output, "name": ".hidden"}]},
        {"folder": own, "outputs": "all"},
        {"outputs": []},
        {},
    )
    for result in results:
        assert worker.report(order, "done", 422, result=result)["code"] == "result-rejected"
    assert worker.report(order, "made-up", 422)["code"] == "result-rejected"
    assert worker.report({**order, "generation": "1"}, "done", 400)["code"] == "malformed"
    assert worker.report({**order, "generation": 7}, "done", 409, result={"folder": own, "outputs": []})
    worker.finish(order)


def test_after_a_death_the_next_generation_is_enqueued_at_once(lea: Caller, worker: Worker, redis: Redis) -> None:
    order = worker.start(lea.upload()["task"])
    assert worker.report(order, "killed", reason="signal 9") == {"task": 1, "state": "waiting", "generation": 2}
    assert queue.fetch(redis, "encode-1-g2") is not None


def test_everything_people_do_is_noted(lea: Caller, catalog: None) -> None:
    video = lea.upload()
    lea("POST", f"/api/v1/tasks/{video['task']['id']}/cancel")
    lea("DELETE", f"/api/v1/videos/{video['id']}")
    noted = [(entry.who, entry.action, entry.subject) for entry in users.list_audit()]
    assert noted == [("léa", "delete", "video 1"), ("léa", "cancel", "task 1"), ("léa", "upload", "video 1")]


def test_a_file_left_by_a_crash_gives_way(lea: Caller, settings: Settings) -> None:
    """The crash came after the file got its name and before the commit: the number is free again, the file is there."""
    left = settings.media_folder / "videos/000001/source"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"old")
    lea.upload()
    assert left.read_bytes() == CLIP


def test_a_disk_without_hard_links_will_do(lea: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    video = lea.upload()
    assert (settings.media_folder / f"videos/{video['id']:06d}/source").read_bytes() == CLIP


def test_an_upload_can_say_what_its_encode_is_ordered_with(lea: Caller) -> None:
    document = lea.upload(options='{"keep": [[1, 2.5]]}')
    assert document["task"]["options"] == {"keep": [[1.0, 2.5]]}
    for wrong in ("{", "[]", '{"keep": [[2, 1]]}', "[" * 50_000):
        refused = lea("POST", "/api/v1/videos", query_string={"name": "a.mp4", "options": wrong}, data=CLIP)
        problem(refused, 400, "malformed")


def test_an_order_that_broke_off_before_its_body_is_none(lea: Caller, worker: Worker) -> None:
    """It would encode the whole recording where a part was wanted."""
    video = lea.upload()
    worker.finish(worker.start(video["task"]))
    broken = {
        "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": "20"},
        "input_stream": io.BytesIO(),
    }
    problem(lea("POST", f"/api/v1/videos/{video['id']}/encode", **broken), 400, "malformed")
