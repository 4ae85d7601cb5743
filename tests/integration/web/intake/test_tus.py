"""tus 1.0: what a resuming client relies on, and what happens when things break in the middle."""

import base64
import errno
import fcntl
import io
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from pod_jobs.catalog.models import Upload, Video
from pod_jobs.errors import DiskFull
from pod_jobs.jobs import queue
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.intake import orders, received_files
from tests.integration.web.conftest import CLIP, Browser, Caller, problem

TUS = {"Tus-Resumable": "1.0.0"}


class Client:
    """A tus client of one caller."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def create(self, size: int = len(CLIP), **metadata: str) -> str:
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        response = self.request("POST", "/api/v1/uploads", {"Upload-Length": str(size), "Upload-Metadata": pairs})
        assert response.status_code == 201, response.text
        return response.headers["Location"].removeprefix("http://pod.test")

    def send(self, path: str, offset: int, content: bytes, **options: Any) -> TestResponse:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self.request("PATCH", path, headers, data=content, **options)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        return self.caller(method, path, headers={**TUS, **(headers or {})}, **options)

    def offset(self, path: str) -> int:
        response = self.request("HEAD", path)
        assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
        return int(response.headers["Upload-Offset"])


@pytest.fixture
def tus(lea: Caller) -> Client:
    return Client(lea)


def files(settings: Settings) -> list[str]:
    return sorted(str(p.relative_to(settings.media_folder)) for p in settings.media_folder.rglob("*") if p.is_file())


def test_the_server_says_what_it_can_do(lea: Caller) -> None:
    response = lea.client.options("/api/v1/uploads")  # without a sign-in
    assert response.status_code == 204 and response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Extension"] == "creation,termination,expiration"
    assert response.headers["Tus-Max-Size"] == "20000000000"


def test_an_upload_in_pieces_becomes_a_video(tus: Client, settings: Settings, redis: Redis) -> None:
    path = tus.create(filename="été/Cours 2.mp4", title="")
    assert tus.offset(path) == 0
    first = tus.send(path, 0, CLIP[:5000])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "5000") and first.headers["Upload-Expires"]
    assert "Video-Id" not in first.headers
    assert tus.offset(path) == 5000
    last = tus.send(path, 5000, CLIP[5000:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(CLIP)))
    assert last.headers["Video-Url"] == "http://pod.test/videos/1" and last.headers["Video-Id"] == "1"
    assert files(settings) == ["videos/000001/source"]
    assert (settings.media_folder / "videos/000001/source").read_bytes() == CLIP
    video = tus.caller("GET", "/api/v1/videos/1").get_json()
    assert (video["title"], video["source"]["name"]) == ("Cours 2", "Cours 2.mp4")
    assert queue.fetch(redis, f"encode-{video['task']['id']}-g1") is not None


def test_whoever_did_not_hear_of_the_end_learns_it_and_makes_no_second_video(tus: Client, catalog: None) -> None:
    path = tus.create()
    tus.send(path, 0, CLIP)
    for _ in range(2):
        look = tus.request("HEAD", path)
        assert (look.headers["Upload-Offset"], look.headers["Video-Id"]) == (str(len(CLIP)), "1")
        again = tus.send(path, len(CLIP), b"")
        assert (again.status_code, again.headers["Video-Id"]) == (204, "1")
    assert Video.select().count() == 1


def test_a_piece_for_another_place_is_refused(tus: Client) -> None:
    path = tus.create()
    tus.send(path, 0, CLIP[:100])
    for offset in (0, 99, 101):
        problem(tus.send(path, offset, CLIP[offset:]), 409, "upload-offset")
    assert tus.offset(path) == 100


def test_a_cut_line_keeps_what_arrived(tus: Client) -> None:
    path = tus.create()
    announced = {"CONTENT_LENGTH": str(len(CLIP))}
    assert tus.send(path, 0, CLIP[:7000], environ_overrides=announced).headers["Upload-Offset"] == "7000"
    assert tus.offset(path) == 7000
    assert tus.send(path, 7000, CLIP[7000:]).headers["Video-Id"] == "1"


def test_one_request_at_a_time(tus: Client, settings: Settings) -> None:
    path = tus.create()
    with (settings.media_folder / "uploads" / path.rpartition("/")[2]).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for response in (tus.send(path, 0, CLIP), tus.request("DELETE", path)):
            problem(response, 423, "upload-busy")
    assert tus.send(path, 0, CLIP).status_code == 204


def test_more_than_announced_is_refused(tus: Client, catalog: None) -> None:
    path = tus.create(size=100)
    problem(tus.send(path, 0, CLIP), 400, "malformed")
    assert Video.select().count() == 0


@pytest.mark.parametrize("pieces", [1, 3])
def test_what_is_no_recording_is_refused_and_forgotten(tus: Client, settings: Settings, pieces: int) -> None:
    content = b"#EXTM3U\n" + b"a\n" * 5000
    path = tus.create(size=len(content))
    size = -(-len(content) // pieces)
    for n in range(pieces):
        response = tus.send(path, n * size, content[n * size : (n + 1) * size])
        if response.status_code != 204:
            break
    problem(response, 415, "source-playlist")
    assert files(settings) == []
    assert tus.request("HEAD", path).status_code == 404


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("0", 422, "source-empty"),
        ("20000000001", 413, "source-too-large"),
        ("-1", 400, "malformed"),
        ("", 400, "malformed"),
        ("1x", 400, "malformed"),
        ("\xb2", 400, "malformed"),  # a digit of Unicode
        ("9" * 17, 413, "source-too-large"),
        ("9" * 18, 400, "malformed"),
    ],
)
def test_sizes_that_cannot_be(tus: Client, length: str, status: int, code: str) -> None:
    problem(tus.request("POST", "/api/v1/uploads", {"Upload-Length": length}), status, code)


def test_the_protocol_is_kept(tus: Client) -> None:
    path = tus.create()
    old = tus.caller("HEAD", path, headers={"Tus-Resumable": "0.2.2"})
    assert (old.status_code, old.headers["Tus-Version"]) == (412, "1.0.0")
    assert tus.request("PATCH", path, {"Upload-Offset": "0"}, data=CLIP, content_type="text/plain").status_code == 415
    metadata = {"Upload-Length": "5", "Upload-Metadata": "filename ###"}
    problem(tus.request("POST", "/api/v1/uploads", metadata), 400, "malformed")


def test_termination(tus: Client, settings: Settings) -> None:
    path = tus.create()
    tus.send(path, 0, CLIP[:10])
    assert tus.request("DELETE", path).status_code == 204
    assert files(settings) == []
    for response in (tus.send(path, 10, CLIP[10:]), tus.request("DELETE", path)):
        problem(response, 404, "not-found")


def test_nobody_sees_anothers_upload(tus: Client, callers: dict[str, Caller]) -> None:
    path = tus.create()
    for name in ("max", "tina", "ada"):
        stranger = Client(callers[name])
        assert stranger.request("HEAD", path).status_code == 404
        for response in (stranger.send(path, 0, CLIP), stranger.request("DELETE", path)):
            problem(response, 404, "not-found")


def test_no_room_refuses_at_the_start(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", "9000000")
    caller = Caller(create_app(load(settings.home)).test_client(), tokens["léa"])
    response = Client(caller).request("POST", "/api/v1/uploads", {"Upload-Length": "10"})
    assert "the work continues when there is space again" in problem(response, 507, "disk-full")["title"]


def test_what_must_stay_free_stays_free_while_a_body_comes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_JOBS_UPLOAD__FREE_GB", "9000000")
    with (tmp_path / "file").open("ab", buffering=0) as file, pytest.raises(DiskFull):
        received_files.receive(io.BytesIO(CLIP), file, load(settings.home), len(CLIP))


@contextmanager
def small_files() -> Iterator[None]:
    """No file may grow over 6000 bytes: the write that reaches it is cut short, the next one fails, as on a full disk.

    As short as can be: what pytest itself writes falls under it too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    action = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


def test_a_file_that_cannot_grow_keeps_what_it_could_take(tmp_path: Path, settings: Settings) -> None:
    with (tmp_path / "file").open("ab", buffering=0) as file, pytest.raises(OSError) as caught, small_files():
        received_files.receive(io.BytesIO(CLIP), file, settings, len(CLIP))
    assert caught.value.errno == errno.EFBIG
    assert (tmp_path / "file").read_bytes() == CLIP[:6000]


def test_a_disk_that_fills_up_in_the_middle_is_no_loss(tus: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tus.create()

    def fill_up(stream: IO[bytes], file: IO[bytes], *_: Any) -> None:
        file.write(stream.read(6000))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(received_files, "receive", fill_up)
        problem(tus.send(path, 0, CLIP), 507, "disk-full")
    assert tus.offset(path) == 6000
    assert tus.send(path, 6000, CLIP[6000:]).headers["Video-Id"] == "1"


def test_a_crash_before_the_commit_loses_nothing(
    tus: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, catalog: None
) -> None:
    """The last byte is on the disk, the video is not yet made: the next HEAD makes it."""
    path = tus.create()

    def crash(*_: Any) -> None:
        raise RuntimeError("the power goes off here")

    with monkeypatch.context() as patched:
        patched.setattr(orders, "finish_upload", crash)
        assert tus.send(path, 0, CLIP).status_code == 500
    assert Video.select().count() == 0
    assert tus.request("HEAD", path).headers["Video-Id"] == "1"
    assert files(settings) == ["videos/000001/source"]


def test_a_crash_after_the_commit_loses_nothing(
    tus: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, catalog: None, redis: Redis
) -> None:
    path = tus.create()

    def crash(*_: Any) -> None:
        raise RuntimeError("the power goes off here")

    with monkeypatch.context() as patched:
        patched.setattr(orders, "dispatch", crash)
        assert tus.send(path, 0, CLIP).status_code == 500
    assert (settings.media_folder / "videos/000001/source").read_bytes() == CLIP
    assert tus.request("HEAD", path).headers["Video-Id"] == "1"
    assert tus.send(path, len(CLIP), b"").headers["Video-Id"] == "1"
    assert Video.select().count() == 1 and Upload.get().video_id == 1


def test_a_page_uploads_with_its_session(browser: Browser) -> None:
    browser.sign_in("léa")
    refused = browser.client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": "5"})
    problem(refused, 403, "page-outdated")
    created = browser.send("POST", "/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(CLIP))})
    path = created.headers["Location"]
    assert path.startswith("/api/v1/uploads/")  # of whatever name the browser reached us by
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = browser.send("PATCH", path, headers=headers, data=CLIP)
    assert sent.headers["Video-Url"] == "/videos/1"
