"""Templates through the API: ordered by an upload or by a person, each with its own outputs."""

from werkzeug.test import TestResponse

from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from tests.integration.web.conftest import CLIP, Caller, Worker, problem


def encode(caller: Caller, video: int, **body: object) -> TestResponse:
    return caller("POST", f"/api/v1/videos/{video}/encode", json=body)


def test_a_template_on_demand_adds_downloads_and_leaves_the_player_alone(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    worker.finish(worker.start(video["task"]))
    before = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    ordered = encode(lea, video["id"], template="archive", keep=[[1, 2]])
    assert (ordered.status_code, ordered.get_json()["template"]) == (202, "archive")
    assert lea("GET", f"/api/v1/videos/{video['id']}").get_json()["state"] == "ready"
    order = worker.start(ordered.get_json())
    assert (order["template"], order["options"]) == ("archive", {"keep": [[1, 2]]})
    output = {"kind": "mp4", "name": "full.mp4", "mime": "video/mp4", "bytes": 3, "rendition": "full"}
    worker.write(order, {"full.mp4": b"abc"})
    worker.report(order, "done", result={"folder": worker.folder(order), "outputs": [output], "duration_s": 1.0})
    after = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert {name: after[name] for name in ("state", "play", "duration_s", "facts")} == {
        name: before[name] for name in ("state", "play", "duration_s", "facts")
    }
    assert after["task"]["id"] == video["task"]["id"]
    (full,) = [one for one in after["outputs"] if one["template"] == "archive"]
    assert [one for one in after["outputs"] if one["template"] == "web"] == before["outputs"]
    address = full["url"].removeprefix("http://pod.test")
    download = lea("GET", f"{address}?download")
    assert (download.data, download.mimetype) == (b"abc", "video/mp4")


def test_a_failed_template_shows_and_the_video_stays_ready(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    worker.finish(worker.start(video["task"]))
    order = worker.start(encode(lea, video["id"], template="audio").get_json())
    worker.report(order, "error", error_code="source-no-sound", reason="…")
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    assert (shown["state"], shown["task"]["state"]) == ("ready", "done")
    assert [(task["template"], task["state"]) for task in shown["tasks"]] == [("audio", "error"), ("web", "done")]
    assert shown["tasks"][0]["error"]["sentence"] == "The recording has no sound."
    assert lea("POST", f"/api/v1/tasks/{order['task']}/requeue").status_code == 202


def test_each_template_is_refused_only_beside_itself(lea: Caller) -> None:
    video = lea.upload()
    assert encode(lea, video["id"], template="archive").status_code == 202
    problem(encode(lea, video["id"], template="archive"), 409, "task-under-way")
    problem(encode(lea, video["id"]), 409, "task-under-way")


def test_a_template_that_nobody_knows(lea: Caller) -> None:
    video = lea.upload()
    assert "web, archive" in problem(encode(lea, video["id"], template="gone"), 400, "malformed")["detail"]
    problem(encode(lea, video["id"], template=["archive"]), 400, "malformed")


def test_sound_alone_has_no_versions_with_a_picture(lea: Caller, worker: Worker) -> None:
    video = lea.upload()
    worker.finish(worker.start(video["task"]), is_video=False)
    problem(encode(lea, video["id"], template="archive"), 422, "source-no-picture")
    assert encode(lea, video["id"], template="audio").status_code == 202
    assert encode(lea, video["id"]).status_code == 202


def test_an_upload_orders_the_automatic_ones_web_first(lea: Caller, settings: Settings) -> None:
    (settings.home / "settings.toml").write_text(
        '[[template]]\nname = "talk"\ntitle = {en = "Talk", fr = "Parole"}\nautomatic = true\ncontainer = "mp3"\n'
        "audio_kbps = 64\n"
    )
    caller = Caller(create_app(load(settings.home)).test_client(use_cookies=False), lea.token)
    video = caller("POST", "/api/v1/videos?name=a.mp4", data=CLIP).get_json()
    assert [(task["template"], task["queue_position"]) for task in video["tasks"]] == [("talk", 2), ("web", 1)]
    assert video["task"]["template"] == "web"
