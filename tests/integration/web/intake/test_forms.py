"""A recording that comes as the body of one request, or in a form."""

import io
import os
import random
from pathlib import Path

import pytest
from redis import Redis

from pod_jobs.jobs import queue
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.intake.forms import Form
from tests.integration.web.conftest import CLIP, Caller, problem


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


def test_what_comes_before_the_file_is_not_read_as_the_file() -> None:
    words = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nthe file\r\n--x--\r\n'
    form = Form(io.BytesIO(words), "x")
    assert [form.read(100), form.read(100)] == [b"", b""]
    assert form.open_file("file") == "a"
    assert form.read(100) == b"the file"
    assert form.read(100) == b""


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
    for language, limit in (("en", "1 kB"), ("fr", "1\u202fko")):
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


def test_a_file_left_by_a_crash_is_in_nobodys_way(lea: Caller, settings: Settings) -> None:
    """The crash came after the file got its name and before the commit: no row has the number, the file is there. It could also
    be a recording that a restored database does not know. The janitor removes what was left (test_purge)."""
    left = settings.media_folder / "videos/000001/source"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"old")
    video = lea.upload()
    assert (video["id"], left.read_bytes()) == (2, b"old")
    assert (settings.media_folder / "videos/000002/source").read_bytes() == CLIP


def test_a_disk_without_hard_links_will_do(lea: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    video = lea.upload()
    assert (settings.media_folder / f"videos/{video['id']:06d}/source").read_bytes() == CLIP


def test_an_upload_can_say_what_its_encode_is_ordered_with(lea: Caller) -> None:
    document = lea.upload(options='{"keep": [[1, 2.5]]}')
    assert document["task"]["options"] == {"keep": [[1.0, 2.5]]}
    for wrong in ("{", "[]", "null", '{"keep": [[2, 1]]}', "[" * 50_000):
        refused = lea("POST", "/api/v1/videos", query_string={"name": "a.mp4", "options": wrong}, data=CLIP)
        problem(refused, 400, "malformed")
