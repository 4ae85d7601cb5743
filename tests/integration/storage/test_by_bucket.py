"""A worker whose files travel through the bucket of a real S3 server, beside a real web app."""

import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.instance.doctor import services
from pod_jobs.janitor.bucket import Sweeper
from pod_jobs.media.encode import encode
from pod_jobs.media.process.tools import Tools
from pod_jobs.settings import load
from pod_jobs.storage import Run, by_bucket
from pod_jobs.storage.bucket import TRIED, Bucket
from pod_jobs.storage.by_bucket import BucketCalls
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.signed_links import S3Place, signed_link
from pod_jobs.storage.web_calls import PART_BYTES
from tests.acceptance.site import Site
from tests.clips import Clips
from tests.integration.storage.conftest import Far, tick
from tests.integration.storage.test_over_http import PLAN, asked, shown
from tests.s3 import BUCKET, SECRET_KEY, S3Server
from tests.servers import QuietHandler, answering, free_port, wait_until

pytestmark = pytest.mark.usefixtures("hasty")
SMALL = 2000  # bytes that go with the call itself, so that files of a short clip travel through the bucket
LARGE = 100 * SMALL


@pytest.fixture
def far(site: Site, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Far:
    monkeypatch.setattr(by_bucket, "SMALL_BYTES", SMALL)
    return Far(site, clips.path("plain.mp4"), tmp_path / "work", calls=BucketCalls)


def test_it_encodes_what_it_fetched_and_what_it_sent_is_published(
    far: Far, s3: S3Server, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    bodies: list[int] = []
    call = BucketCalls.call

    def counted(self: BucketCalls, method: str, path: str, **more: Any) -> requests.Response:
        answer = call(self, method, path, **more)
        bodies.extend((len(more.get("data") or b""), len(answer.content)))
        return answer

    monkeypatch.setattr(BucketCalls, "call", counted)

    def look(_: object) -> None:
        work.show()
        seen.update(path.name for path in far.published.with_name(far.published.name + ".part").glob("*"))

    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        source = far.storage.source(far.run, far.order.source)
        encoded = encode(source, work.begin(), PLAN, tools, look)
        wait_until(lambda: (look(None), "90p.m3u8" in seen)[1], 10, "it is seen while it grows")  # type: ignore[func-returns-value]
        work.publish({**asdict(encoded), "folder": far.run.folder})
    far.end("done", result={**asdict(encoded), "folder": far.run.folder})
    assert far.site.api("GET", f"videos/{far.video}")["state"] == "ready"
    assert {path.name for path in far.published.iterdir()} == {one.name for one in encoded.outputs} | {"done.json"}
    assert max(bodies) < 4 * SMALL < max(one.bytes for one in encoded.outputs)
    assert s3.objects("sources/") and not s3.objects("sent/")


@contextmanager
def first_link_expired(monkeypatch: pytest.MonkeyPatch, s3: S3Server, method: str) -> Iterator[list[str]]:
    """The first link for `method` that workers get is one that was valid two hours ago. The list is of all links."""
    links: list[str] = []
    of_run = BucketCalls.of_run

    def late(self: BucketCalls, asked: str, run: Run, path: str, **more: Any) -> dict[str, Any]:
        answer = of_run(self, asked, run, path, **more)
        if "url" in answer and (asked == "POST") == (method == "PUT"):
            if not links:
                key = answer["url"].partition(f"/{BUCKET}/")[2].partition("?")[0]
                valid = datetime.now(UTC) - timedelta(hours=2), 3600
                answer["url"] = signed_link(s3.place, method, key, valid)
            links.append(answer["url"])
        return answer

    monkeypatch.setattr(BucketCalls, "of_run", late)
    yield links
    monkeypatch.setattr(BucketCalls, "of_run", of_run)


def test_a_link_that_expires_meanwhile_is_asked_for_anew(
    far: Far, s3: S3Server, clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(LARGE)
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        with first_link_expired(monkeypatch, s3, "GET") as links:
            source = far.storage.source(far.run, far.order.source)
            assert source.read_bytes() == clips.path("plain.mp4").read_bytes()
            assert len(links) == 2
        (work.begin() / "90p.mp4").write_bytes(content)
        with first_link_expired(monkeypatch, s3, "PUT") as links:
            work.publish({"outputs": []})
            assert len(links) == 2
    assert (far.published / "90p.mp4").read_bytes() == content


def test_an_s3_server_that_is_away_delays_and_loses_nothing(far: Far, s3: S3Server, clips: Clips) -> None:
    content, troubles = os.urandom(LARGE), {""}
    with far.storage.work_on(far.run, lambda: troubles.add(far.storage.trouble), lambda chunks: None) as work:
        s3.stop()
        threading.Timer(0.3, s3.start).start()
        source = far.storage.source(far.run, far.order.source)
        assert source.read_bytes() == clips.path("plain.mp4").read_bytes()
        folder = work.begin()
        (folder / "90p.m4s").write_bytes(content)
        wait_until(lambda: shown(work, far.published.with_name(f"{far.published.name}.part") / "90p.m4s") == LARGE, 10)
        (folder / "90p.m4s").write_bytes(content * 2)
        s3.stop()
        threading.Timer(0.3, s3.start).start()
        work.publish({"outputs": []})
    assert (far.published / "90p.m4s").read_bytes() == content * 2
    assert "S3 server: ConnectionError" in troubles


def test_workers_share_the_parts_of_a_recording_and_go_on_where_they_stopped(
    far: Far, site: Site, s3: S3Server, clips: Clips
) -> None:
    whole = clips.path("plain.mp4").read_bytes()
    aside = far.folder / "sources" / f"{far.order.source.replace('/', '-')}.part"
    aside.parent.mkdir(parents=True)
    aside.write_bytes(whole[:5000])
    before = set(s3.objects("sources/"))
    fetched: list[int] = []
    far.storage._web.fetch_part(
        far.run, "source", 5000, lambda piece: fetched.append(len(piece)), params={"name": far.order.source}
    )
    assert sum(fetched) == len(whole) - 5000  # the rest of the part, and not what is here already
    assert far.storage.source(far.run, far.order.source).read_bytes() == whole
    for name in ("a", "b"):
        other = type(far.storage)(BucketCalls(site.url, far.token), far.folder / name, 0)
        assert other.source(far.run, far.order.source).read_bytes() == whole
    (part,) = set(s3.objects("sources/")) - before
    assert part.name == f"0-{len(whole)}" and part.read_bytes() == whole


def test_a_part_that_was_damaged_in_the_bucket_is_put_there_anew(far: Far, s3: S3Server, clips: Clips) -> None:
    before = set(s3.objects("sources/"))
    kept = far.storage.source(far.run, far.order.source)
    kept.unlink()
    (part,) = set(s3.objects("sources/")) - before
    key, valid = str(part.relative_to(s3.folder)), (datetime.now(UTC), 60)
    assert requests.put(signed_link(s3.place, "PUT", key, valid), data=bytes(part.stat().st_size), timeout=5).ok
    with pytest.raises(ServiceUnavailable, match="not what the web host has"):
        far.storage.source(far.run, far.order.source)
    assert far.storage.source(far.run, far.order.source).read_bytes() == clips.path("plain.mp4").read_bytes()


def test_a_link_is_for_one_request_of_one_size(far: Far, s3: S3Server) -> None:
    link = asked(far, "POST", "objects", json={"bytes": 1000}).json()["url"]
    content, others = b"x" * 1000, s3.objects("sent/")
    assert SECRET_KEY not in link
    assert not requests.put(link, data=content + b"x", timeout=5).ok
    assert not requests.get(link, timeout=5).ok
    assert not requests.put(link.replace("/owner?", "/00?"), data=content, timeout=5).ok
    assert s3.objects("sent/") == others
    assert requests.put(link, data=content, timeout=5).ok
    check = asked_of_workers(far, "bucket-check")["put"]
    assert not requests.put(check, data=content, timeout=5).ok
    assert requests.put(check, data=TRIED, timeout=5).ok


def asked_of_workers(far: Far, path: str) -> Any:
    headers = {"Authorization": f"Token {far.token}"}
    return requests.post(f"{far.site.url}/api/v1/workers/{path}", headers=headers, timeout=10).json()


def test_a_worker_cannot_fill_the_bucket(far: Far, site: Site, s3: S3Server, tmp_path: Path) -> None:
    """Whatever it asks for, a run has an object of each part of its source, and one for each worker that sends."""
    before = {*s3.objects()}
    asked(far, "POST", "begin")
    for start in (0, *range(1, 200, 20)):
        answer = asked(far, "GET", f"source?name={far.order.source}&link_from={start}")
        assert answer.status_code == (400 if start else 200)
    for _ in range(5):
        for size in (1000, 2000):
            link = asked(far, "POST", "objects", json={"bytes": size}).json()["url"]
            assert requests.put(link, data=b"x" * size, timeout=5).ok
    owner = FarHelp(BucketCalls(site.url, far.token), tmp_path / "owner")
    owner.call(far.run, b"{}")
    for _ in range(5):  # a helper that comes and goes, and whose pieces the owner only asks for
        helper, key, _ = owner.join(far.run)
        run = replace(far.run, key=key)
        owner.note(run, helper, None)
        owner.give(far.run, helper, 0)
        (tmp_path / "90p.mkv").write_bytes(os.urandom(LARGE))
        owner.send(run, helper, tmp_path, ["90p.mkv"], tick)
        assert asked(far, "GET", f"helpers/{helper}/files/90p.mkv?link_from=0").status_code == 200
        owner.give(far.run, helper, 1)
        owner.drop(run, helper)

    def kinds() -> list[str]:
        return sorted(path.parts[-3] for path in {*s3.objects()} - before)

    wait_until(lambda: kinds() == ["sent", "sources"], 10, "what was only of the pieces is deleted")


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "objects", {"json": {"bytes": 0}}, 400),
        ("POST", "objects", {"json": {"bytes": 33 * 1024 * 1024}}, 400),
        ("POST", "objects", {"json": {"bytes": "7"}}, 400),
        ("PATCH", "files/a.m4s?offset=0&from_bucket=x", {}, 400),
        ("PATCH", f"files/a.m4s?offset=0&from_bucket={33 * 1024 * 1024}", {}, 400),
        ("PATCH", "files/a.m4s?offset=0&from_bucket=7", {}, 503),  # never sent, or already taken in
        ("GET", "source?name=SOURCE&link_from=x", {}, 400),
        ("GET", "source?name=SOURCE&link_from=1", {}, 400),
        ("GET", f"source?name=SOURCE&link_from={64 * PART_BYTES}", {}, 503),
        ("GET", "source?name=videos/999999/source&link_from=0", {}, 404),
        ("DELETE", "source-parts?name=videos/999999/source", {}, 404),
    ],
)
def test_what_a_worker_may_not_ask_for_is_refused(far: Far, method: str, path: str, more: Any, status: int) -> None:
    asked(far, "POST", "begin")
    answer = asked(far, method, path.replace("SOURCE", far.order.source), **more)
    assert answer.status_code == status, answer.text
    assert asked(far, "GET", "files").json()["files"] in ({}, {"a.m4s": 0})


def test_what_was_sent_as_another_size_is_not_taken_in(far: Far, s3: S3Server) -> None:
    asked(far, "POST", "begin")
    said = asked(far, "POST", "objects", json={"bytes": 1000}).json()
    assert requests.put(said["url"], data=b"x" * 1000, timeout=5).ok
    for size in (999, 1001):
        assert asked(far, "PATCH", f"files/a.m4s?offset=0&from_bucket={size}").status_code == 503
    assert asked(far, "PATCH", "files/a.m4s?offset=0&from_bucket=1000").json() == {"bytes": 1000}
    assert not s3.objects(f"sent/{far.run.task}-")


def test_chunks_of_helpers_travel_through_the_bucket(far: Far, site: Site, s3: S3Server, tmp_path: Path) -> None:
    owner = FarHelp(BucketCalls(site.url, far.token), tmp_path / "owner")
    helping = FarHelp(BucketCalls(site.url, far.token), tmp_path / "helping")
    owner.call(far.run, b"{}")
    helper, key, _ = helping.join(far.run)
    run = Run(far.run.video, "encode", far.run.task, far.run.generation, "web", attempt=far.run.attempt, key=key)
    helping.note(run, helper, None)
    owner.give(far.run, helper, 0)
    content = os.urandom(LARGE)
    (tmp_path / "90p.mkv").write_bytes(content)
    helping.send(run, helper, tmp_path, ["90p.mkv"], tick)
    state = owner.states(far.run)[helper]
    assert state.files
    (tmp_path / "taken").mkdir()
    owner.fetch(far.run, helper, state.files, tmp_path / "taken", tick)
    assert (tmp_path / "taken/90p.mkv").read_bytes() == content
    assert not s3.objects(f"sent/{far.run.task}-")


def test_two_threads_of_a_worker_do_not_mix_up_what_they_send(far: Far) -> None:
    """One sends what grows, and the other a recording for helpers."""
    asked(far, "POST", "begin")
    wholes = {name: os.urandom(4 * LARGE) for name in ("a.m4s", "b.m4s")}

    def send(name: str) -> None:
        for number in range(4):
            far.storage._web.send_part(far.run, f"files/{name}", io.BytesIO(wholes[name]), number * LARGE, LARGE)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, wholes))
    folder = far.published.with_name(f"{far.published.name}.part")
    assert {name: (folder / name).read_bytes() for name in wholes} == wholes


def test_old_objects_are_deleted_and_only_ours(s3: S3Server, site: Site) -> None:
    own, other = s3.bucket("swept/"), s3.bucket("of-others/")
    for bucket in (own, other):
        for who in ("a", "b", "c"):
            assert requests.put(bucket.links_to_try(who)[0], data=TRIED, timeout=5).ok
    now = datetime.now(UTC)
    others = ("backups/of-others", "sources/of-others.txt")  # they may use the bucket too
    for key in others:
        own._ask("PUT", key, data=b"x").close()
    assert own.sweep(now - timedelta(hours=1)) == 0
    assert own.sweep(now + timedelta(hours=1)) == 3
    assert other.sweep(now + timedelta(hours=1)) == 3
    for key in others:
        assert own._has(key, 1)
        own._ask("DELETE", key).close()
    settings = load(site.home)
    old = datetime.now(UTC) + timedelta(hours=25)
    requests.put(s3.bucket().links_to_try("a")[0], data=TRIED, timeout=5)
    Sweeper(settings).begin(old)
    wait_until(lambda: not s3.objects(), 10, "the janitor's sweep deleted it")


def test_the_doctor_says_whether_the_bucket_can_be_used(site: Site, s3: S3Server) -> None:
    web_host = load(site.home)
    worker = load(site.home, worker={"storage": "s3", "catalog_url": site.url}, s3={"endpoint": ""})
    assert [one.state for one in services.check_bucket(web_host)] == ["ok"]
    assert [(one.state, BUCKET in one.text) for one in services.check_media(worker)] == [("ok", True)]
    assert not list(services.check_bucket(worker))
    wrong = load(site.home, s3={"secret_key": "another"})
    (finding,) = services.check_bucket(wrong)
    assert finding.state == "fault" and "403 SignatureDoesNotMatch" in finding.text
    s3.stop()
    (of_web_host,), (of_worker,) = services.check_bucket(web_host), services.check_media(worker)
    s3.start()
    assert (of_web_host.state, of_worker.state) == ("fault", "fault")
    assert "Signature" not in of_web_host.text + of_worker.text


def test_an_s3_server_gets_no_token_and_texts_no_link(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, str]] = []

    class Refusing(QuietHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.reply(403, b"<Error><Code>AccessDenied</Code></Error>")

        do_PUT = do_GET

    with answering(Refusing) as port:
        for endpoint, words in ((port, "403 AccessDenied"), (free_port(), "ConnectionError")):
            place = S3Place(f"http://127.0.0.1:{endpoint}", "us-east-1", BUCKET, "key", "secret")
            said = {"url": signed_link(place, "GET", "x", (datetime.now(UTC), 60)), "bytes": 7}
            monkeypatch.setattr(BucketCalls, "of_run", lambda *_, said=said, **__: said)
            for ask in (
                Bucket(place, "", 60).check,
                partial(far.storage._web.fetch, far.run, "x", 0, len),
            ):
                with pytest.raises(ServiceUnavailable) as caught:
                    ask()
                assert words in caught.value.reason and "X-Amz" not in caught.value.reason
                assert caught.value.__cause__ is None
    assert heard and not any("Authorization" in one for one in heard)
