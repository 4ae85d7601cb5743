"""A disk that is full, on the worker's host and on the web host."""

import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from pod_jobs.errors import DiskFull
from pod_jobs.instance.doctor.host import check_space
from pod_jobs.settings import load
from pod_jobs.storage import identity
from pod_jobs.storage.by_bucket import BucketCalls
from pod_jobs.storage.web_calls import WebCalls
from tests.acceptance.site import Site
from tests.clips import Clips
from tests.integration.storage.conftest import Far
from tests.servers import disk

pytestmark = pytest.mark.usefixtures("hasty")


def small_disk(folder: Path, size_mb: int) -> AbstractContextManager[None]:
    return disk(folder, f"size={size_mb}m,mode=0750")


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with suppress(OSError), path.open("wb") as file:
        while True:
            file.write(bytes(100_000))
    return path


def test_a_worker_without_room_for_a_source_keeps_what_it_has_for_later(
    site: Site, clips: Clips, tmp_path: Path
) -> None:
    recording = tmp_path / "long.mp4"
    recording.write_bytes(clips.path("plain.mp4").read_bytes() + os.urandom(12_000_000))
    work = tmp_path / "work"
    work.mkdir()
    with small_disk(work, 20):
        filler = work / "filler"
        filler.write_bytes(bytes(14_000_000))
        far = Far(site, recording, work)
        with far.storage.work_on(far.run, lambda: None, lambda chunks: None):
            with pytest.raises(DiskFull):
                far.storage.source(far.run, far.order.source)
            assert not list(work.glob("sources/*-source")), "half a recording is none"
            (kept,) = work.glob("sources/*.part")
            assert 1_000_000 < kept.stat().st_size < recording.stat().st_size
            filler.unlink()
            assert far.storage.source(far.run, far.order.source).read_bytes() == recording.read_bytes()


@pytest.mark.parametrize("calls", [WebCalls, BucketCalls])
def test_a_web_host_without_room_gets_the_result_when_it_has_room_again(
    site: Site, clips: Clips, tmp_path: Path, calls: type[WebCalls]
) -> None:
    media = site.home / "media"
    whose = identity.read(media)
    with small_disk(media, 12):
        identity.write(media, whose)
        made = os.urandom(3_000_000)
        far = Far(site, clips.path("plain.mp4"), tmp_path / "work", calls=calls)
        full: list[Path] = []
        waited, said = 0, {""}

        def tick() -> None:
            nonlocal waited
            waited += bool(full)
            said.add(far.storage.trouble)
            if waited > 3:
                full[0].unlink(missing_ok=True)

        with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
            folder = work.begin()
            full.append(fill(media))
            (folder / "90p.mp4").write_bytes(made)
            work.publish({"outputs": []})
        assert waited > 3 and (far.published / "90p.mp4").read_bytes() == made
        assert any("disk is full" in words for words in said) and far.storage.trouble == "", "people read why it waits"
        assert {path.name for path in far.published.iterdir()} == {"90p.mp4", "done.json"}


@pytest.mark.parametrize(("free_gb", "state"), [(0.0, "ok"), (0.1, "fault")])
def test_a_worker_looks_at_the_disk_on_which_its_jobs_work(tmp_path: Path, free_gb: float, state: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/worker_token").write_text("x")
    worker = {"storage": "http", "catalog_url": "http://127.0.0.1:9"}
    with small_disk(tmp_path / "work", 20):
        (found,) = check_space(load(tmp_path, worker=worker, upload={"free_gb": free_gb}))
        assert (found.state, found.text[:7]) == (state, "0.0 GB ")
        assert load(tmp_path, worker=worker).storage.free_bytes() < 25_000_000
