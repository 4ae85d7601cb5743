"""What an encode can be ordered with: other videos that one may see, and dressings of the settings."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import load
from pod_jobs.web.app import create_app
from tests.integration.web.conftest import CLIP, Caller, Worker, problem
from tests.integration.web.intake.test_tus import Client

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def order(caller: Caller, video: dict[str, Any], **options: Any) -> Any:
    caller("POST", f"/api/v1/tasks/{video['task']['id']}/cancel")
    return caller("POST", f"/api/v1/videos/{video['id']}/encode", json=options)


def test_other_videos_reach_the_worker_as_files(lea: Caller, worker: Worker) -> None:
    main, camera, credits_ = (lea.upload(title=title) for title in "abc")
    task = order(lea, main, second=camera["id"], layout="pipb", opening=credits_["id"], keep=[[1, 2]]).get_json()
    options = {"keep": [[1, 2]], "second": 2, "layout": "pip-bottom-right", "opening": 3}
    assert task["options"] == options
    started = worker.start(task)
    assert started["options"] == options
    assert started["others"] == {"second": "videos/000002/source", "opening": "videos/000003/source"}


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "side"},
        {"second": 1, "layout": "diagonal"},
        {"second": 1, "layout": ["side"]},
        {"second": "1"},
        {"second": True},
        {"opening": 0},
        {"dressing": "none such"},
        {"dressing": 5},
        {"watermark": "/etc/passwd"},
    ],
)
def test_what_is_no_option(lea: Caller, options: dict[str, Any]) -> None:
    problem(order(lea, lea.upload(), **options), 400, "malformed")


def test_many_parts_of_two_recordings_are_refused_at_the_order(lea: Caller) -> None:
    """At 1080p an encode of 25 runs out of memory; of 18 it does not."""
    main, camera = lea.upload(), lea.upload()
    parts = [[n, n + 0.5] for n in range(13)]
    said = problem(order(lea, main, second=camera["id"], keep=parts), 400, "too-many-ranges")
    assert "at most 12 parts" in said["title"]
    assert order(lea, main, second=camera["id"], keep=parts[:12]).status_code == 202
    assert order(lea, camera, keep=parts).status_code == 202


@pytest.mark.parametrize("name", ["second", "opening", "ending"])
def test_anothers_video_is_not_found(callers: dict[str, Caller], lea: Caller, name: str) -> None:
    hidden, own = callers["max"].upload(), lea.upload()
    problem(order(lea, own, **{name: hidden["id"]}), 404, "not-found")
    query = {"name": "a.mp4", "options": json.dumps({name: hidden["id"]})}
    problem(lea("POST", "/api/v1/videos", query_string=query, data=CLIP), 404, "not-found")
    assert order(callers["tina"], own, **{name: hidden["id"]}).status_code == 202


@pytest.mark.parametrize("name", ["second", "opening", "ending"])
def test_sound_alone_is_neither_credits_nor_a_second_picture(lea: Caller, worker: Worker, name: str) -> None:
    sound, main = lea.upload(), lea.upload()
    assert order(lea, main, **{name: sound["id"]}).status_code == 202, "nobody knows yet"
    worker.finish(worker.start(sound["task"]), is_video=False)
    said = problem(order(lea, lea.upload(), **{name: sound["id"]}), 422, f"source-{name}")
    assert said["title"].endswith("cannot be used. The recording has no picture.")


def test_an_upload_brings_its_options_along(lea: Caller) -> None:
    camera = lea.upload()
    options = json.dumps({"second": camera["id"]})
    wanted = {"second": camera["id"], "layout": "side"}
    assert lea.upload(options=options)["task"]["options"] == wanted
    tus = Client(lea)
    path = tus.create(filename="b.mp4", options=options)
    tus.send(path, 0, CLIP)
    assert lea("GET", "/api/v1/videos/3").get_json()["task"]["options"] == wanted
    problem(lea("POST", "/api/v1/videos?options={", data=CLIP), 400, "malformed")


def test_numbers_beyond_floats_and_none_at_all_are_malformed(lea: Caller) -> None:
    path = f"/api/v1/videos/{lea.upload()['id']}/encode"
    for number in ("1" + "0" * 400, "1e999", "Infinity", "NaN"):
        for pair in (f"[0, {number}]", f"[{number}, 9]"):
            answer = lea("POST", path, data=f'{{"keep": [{pair}]}}', content_type="application/json")
            problem(answer, 400, "malformed")


def test_an_order_without_a_length_counts(lea: Caller) -> None:
    """A client that sends in chunks: a cut that was asked for must not be dropped."""
    video = lea.upload()
    lea("POST", f"/api/v1/tasks/{video['task']['id']}/cancel")
    body = {"input_stream": BytesIO(b'{"keep": [[1, 2]]}'), "environ_overrides": {"wsgi.input_terminated": True}}
    answer = lea("POST", f"/api/v1/videos/{video['id']}/encode", content_type="application/json", **body)
    assert answer.get_json()["options"] == {"keep": [[1, 2]]}


def test_a_cut_behind_the_end_is_refused_when_the_length_is_known(lea: Caller, worker: Worker) -> None:
    """By the recording's own length: what is published may be cut shorter, or longer by credits."""
    video, camera = lea.upload(), lea.upload()
    path = f"/api/v1/videos/{video['id']}/encode"
    for one, length_s in ((video, 10.0), (camera, 70.0)):
        worker.finish(worker.start(one["task"]), duration_s=5.0, facts={"duration_s": length_s})
    refused = problem(lea("POST", path, json={"keep": [[60, 120]]}), 422, "source-cut-empty")
    assert "10.0 s" in refused["detail"]
    assert lea("GET", f"/api/v1/videos/{video['id']}").get_json()["task"]["state"] == "done"
    both = lea("POST", path, json={"keep": [[60, 120]], "second": camera["id"]})
    assert both.status_code == 202
    lea("POST", f"/api/v1/tasks/{both.get_json()['id']}/cancel")
    assert lea("POST", path, json={"keep": [[60, 120], [9, 99]]}).status_code == 202


def test_a_deleted_video_is_not_shown_again_by_an_older_order(lea: Caller) -> None:
    main, camera = lea.upload(), lea.upload()
    task = order(lea, main, second=camera["id"]).get_json()
    lea("POST", f"/api/v1/tasks/{task['id']}/cancel")
    tus = Client(lea)
    path = tus.create(filename="b.mp4", options=json.dumps({"second": camera["id"]}))
    lea("DELETE", f"/api/v1/videos/{camera['id']}")
    problem(lea("POST", f"/api/v1/tasks/{task['id']}/requeue"), 409, "task-other-gone")
    tus.send(path, 0, CLIP)
    uploaded = lea("GET", "/api/v1/videos/3").get_json()["task"]
    assert (uploaded["state"], uploaded["error"]["code"]) == ("error", "source-second")
    assert "?" not in uploaded["error"]["sentence"]
    assert uploaded["queue_position"] is None
    problem(lea("POST", f"/api/v1/tasks/{uploaded['id']}/requeue"), 409, "task-other-gone")


def test_dressings_come_from_the_settings(lea: Caller, home: Path, tokens: dict[str, str]) -> None:
    (home / "logo.png").write_bytes(PNG)
    (home / "settings.toml").write_text('[[dressing]]\nname = "Université"\nwatermark = "logo.png"\n')
    caller = Caller(create_app(load(home)).test_client(use_cookies=False), tokens["léa"])
    video = caller.upload()
    assert order(caller, video, dressing="Université").get_json()["options"] == {"dressing": "Université"}
    assert order(caller, caller.upload(), dressing="").get_json()["options"] == {"dressing": ""}


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('watermark = "none.png"', "watermark: none.png is no file"),
        ('watermark = "text.txt"', "is no PNG or JPEG picture"),
        ('opening = "logo.png"', "opening: logo.png is no video"),
        ('watermark = "logo.png"\nopacity_percent = 0', "greater than 0"),
        ('watermark = "logo.png"\ncorner = "middle"', "top-left"),
        ("", "give a watermark"),
        ('watermark = "logo.png"\n[[dressing]]\nname = "a"\nwatermark = "logo.png"', "same name"),
        (
            'watermark = "logo.png"\nautomatic = true\n[[dressing]]\nname = "b"\nwatermark = "logo.png"\nautomatic = true',
            "only one can be automatic",
        ),
    ],
)
def test_a_wrong_dressing_stops_the_start(home: Path, lines: str, fault: str) -> None:
    (home / "logo.png").write_bytes(PNG)
    (home / "text.txt").write_text("no picture")
    (home / "settings.toml").write_text(f'[[dressing]]\nname = "a"\n{lines}\n')
    with pytest.raises(SettingsError, match=fault):
        load(home)
