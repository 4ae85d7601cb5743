"""What one person may have under way."""

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from pod_jobs.catalog.models import Upload
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.intake import quotas
from pod_jobs.web.intake.received_files import GB
from tests.integration.web.conftest import CLIP, Caller, Worker, problem

TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("POD_JOBS_LIMITS__UPLOADS", "2")
    monkeypatch.setenv("POD_JOBS_LIMITS__WAITING", "2")
    return load(settings.home)


def begin(caller: Caller, size: int = 1000):
    return caller("POST", "/api/v1/uploads", headers={**TUS, "Upload-Length": str(size)})


def test_unfinished_uploads_have_a_limit_per_person(callers: dict[str, Caller]) -> None:
    lea = callers["léa"]
    first, second = begin(lea), begin(lea)
    assert (first.status_code, second.status_code) == (201, 201)
    said = problem(begin(lea), 429, "uploads-limit")
    assert said["title"].startswith("You have too many unfinished uploads (2)") and "48 h" in said["title"]
    assert begin(callers["max"]).status_code == 201, "one person's limit is not another's"
    assert lea("DELETE", re.sub("^http://pod.test", "", first.location), headers=TUS).status_code == 204
    assert begin(lea).status_code == 201


def test_requests_at_the_same_moment_find_the_limit_too(app: Flask, tokens: dict[str, str]) -> None:
    together = threading.Barrier(12)

    def one(_: int) -> int:
        lea = Caller(app.test_client(use_cookies=False), tokens["léa"])
        together.wait()
        return begin(lea).status_code

    with ThreadPoolExecutor(12) as threads:
        assert sorted(threads.map(one, range(12))) == [201, 201, *[429] * 10]


def test_waiting_tasks_have_a_limit_per_person(callers: dict[str, Caller], worker: Worker) -> None:
    lea = callers["léa"]
    first, second = lea.upload(), lea.upload()
    for refused in (begin(lea), lea("POST", "/api/v1/videos?name=a.mp4", data=CLIP)):
        assert problem(refused, 429, "waiting-limit")["title"].startswith("Too many of your tasks are waiting (2)")
    callers["max"].upload()
    worker.finish(worker.start(first["task"]))
    assert lea("POST", f"/api/v1/videos/{first['id']}/encode").status_code == 202
    lea("POST", f"/api/v1/tasks/{second['task']['id']}/cancel")
    lea.upload()
    problem(lea("POST", f"/api/v1/tasks/{second['task']['id']}/requeue"), 429, "waiting-limit")


def test_administrators_are_exempt(callers: dict[str, Caller]) -> None:
    for _ in range(3):
        assert begin(callers["ada"]).status_code == 201
        callers["ada"].upload()


@pytest.fixture
def room(settings: Settings, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes of uploads the disk takes, about: the settings keep the rest of it free."""
    free = shutil.disk_usage(settings.home).free
    room = min(free // 2, 10 * GB)
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", str((free - room) / GB))
    monkeypatch.setenv("POD_JOBS_LIMITS__UPLOADS", "20")
    monkeypatch.setenv("POD_JOBS_LIMITS__ROOM_PERCENT", "80")
    app = create_app(load(settings.home))
    for caller in callers.values():
        caller.client = app.test_client(use_cookies=False)
    return room


def test_a_new_upload_must_fit_beside_those_under_way(callers: dict[str, Caller], room: int) -> None:
    assert begin(callers["léa"], int(0.6 * room)).status_code == 201
    problem(begin(callers["max"], int(0.6 * room)), 507, "disk-full")
    announced = {"CONTENT_LENGTH": str(int(0.6 * room))}
    problem(callers["max"]("POST", "/api/v1/videos", environ_overrides=announced), 507, "disk-full")
    assert begin(callers["max"], int(0.2 * room)).status_code == 201


@pytest.mark.usefixtures("catalog")
def test_an_upload_that_does_not_move_gives_its_room_away(callers: dict[str, Caller], room: int) -> None:
    assert begin(callers["léa"], int(0.6 * room)).status_code == 201
    (upload,) = Upload.select()
    Upload.update(touched_at=upload.touched_at - quotas.RESERVED_FOR).execute()
    assert begin(callers["max"], int(0.6 * room)).status_code == 201


@pytest.mark.usefixtures("catalog")
def test_nobody_keeps_all_the_room_by_announcing(callers: dict[str, Caller], room: int) -> None:
    """Neither at once, nor after the first uploads no longer count as moving."""
    first = begin(callers["léa"], int(0.6 * room))
    said = problem(begin(callers["léa"], int(0.3 * room)), 429, "room-limit")
    assert "of the disk in all" in said["title"]
    (upload,) = Upload.select()
    Upload.update(touched_at=upload.touched_at - quotas.RESERVED_FOR).execute()
    problem(begin(callers["léa"], int(0.3 * room)), 429, "room-limit")
    assert begin(callers["max"], int(0.3 * room)).status_code == 201, "one person's share is not another's"
    assert callers["léa"]("DELETE", re.sub("^http://pod.test", "", first.location), headers=TUS).status_code == 204
    assert begin(callers["léa"], int(0.3 * room)).status_code == 201


def test_a_share_of_the_room_is_not_for_one_recording_either(callers: dict[str, Caller], room: int) -> None:
    problem(begin(callers["léa"], int(0.9 * room)), 429, "room-limit")
    assert begin(callers["ada"], int(0.9 * room)).status_code == 201, "administrators are exempt"


def test_a_small_share_is_said_in_a_unit_that_shows_it(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(settings.home).free
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", str((free - min(free // 2, 3 * GB)) / GB))
    monkeypatch.setenv("POD_JOBS_LIMITS__ROOM_PERCENT", "1")
    lea = Caller(create_app(load(settings.home)).test_client(use_cookies=False), tokens["léa"])
    for language, unit in (("en", " MB"), ("fr", "\u202fMo")):
        headers = {**TUS, "Upload-Length": str(GB // 10), "Accept-Language": language}
        said = problem(lea("POST", "/api/v1/uploads", headers=headers), 429, "room-limit")
        assert re.search(rf"\b[1-9]\d?([.,]\d+)?{unit}\b", said["title"]), said["title"]
