"""Who gets which bytes of which file, finished or growing."""

import os
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import instance
from pod_jobs.storage import identity
from pod_jobs.storage.web_host_folder import OpenOutput, WebHostFolder
from pod_jobs.web.guards.file_parts import serve_ranges
from pod_jobs.web.media_files import listed_extent
from tests import planted
from tests.integration.web.conftest import CLIP, OUTPUT_FILES, Browser, Caller, Worker, problem

PLAYLIST = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-MAP:URI="360p.m4s",BYTERANGE="100@0"
#EXTINF:4.0,
#EXT-X-BYTERANGE:400@100
360p.m4s
#EXTINF:4.0,
#EXT-X-BYTERANGE:300@500
360p.m4s
"""
MEDIA = bytes(range(250)) * 8  # 2000 bytes, of which 800 are listed


@pytest.fixture
def published(lea: Caller, worker: Worker) -> str:
    order = worker.start(lea.upload(title="Été: «5/3»")["task"])
    worker.finish(order)
    return f"/media/{order['video']}/encode-{order['task']}-g1"


@pytest.fixture
def growing(lea: Caller, worker: Worker) -> str:
    order = worker.start(lea.upload()["task"])
    worker.write(order, {"master.m3u8": b"#EXTM3U\n", "360p.m3u8": PLAYLIST, "360p.m4s": MEDIA}, part=True)
    return f"/media/{order['video']}/encode-{order['task']}-g1"


def test_finished_files_have_our_types_and_stay_for_ever(lea: Caller, published: str) -> None:
    types = {
        "master.m3u8": "application/vnd.apple.mpegurl",
        "360p.mp4": "video/mp4",
        "audio.mp3": "audio/mpeg",
        "storyboard.vtt": "text/vtt; charset=utf-8",
        "thumbnail_1.jpg": "image/jpeg",
        "encoding.log": "text/plain; charset=utf-8",
    }
    for name, mime in types.items():
        response = lea("GET", f"{published}/{name}")
        assert (response.status_code, response.data) == (200, OUTPUT_FILES[name])
        assert response.headers["Content-Type"] == mime
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "private, no-cache" and "Cookie" in response.headers["Vary"]
        again = lea("GET", f"{published}/{name}", headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304 and again.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("wanted", "status", "content_range"),
    [
        ("bytes=0-9", 206, "bytes 0-9/4096"),
        ("bytes=4090-", 206, "bytes 4090-4095/4096"),
        ("bytes=-6", 206, "bytes 4090-4095/4096"),
        ("bytes=4090-9999", 206, "bytes 4090-4095/4096"),
        ("bytes=4096-", 416, "bytes */4096"),
        ("bytes=0-1,4-5", 416, "bytes */4096"),
    ],
)
def test_ranges_of_a_finished_file(lea: Caller, published: str, wanted: str, status: int, content_range: str) -> None:
    response = lea("GET", f"{published}/360p.mp4", headers={"Range": wanted})
    assert (response.status_code, response.headers["Content-Range"]) == (status, content_range)
    if status == 206:
        start, stop = content_range.removeprefix("bytes ").split("/")[0].split("-")
        assert response.data == OUTPUT_FILES["360p.mp4"][int(start) : int(stop) + 1]


def test_a_download_is_named_like_the_video(lea: Caller, published: str) -> None:
    disposition = lea("GET", f"{published}/360p.mp4?download").headers["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert "filename*=UTF-8''%C3%89t%C3%A9%20%C2%AB5%203%C2%BB%20%28360p%29.mp4" in disposition, disposition


def test_only_who_may_see_the_video_gets_its_files(callers: dict[str, Caller], published: str, growing: str) -> None:
    for path in (f"{published}/360p.mp4", f"{published}/encoding.log", f"{growing}/360p.m3u8"):
        problem(callers["max"]("GET", path), 404, "not-found")
        assert callers["tina"]("GET", path).status_code == 200
        assert callers["léa"].client.get(path).status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "../source",
        "..%2fsource",
        "%2e%2e/source",
        "done.json%00.mp4",
        ".hidden.mp4",
        "source",
        "lock",
        "360p.exe",
        "none.mp4",
    ],
)
def test_names_that_are_no_output(lea: Caller, worker: Worker, published: str, name: str) -> None:
    folder = worker.media / published.replace("/media/1/", "videos/000001/")
    (folder / ".hidden.mp4").write_bytes(b"x")
    (folder / "360p.exe").write_bytes(b"x")
    assert lea("GET", f"{published}/{name}").status_code == 404


def test_folders_that_are_not_this_videos(lea: Caller, published: str, growing: str) -> None:
    for folder in ("..", "encode-1-g1.part", "encode-1-g2", "encode-2-g1", "transcribe-1-g1", "lock"):
        assert lea("GET", f"/media/1/{folder}/360p.mp4").status_code == 404
    assert lea("GET", f"{growing.replace('/media/2/', '/media/1/')}/360p.m3u8").status_code == 404


def test_growing_playlists_are_never_kept(lea: Caller, growing: str) -> None:
    for name in ("master.m3u8", "360p.m3u8"):
        response = lea("GET", f"{growing}/{name}")
        assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("wanted", "content_range"),
    [
        ("bytes=0-99", "bytes 0-99/*"),
        ("bytes=100-499", "bytes 100-499/*"),
        ("bytes=500-799", "bytes 500-799/*"),
        ("bytes=600-", "bytes 600-799/*"),
        ("bytes=500-800", None),
        ("bytes=800-", None),
        ("bytes=-100", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("", None),
    ],
)
def test_of_a_growing_file_only_what_is_listed(
    lea: Caller, growing: str, wanted: str, content_range: str | None
) -> None:
    response = lea("GET", f"{growing}/360p.m4s", headers={"Range": wanted})
    assert response.status_code == (206 if content_range else 416)
    if content_range:
        start, stop = content_range.removeprefix("bytes ").removesuffix("/*").split("-")
        assert response.headers["Content-Range"] == content_range
        assert response.data == MEDIA[int(start) : int(stop) + 1]
        assert response.content_length == len(response.data) and response.headers["Cache-Control"] == "no-store"


def test_a_file_of_which_nothing_can_be_served_is_closed(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(MEDIA)
    file = (tmp_path / "film").open("rb")
    with app.test_request_context(headers={"Range": "bytes=9999-"}), pytest.raises(RequestedRangeNotSatisfiable):
        serve_ranges(file, "video/mp4")
    assert file.closed


def test_the_address_stays_the_same_over_the_rename(lea: Caller, worker: Worker, growing: str) -> None:
    folder = worker.media / growing.replace("/media/1/", "videos/000001/")
    folder.with_name(folder.name + ".part").rename(folder)
    response = lea("GET", f"{growing}/360p.m4s", headers={"Range": "bytes=1000-1999"})
    assert (response.status_code, response.data) == (206, MEDIA[1000:])
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_a_run_that_is_published_while_a_file_is_asked_for(
    lea: Caller, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was opened while it grew, and the run is done a moment later: who watches must not get a 404."""
    order = worker.start(lea.upload()["task"])
    worker.write(order, {"360p.m3u8": PLAYLIST, "360p.m4s": MEDIA}, part=True)
    opened = WebHostFolder.open_output

    def open_output(folder: WebHostFolder, video: int, run: str, name: str) -> OpenOutput | None:
        found = opened(folder, video, run, name)
        path = worker.media / worker.folder(order)
        if not path.exists():
            path.with_name(path.name + ".part").rename(path)
            worker.finish(order)
        return found

    monkeypatch.setattr(WebHostFolder, "open_output", open_output)
    response = lea("GET", "/media/1/encode-1-g1/360p.m4s", headers={"Range": "bytes=100-799"})
    assert (response.status_code, response.data) == (206, MEDIA[100:800])


MASTER = b"""#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="1",URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO="sound"
360p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=5000000,AUDIO="sound"
1080p.m3u8
"""
PART = {
    "encoding.log": b"$ ffmpeg\n",
    "master.m3u8": MASTER,
    "360p.m3u8": PLAYLIST,
    "360p.m4s": MEDIA,
    "audio.m3u8": PLAYLIST.replace(b"360p", b"audio"),
    "audio.m4s": MEDIA,
    "360p.mp4": b"x",
    "index.vtt": b"x",
}
ENDED = "/media/1/encode-1-g1"


def test_of_a_failed_run_what_was_encoded_is_served(lea: Caller, worker: Worker, callers: dict[str, Caller]) -> None:
    order = worker.start(lea.upload(title="Été: «5/3»")["task"])
    worker.write(order, PART, part=True)
    worker.report(order, "error", error_code="encode-failed", reason="x")
    assert lea("GET", f"{ENDED}/encoding.log").data == b"$ ffmpeg\n"
    master = lea("GET", f"{ENDED}/master.m3u8")
    assert master.text.splitlines() == MASTER.decode().splitlines()[:-2], "1080p is not there"
    assert master.headers["Cache-Control"] == "no-store"
    assert lea("GET", f"{ENDED}/360p.m3u8").data == PLAYLIST + b"#EXT-X-ENDLIST\n", "no player waits for more"
    assert lea("GET", f"{ENDED}/360p.m4s", headers={"Range": "bytes=600-"}).data == MEDIA[600:800]
    assert lea("GET", f"{ENDED}/360p.m4s", headers={"Range": "bytes=800-"}).status_code == 416
    saved = lea("GET", f"{ENDED}/360p.m4s?download")
    assert (saved.status_code, saved.data, saved.content_length) == (200, MEDIA[:800], 800)
    assert 'filename="_t_ _5 3_ (360p).mp4"' in saved.headers["Content-Disposition"]
    for name in ("360p.mp4", "index.vtt"):
        assert lea("GET", f"{ENDED}/{name}").status_code == 404, name
    assert callers["max"]("GET", f"{ENDED}/360p.m3u8").status_code == 404
    lea("POST", "/api/v1/tasks/1/requeue")
    assert lea("GET", f"{ENDED}/360p.m3u8").status_code == 404, "of an earlier run"


def test_what_a_person_stopped_shows_its_log_and_nothing_else(lea: Caller, worker: Worker) -> None:
    order = worker.start(lea.upload()["task"])
    worker.write(order, PART, part=True)
    worker.report(order, "cancelled")
    assert lea("GET", f"{ENDED}/encoding.log").data == b"$ ffmpeg\n"
    assert lea("GET", f"{ENDED}/360p.m3u8").status_code == 404


def test_the_page_of_a_failed_task_offers_what_was_encoded(
    lea: Caller, worker: Worker, browser: Browser, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = worker.start(lea.upload()["task"])
    worker.write(order, PART, part=True)
    worker.report(order, "error", error_code="encode-failed", reason="x")
    group = Task.get().error_group
    browser.sign_in("tina")
    pages = ("/team/tasks/1", f"/team/errors/{group}")
    for path in pages:
        assert 'href="/team/tasks/1/part"' in browser.get(path).text, path
    page = browser.get("/team/tasks/1/part").text
    assert f'data-master="{ENDED}/master.m3u8"' in page and "the beginning, 8 sec" in page
    assert [f"{ENDED}/{name}?download" in page for name in ("360p.m4s", "audio.m4s")] == [True, True]
    folder = worker.media / "videos/000001/encode-1-g1.part"
    (folder / "360p.m3u8").write_text("#EXTM3U\n#EXTINF:1e999,\n#EXT-X-BYTERANGE:1@1\n")
    (folder / "audio.m3u8").write_text("no playlist")
    assert "Nothing that can be played is left" in browser.get("/team/tasks/1/part").text
    monkeypatch.setattr(
        "pod_jobs.web.failed_parts.parse_playlist", lambda text: pytest.fail("only the page of it reads any")
    )
    for path in pages:
        assert 'href="/team/tasks/1/part"' in browser.get(path).text, path
    (folder / "master.m3u8").unlink()
    for path in (*pages, "/team/tasks/1/part"):
        found = browser.get(path).text
        assert "Nothing that can be played is left" in found and 'href="/team/tasks/1/part"' not in found, path
    browser.send("POST", "/sign-out")
    browser.sign_in("max")
    assert browser.get("/team/tasks/1/part").status_code == 404


def test_a_playlist_that_was_blown_up_fills_no_memory(lea: Caller, worker: Worker, growing: str) -> None:
    """As one leaves who has taken an encoder over: sparse, of many gigabytes."""
    folder = worker.media / f"{growing.replace('/media/1/', 'videos/000001/')}.part"
    with (folder / "360p.m3u8").open("r+b") as playlist:
        playlist.truncate(20_000_000_000)
    assert lea("GET", f"{growing}/360p.m3u8").status_code == 503
    assert lea("GET", f"{growing}/360p.m4s", headers={"Range": "bytes=0-9"}).status_code == 503
    assert listed_extent(f"#EXT-X-BYTERANGE:1{'0' * 5000}@0") == 0


def test_a_growing_log_is_served_as_long_as_it_is(lea: Caller, worker: Worker) -> None:
    order = worker.start(lea.upload()["task"])
    worker.write(order, {"encoding.log": b"x" * 300_000}, part=True)
    assert lea("GET", "/media/1/encode-1-g1/encoding.log").data == b"x" * 300_000


def test_a_deleted_video_is_gone_at_once(lea: Caller, published: str) -> None:
    lea("DELETE", "/api/v1/videos/1")
    assert lea("GET", f"{published}/360p.mp4").status_code == 404


def test_what_a_playlist_lists() -> None:
    assert listed_extent(PLAYLIST.decode()) == 800
    assert listed_extent("#EXTM3U\n#EXTINF:4.0,\n") == 0


@pytest.mark.parametrize("kind", planted.KINDS)
def test_what_was_planted_in_a_work_folder_is_not_served_while_it_grows(
    lea: Caller, worker: Worker, growing: str, tmp_path: Path, kind: str
) -> None:
    secret = planted.make_secret(tmp_path / "outside")
    folder = worker.media / f"{growing.replace('/media/1/', 'videos/000001/')}.part"
    for name in ("encoding.log", "360p.m3u8", "360p.m4s", "x.json", "x.vtt", "done.json"):
        (folder / name).unlink(missing_ok=True)
        planted.KINDS[kind](folder / name, secret)
        response = lea("GET", f"{growing}/{name}", headers={"Range": "bytes=0-9"})
        assert response.status_code == 404 and planted.SECRET.encode() not in response.data, name
    assert planted.is_untouched(secret)


@pytest.mark.parametrize("kind", [kind for kind in planted.KINDS if kind != "hard link"])  # a backup makes those
def test_what_was_planted_in_a_published_folder_is_not_served(
    lea: Caller, worker: Worker, published: str, tmp_path: Path, kind: str
) -> None:
    secret = planted.make_secret(tmp_path / "outside")
    folder = worker.media / published.replace("/media/1/", "videos/000001/")
    for name in ("encoding.log", "360p.mp4", "x.json", "x.vtt"):
        (folder / name).unlink(missing_ok=True)
        planted.KINDS[kind](folder / name, secret)
        assert lea("GET", f"{published}/{name}").status_code == 404, name
    planted.KINDS[kind](folder.with_name("encode-1-g7"), secret.parent / "secret")
    assert lea("GET", "/media/1/encode-1-g7/secret.json").status_code == 404
    assert planted.is_untouched(secret)


def test_the_result_of_a_run_is_not_for_everybody(lea: Caller, worker: Worker, published: str) -> None:
    folder = worker.media / published.replace("/media/1/", "videos/000001/")
    (folder / "done.json").write_text("{}")
    assert lea("GET", f"{published}/done.json").status_code == 404


def test_a_file_with_a_second_name_in_a_backup_is_served(lea: Caller, worker: Worker, published: str) -> None:
    path = worker.media / published.replace("/media/1/", "videos/000001/") / "360p.mp4"
    os.link(path, worker.media / "backup")
    assert lea("GET", f"{published}/360p.mp4").status_code == 200


@pytest.mark.usefixtures("catalog")
def test_a_media_folder_that_is_away_is_no_404(lea: Caller, worker: Worker, published: str) -> None:
    identity.write(worker.media, "the-right-one")
    instance.remember_media_identity("the-right-one")
    assert lea("GET", f"{published}/360p.mp4").status_code == 200
    worker.media.rename(worker.media.with_name("unmounted"))
    worker.media.mkdir()
    problem(lea("GET", f"{published}/360p.mp4"), 503, "service-unavailable")
    for method, path in (("POST", "/api/v1/videos?name=a.mp4"), ("PUT", "/api/v1/videos?name=a.mp4")):
        problem(lea(method, path, data=CLIP), 503, "service-unavailable")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "100", "Upload-Metadata": "filename YS5tcDQ="}
    assert lea("POST", "/api/v1/uploads", headers=tus).status_code == 503
    assert list(worker.media.iterdir()) == [], "nothing was written under the mount point"
