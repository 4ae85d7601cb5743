"""A worker without the media folder, beside a real web app: it fetches, sends while it grows, and has it published."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests

from pod_jobs.catalog.client import CatalogClient
from pod_jobs.errors import BadSource, Cancelled, FfmpegFailed, PodJobsError, Refused, ServiceUnavailable, Superseded
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from pod_jobs.storage import Run, WorkFolder, received_run, web_calls
from pod_jobs.storage.received_run import Announced, ReceivedRun
from pod_jobs.storage.web_host_folder import WebHostFolder
from tests.acceptance.site import Line, Site
from tests.clips import Clips
from tests.integration.storage.conftest import Far, tick
from tests.servers import wait_until
from tests.unit.media.samples import LIMITS

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=LIMITS)

pytestmark = pytest.mark.usefixtures("hasty")


def shown(work: WorkFolder, path: Path) -> int:
    """Have it sent; gives how many bytes have arrived at `path`."""
    work.show()
    return path.stat().st_size if path.exists() else 0


def has_arrived(work: WorkFolder, path: Path, size: int) -> bool:
    return shown(work, path) == size


def test_it_encodes_what_it_fetched_and_what_it_sent_is_published(far: Far, tools: Tools, tmp_path: Path) -> None:
    seen: set[str] = set()

    def look(_: object) -> None:
        work.show()
        seen.update(path.name for path in far.published.with_name(far.published.name + ".part").glob("*"))

    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        assert work.find_finished() is None
        source = far.storage.source(far.run, far.order.source)
        assert source.is_relative_to(tmp_path)
        encoded = encode(source, work.begin(), PLAN, tools, look)
        result = {**asdict(encoded), "folder": far.run.folder}
        wait_until(lambda: (look(None), "90p.m3u8" in seen)[1], 10, "it is seen while it grows")  # type: ignore[func-returns-value]
        work.publish(result)
    far.end("done", result=result)
    assert far.site.api("GET", f"videos/{far.video}")["state"] == "ready"
    assert {path.name for path in far.published.iterdir()} == {one.name for one in encoded.outputs} | {"done.json"}
    assert not list((tmp_path / "work/videos").glob("*/encode*"))
    assert far.storage.source(far.run, far.order.source) == source  # it is kept, and asks nobody


def test_a_growing_playlist_never_lists_more_than_was_sent(far: Far) -> None:
    part = far.published.with_name(far.published.name + ".part")
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        folder = work.begin()
        for count in range(1, 40):
            with (folder / "90p.m4s").open("ab") as file:
                file.write(bytes([count]) * 10_000)
            (folder / "new.tmp").write_text(f"#EXT-X-BYTERANGE:{count * 10_000}@0\n")
            (folder / "new.tmp").rename(folder / "90p.m3u8")  # as ffmpeg does
            work.show()
            listed = (part / "90p.m3u8").read_text() if (part / "90p.m3u8").exists() else ":0@"
            sent = (part / "90p.m4s").stat().st_size if (part / "90p.m4s").exists() else 0
            assert int(listed.partition(":")[2].partition("@")[0]) <= sent
            time.sleep(0.01)  # as an encoder that writes now and then
        wait_until(lambda: shown(work, part / "90p.m4s") == 390_000, 10, "all is shown")
        assert (part / "90p.m4s").read_bytes() == (folder / "90p.m4s").read_bytes()
        work.publish({"outputs": []})
    assert (far.published / "90p.m4s").stat().st_size == 390_000


def test_a_cut_line_delays_and_loses_nothing(site: Site, clips: Clips, tmp_path: Path) -> None:
    line = Line(site.port)
    far = Far(site, clips.path("plain.mp4"), tmp_path / "work", line.url)
    line.cut()
    threading.Timer(0.5, line.mend).start()
    content = os.urandom(3_000_000)
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        source = far.storage.source(far.run, far.order.source)
        assert source.read_bytes() == clips.path("plain.mp4").read_bytes()
        folder = work.begin()
        (folder / "90p.mp4").write_bytes(content)
        (folder / "90p.m4s").write_bytes(content[:1000])
        line.cut()
        work.show()
        threading.Timer(0.5, line.mend).start()
        work.publish({"outputs": []})
    assert (far.published / "90p.mp4").read_bytes() == content


def test_bytes_that_changed_after_they_were_sent_are_sent_again(far: Far) -> None:
    part = far.published.with_name(far.published.name + ".part")
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        folder = work.begin()
        (folder / "90p.m4s").write_bytes(b"a" * 1000)
        wait_until(lambda: shown(work, part / "90p.m4s"), 10, "it was sent")
        work.stop_sending()
        (folder / "90p.m4s").write_bytes(b"b" * 1000)
        (part / "left-over.vtt").write_text("of nobody")
        work.publish({"outputs": []})
    assert (far.published / "90p.m4s").read_bytes() == b"b" * 1000
    assert not (far.published / "left-over.vtt").exists()


def test_what_has_arrived_is_not_sent_again(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    part = far.published.with_name(far.published.name + ".part")
    sent_from: list[tuple[str, int]] = []
    send_part = far.storage._web.send_part

    def noted(run: Run, path: str, file: BinaryIO, offset: int, size: int) -> None:
        sent_from.append((path, offset))
        send_part(run, path, file, offset, size)

    monkeypatch.setattr(far.storage._web, "send_part", noted)
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        folder = work.begin()
        for count in (1, 2):
            with (folder / "90p.m4s").open("ab") as file:
                file.write(b"a" * 1000)
            wait_until(partial(has_arrived, work, part / "90p.m4s", 1000 * count), 10, "it was sent")
        (folder / "more.m4s").write_bytes(b"b")
        wait_until(partial(has_arrived, work, part / "more.m4s", 1), 10, "another one was sent after it")
        work.publish({"outputs": []})
    assert sent_from == [("files/90p.m4s", 0), ("files/90p.m4s", 1000), ("files/more.m4s", 0)]


def test_a_download_that_broke_off_goes_on_where_it_stopped(
    far: Far, clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = clips.path("plain.mp4").read_bytes()
    monkeypatch.setattr(web_calls, "PART_BYTES", 4096)
    aside = far.folder / "sources" / f"{far.order.source.replace('/', '-')}.part"
    aside.parent.mkdir(parents=True)
    aside.write_bytes(whole[:5000])
    asked: list[int] = []
    fetch = far.storage._web.fetch

    def counted(run: Run, name: str, start: int, take: object) -> None:
        asked.append(start)
        fetch(run, name, start, take)  # type: ignore[arg-type]

    monkeypatch.setattr(far.storage._web, "fetch", counted)
    assert far.storage.source(far.run, far.order.source).read_bytes() == whole
    assert asked[:2] == [5000, 9096]


def test_a_download_of_another_file_is_thrown_away(far: Far, clips: Clips) -> None:
    aside = far.folder / "sources" / f"{far.order.source.replace('/', '-')}.part"
    aside.parent.mkdir(parents=True)
    aside.write_bytes(b"something else")
    with pytest.raises(ServiceUnavailable, match="not what the web host has"):
        far.storage.source(far.run, far.order.source)
    assert far.storage.source(far.run, far.order.source).read_bytes() == clips.path("plain.mp4").read_bytes()


def test_old_sources_make_room(site: Site, clips: Clips, tmp_path: Path) -> None:
    first = Far(site, clips.path("plain.mp4"), tmp_path, cache_bytes=0)
    second = Far(site, clips.path("plain.mp4"), tmp_path, cache_bytes=0)
    old = first.storage.source(first.run, first.order.source)
    new = second.storage.source(second.run, second.order.source)
    assert not old.exists() and new.exists()


def test_a_run_that_another_attempt_replaced_ends_and_publishes_nothing(far: Far) -> None:
    with (
        pytest.raises(Superseded),
        far.storage.work_on(far.run, tick, lambda chunks: None) as work,
    ):
        folder = work.begin()
        (folder / "90p.m4s").write_bytes(b"a" * 1000)
        again = far.site.workers.start(far.order.task, far.order.generation, "encoding-2", "host-2", 2)
        assert again.attempt == far.order.attempt + 1
        with pytest.raises(Superseded):
            wait_until(lambda: shown(work, folder / "nothing"), 10, "it learns that it is over")
        work.publish({"outputs": []})
    assert not far.published.exists()
    run, other = far.run_of(again), replace(far.run, attempt=again.attempt)
    asked = web_calls.patiently(tick, lambda: far.storage._web.of_run("GET", run, "finished"))
    assert asked == {"result": None}
    with pytest.raises(Superseded, match="not the key"):  # that of one attempt opens no other
        far.storage._web.of_run("GET", other, "finished")


LISTS = dict.fromkeys(("90p.m3u8", "master.m3u8"), "#EXTM3U")


@pytest.mark.parametrize(
    ("error", "leaves"), [(FfmpegFailed("it ended"), {"90p.m4s": "a", **LISTS}), (Cancelled("enough"), {})]
)
def test_a_failed_run_leaves_its_log_and_what_can_be_watched(
    far: Far, error: PodJobsError, leaves: dict[str, str]
) -> None:
    part = far.published.with_name(far.published.name + ".part")
    with (
        pytest.raises(type(error)),
        far.storage.work_on(far.run, tick, lambda chunks: None) as work,
    ):
        folder = work.begin()
        (folder / "encoding.log").write_text("the last words")
        (folder / "90p.m4s").write_bytes(b"a")
        for name, text in LISTS.items():
            (folder / name).write_text(text)
        wait_until(lambda: shown(work, part / "90p.m3u8"), 10, "it was sent")
        wait_until(lambda: shown(work, part / "master.m3u8"), 10, "it was sent")
        raise error
    assert {path.name: path.read_text() for path in part.iterdir()} == {"encoding.log": "the last words", **leaves}
    assert not (far.folder / f"{far.run.folder}.part").exists()


def test_an_earlier_publication_is_found(far: Far) -> None:
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        (work.begin() / "90p.mp4").write_bytes(b"abc")
        work.publish({"outputs": [{"name": "90p.mp4", "bytes": 3}], "duration_s": 1})
    again = far.site.workers.start(far.order.task, far.order.generation, "encoding-2", "host-2", 2)
    with far.storage.work_on(far.run_of(again), tick, lambda chunks: None) as work:
        found = work.find_finished()
    assert found is not None and found["duration_s"] == 1


def test_only_sources_that_the_order_names_are_served(far: Far, site: Site, clips: Clips) -> None:
    other = Far(site, clips.path("plain.mp4"), far.folder)
    for name in (other.order.source, "videos/999999/source", f"{far.run.folder}/source"):
        with pytest.raises(BadSource):
            far.storage.source(far.run, name)
    with pytest.raises(BadSource):
        far.storage.source(far.run, "../secrets/session_key")


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("PUT", "files/done.json", {"data": b"{}"}, 409),
        ("PUT", "files/.hidden", {"data": b"{}"}, 409),
        ("PATCH", "files/90p.m4s", {"data": b"x", "params": {"offset": "7"}}, 409),
        ("PATCH", "files/90p.m4s", {"data": b"x", "params": {"offset": "-1"}}, 400),
        ("PATCH", "files/90p.m4s", {"data": b"x"}, 400),
        ("POST", "publish", {"data": b"[]"}, 400),
        ("POST", "publish", {"json": {"result": {}, "files": {"../x": {"bytes": 1, "sha256": ""}}}}, 409),
        ("GET", "source?name=../secrets/session_key", {}, 404),
    ],
)
def test_what_a_worker_may_not_send_is_refused(
    far: Far, method: str, path: str, more: dict[str, object], status: int
) -> None:
    far.storage._web.of_run("POST", far.run, "begin")
    numbers = f"{far.run.task}/{far.run.generation}/{far.run.attempt}"
    token = (far.site.home / "secrets/worker_token").read_text()
    headers = {"Authorization": f"Token {token}", "X-Run-Key": far.run.key}
    url = f"{far.site.url}/api/v1/runs/{numbers}/{path}"
    answer = requests.request(method, url, headers=headers, timeout=10, **more)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert json.loads(answer.text)["title"]
    del headers["X-Run-Key"]
    assert requests.request(method, url, headers=headers, timeout=10, **more).status_code == 400  # type: ignore[arg-type]
    headers["X-Run-Key"] = "0" * 64
    assert requests.request(method, url, headers=headers, timeout=10, **more).status_code == 409  # type: ignore[arg-type]
    assert isinstance(far.site.workers, CatalogClient)


def asked(far: Far, method: str, path: str, **more: Any) -> requests.Response:
    numbers = f"{far.run.task}/{far.run.generation}/{far.run.attempt}"
    token = (far.site.home / "secrets/worker_token").read_text()
    headers = {"Authorization": f"Token {token}", "X-Run-Key": far.run.key}
    return requests.request(method, f"{far.site.url}/api/v1/runs/{numbers}/{path}", headers=headers, timeout=20, **more)


@pytest.mark.parametrize(("method", "path"), [("PUT", "files/a.vtt"), ("PATCH", "files/a.m4s?offset=0")])
def test_a_body_that_does_not_say_its_size_is_refused(far: Far, method: str, path: str) -> None:
    assert asked(far, "POST", "begin").ok
    answer = asked(far, method, path, data=iter([b"x" * 1000] * 3))  # chunked
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert asked(far, "GET", "files").json()["files"] in ({}, {"a.m4s": 0})


def received(far: Far, still: Callable[[], object] = lambda: None) -> ReceivedRun:
    return WebHostFolder(far.site.home / "media").received(far.run, still)


@pytest.mark.parametrize("end", ["published", "begun anew"])
def test_a_part_that_comes_too_late_changes_nothing(far: Far, end: str) -> None:
    run = received(far)
    run.begin()
    with run.part("90p.m4s", 0) as write:
        write(b"a" * 1000)
        if end == "published":
            announced = Announced(1000, hashlib.sha256(b"a" * 1000).hexdigest())
            assert run.publish({"outputs": []}, {"90p.m4s": announced}) == []
        else:
            run.begin()
            run.replace("90p.m4s", b"of the next attempt")
        with pytest.raises(Superseded):
            write(b"b" * 1000)
    folder = far.published if end == "published" else far.published.with_name(f"{far.published.name}.part")
    assert (folder / "90p.m4s").read_bytes() == (b"a" * 1000 if end == "published" else b"of the next attempt")


def test_what_happens_while_sums_are_read_is_seen(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole = received(far), received_run._is_as_announced
    run.begin()
    run.replace("90p.vtt", b"first")
    announced = {"90p.vtt": Announced(5, hashlib.sha256(b"first").hexdigest())}

    def slow(path: Path, one: Announced) -> bool:
        outcome = whole(path, one)
        run.replace("90p.vtt", b"other")
        return outcome

    monkeypatch.setattr(received_run, "_is_as_announced", slow)
    assert run.publish({"outputs": []}, announced) == ["90p.vtt"]
    assert not far.published.exists()


def test_a_run_that_is_over_by_then_publishes_nothing(far: Far) -> None:
    over: list[bool] = []

    def still() -> None:
        if over:
            raise Superseded("another attempt began")

    run = received(far, still)
    run.begin()
    run.replace("90p.vtt", b"first")
    over.append(True)
    for call in (
        lambda: run.publish({"outputs": []}, {"90p.vtt": Announced(5, hashlib.sha256(b"first").hexdigest())}),
        lambda: run.replace("90p.vtt", b"other"),
        run.begin,
        lambda: run.give_up(keep_part=True),
        lambda: run.part("90p.vtt", 0).__enter__(),
    ):
        with pytest.raises(Superseded):
            call()
    assert not far.published.exists()
    assert far.published.with_name(f"{far.published.name}.part").joinpath("90p.vtt").read_bytes() == b"first"


def test_a_run_cannot_make_files_without_end(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received_run, "MOST_FILES", 2)
    run = received(far)
    run.begin()
    for name in ("a.vtt", "b.vtt", "b.vtt"):
        run.replace(name, b"x")
    with pytest.raises(Refused):
        run.replace("c.vtt", b"x")


def test_a_web_host_gets_no_file_that_was_not_announced(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("of the worker's host")
    sent: list[str] = []
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        (work.begin() / "90p.vtt").write_bytes(b"x")
        call = far.storage._web.of_run

        def hostile(method: str, run: Run, path: str, **more: Any) -> dict[str, Any]:
            sent.append(path)
            return {"differing": [str(tmp_path / "key")]} if path == "publish" else call(method, run, path, **more)

        monkeypatch.setattr(far.storage._web, "of_run", hostile)
        monkeypatch.setattr(web_calls, "PATIENCE_S", 0.1)
        with pytest.raises(ServiceUnavailable):
            work.publish({"outputs": []})
        monkeypatch.setattr(far.storage._web, "of_run", call)
    assert not [path for path in sent if "key" in path]
