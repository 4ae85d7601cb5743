"""One worker per video and template, one folder per generation, published by one rename."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import (
    BadSource,
    Cancelled,
    DiskFull,
    FfmpegFailed,
    Interrupted,
    PodJobsError,
    ServiceUnavailable,
    Superseded,
)
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Run, identity, shared_folder
from pod_jobs.storage.shared_folder import SharedFolder, SharedWorkFolder
from tests.servers import wait_until

MARK = "0123456789abcdef"


def run(generation: int = 1, *, task: int = 7, media: str = "") -> Run:
    return Run(3, "encode", task, generation, "web", media)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """The folder of a video in a media folder that is `tmp_path`."""
    folder = tmp_path / "videos/000003"
    folder.mkdir(parents=True)
    return folder


@contextmanager
def at_work(media: Path, wanted: Run, tick: Any = lambda: None) -> Iterator[SharedWorkFolder]:
    with SharedFolder(media).work_on(wanted, tick, chunks.clear) as work:
        yield work


def finish(media: Path, generation: int, content: str = "film") -> dict[str, Any]:
    result = {"folder": f"g{generation}", "outputs": [{"name": "a.mp4", "bytes": len(content)}]}
    with at_work(media, run(generation)) as work:
        (work.begin() / "a.mp4").write_text(content)
        work.publish(result)
    return result


def found(media: Path, task: int = 7) -> dict[str, Any] | None:
    with at_work(media, run(99, task=task)) as work:
        return work.find_finished()


def hold_the_lock(media: Path) -> None:
    with at_work(media, run()):
        (media / "held").touch()
        signal.pause()


def test_two_runs_of_one_video_exclude_each_other_and_a_killed_one_lets_go(tmp_path: Path, video: Path) -> None:
    other = multiprocessing.get_context("fork").Process(target=hold_the_lock, args=(tmp_path,), daemon=True)
    other.start()
    wait_until((tmp_path / "held").exists)
    assert SharedFolder(tmp_path).is_worked_on(run())

    def give_up() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled), at_work(tmp_path, run(), give_up):
        pytest.fail("two at once")
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join()
    assert not SharedFolder(tmp_path).is_worked_on(run())
    with at_work(tmp_path, run(), pytest.fail):
        pass


def test_whoever_waits_too_long_comes_again_later(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_folder, "LOCK_WAIT_S", 0.0)
    with at_work(tmp_path, run()), pytest.raises(ServiceUnavailable), at_work(tmp_path, run(2)):
        pytest.fail("two at once")


def test_what_is_finished_is_found_again_the_newest_first(tmp_path: Path, video: Path) -> None:
    assert found(tmp_path) is None
    for generation in (2, 10):
        result = finish(tmp_path, generation)
    assert found(tmp_path) == result
    assert found(tmp_path, task=77) is None


def test_only_what_is_whole_and_published_counts_as_finished(tmp_path: Path, video: Path) -> None:
    finish(tmp_path, 1)
    folder = video / "encode-7-g1"
    (folder / "a.mp4").write_text("fil")
    assert found(tmp_path) is None, "a file lost its end"
    (folder / "a.mp4").write_text("film")
    folder.rename(video / "encode-7-g1.part")
    assert found(tmp_path) is None, "it died before the rename"


def test_a_new_run_clears_what_earlier_ones_left_half_done(tmp_path: Path, video: Path) -> None:
    finish(tmp_path, 1)
    for ending in (".part", ".chunks"):
        (video / f"encode-7-g2{ending}").mkdir()
        (video / f"encode-7-g2{ending}" / "half.mp4").touch()
    with at_work(tmp_path, run(3)) as work:
        folder = work.begin()
        names = sorted(path.name for path in video.iterdir())
        assert names == ["encode-7-g1", "encode-7-g3.part", "lock-web"]
        (folder / "a.mp4").write_text("film")
        work.publish({"outputs": []})
    assert json.loads((video / "encode-7-g3" / "done.json").read_text()) == {"outputs": []}


def test_a_helper_of_the_run_before_sees_the_folder_go_and_is_awaited(tmp_path: Path, video: Path) -> None:
    shared = video / "encode-7-g2.chunks"
    shared.mkdir()
    at_chunk = threading.Event()

    def help_out() -> None:
        with chunks.claimed(shared, [0]):
            at_chunk.set()
            wait_until(lambda: not shared.exists(), chunks.HELPERS_END_S / 2)

    helper = threading.Thread(target=help_out)
    helper.start()
    at_chunk.wait()
    began = time.monotonic()
    with at_work(tmp_path, run(3)) as work:
        work.begin()
        assert time.monotonic() - began < chunks.HELPERS_END_S / 2
        helper.join()
        assert sorted(path.name for path in video.iterdir()) == ["encode-7-g3.part", "lock-web"]


def test_a_run_that_fails_leaves_its_log_alone(tmp_path: Path, video: Path) -> None:
    with pytest.raises(FfmpegFailed), at_work(tmp_path, run()) as work:
        folder = work.begin()
        (folder / "encoding.log").write_text("why")
        (folder / "half.mp4").write_text("x")
        work.chunks.mkdir()
        raise FfmpegFailed("no")
    assert [path.name for path in (video / "encode-7-g1.part").iterdir()] == ["encoding.log"]
    assert not (video / "encode-7-g1.chunks").exists()


@pytest.mark.parametrize(
    ("resumes", "error", "stay"),
    [
        (True, Interrupted("stopped"), True),
        (True, ServiceUnavailable("away"), True),
        (True, FfmpegFailed("no"), False),
        (False, Interrupted("stopped"), False),
    ],
)
def test_only_what_the_next_run_goes_on_with_stays(
    tmp_path: Path, video: Path, resumes: bool, error: PodJobsError, stay: bool
) -> None:
    with pytest.raises(type(error)), at_work(tmp_path, replace(run(), resumes=resumes)) as work:
        work.begin()
        work.chunks.mkdir()
        (video / "source").touch()
        (work.chunks / "plan.json").touch()
        shared_folder.lend_source(video / "source", work.chunks, lambda: None)
        raise error
    chunks_left = video / "encode-7-g1.chunks"
    assert chunks_left.exists() is stay
    assert [path.name for path in chunks_left.glob("*")] == ["plan.json"] * stay, "what was lent goes in any case"


@pytest.mark.parametrize("error", [DiskFull("no room"), Interrupted("stopped")])
def test_nothing_stays_of_a_copy_for_helpers_that_was_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: PodJobsError
) -> None:
    (tmp_path / "fetched").write_bytes(b"recording")
    shared = tmp_path / "shared"
    shared.mkdir()

    def on_another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def fail() -> None:
        raise error

    monkeypatch.setattr(os, "link", on_another_disk)
    monkeypatch.setattr(shared_folder, "ROOM_BYTES", 0)
    with pytest.raises(type(error)):
        shared_folder.lend_source(tmp_path / "fetched", shared, fail)
    assert list(shared.iterdir()) == []
    monkeypatch.setattr(shared_folder, "ROOM_BYTES", 1 << 60)
    with pytest.raises(DiskFull):
        shared_folder.lend_source(tmp_path / "fetched", shared, lambda: None)
    monkeypatch.setattr(shared_folder, "ROOM_BYTES", 0)
    shared_folder.lend_source(tmp_path / "fetched", shared, lambda: None)
    assert (shared / "source").read_bytes() == b"recording"


PART = ("encoding.log", "master.m3u8", "360p.m3u8", "360p.m4s", "audio.m3u8", "audio.m4s")


@pytest.mark.parametrize(
    ("error", "leaves"),
    [
        (FfmpegFailed("no"), set(PART)),
        (DiskFull("no room"), {"encoding.log"}),
        (Cancelled("enough"), {"encoding.log"}),
    ],
)
def test_of_a_failed_run_the_smallest_picture_and_the_sound_stay(
    tmp_path: Path, video: Path, error: PodJobsError, leaves: set[str]
) -> None:
    (tmp_path / "secret").touch()
    with pytest.raises(type(error)), at_work(tmp_path, run()) as work:
        folder = work.begin()
        for name in (*PART, "720p.m3u8", "144p.m4s", "done.mp4"):
            (folder / name).write_text("x")
        (folder / "720p.m4s").write_text("longer")
        os.link(tmp_path / "secret", folder / "90p.m4s")
        (folder / "90p.m3u8").symlink_to(tmp_path / "secret")
        raise error
    assert {path.name for path in (video / "encode-7-g1.part").iterdir()} == leaves


def test_a_source_that_a_network_share_shows_late_is_found(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_folder, "LAG_S", (0.0, 0.0))
    listdir, listed = os.listdir, []

    def list_anew(folder: Path) -> list[str]:
        listed.append(folder)
        if len(listed) == 2:
            (video / "source").touch()
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", list_anew)
    assert SharedFolder(tmp_path).source(run(), run().source) == video / "source"
    assert listed == [video, video]


def test_a_helper_gets_what_lies_where_names_of_ours_say_and_nothing_else(tmp_path: Path, video: Path) -> None:
    storage = SharedFolder(tmp_path)
    with pytest.raises(Superseded):
        storage.helpers_place(run())
    (video / "encode-7-g1.chunks").mkdir()
    with pytest.raises(BadSource) as caught:
        storage.helpers_place(run())
    assert caught.value.code == "source-missing"
    (video / "source").touch()
    place = storage.helpers_place(run())
    assert (place.chunks, place.source) == (video / "encode-7-g1.chunks", video / "source")
    (tmp_path / "secret").touch()
    for name in (
        "secret",
        "../secret",
        "videos/000003/../../secret",
        "videos/000003/lock-web",
        str(tmp_path / "secret"),
    ):
        with pytest.raises(BadSource):
            storage.source(run(), name)


@pytest.mark.parametrize("present", ["", "another"])
def test_a_media_folder_that_is_not_the_right_one_is_away(tmp_path: Path, present: str) -> None:
    """An empty mount point, a folder of something else: wait, write nothing, and never call a source missing."""
    if present:
        identity.write(tmp_path, present)
    storage, before = SharedFolder(tmp_path), sorted(tmp_path.rglob("*"))
    with pytest.raises(ServiceUnavailable, match="media folder"), at_work(tmp_path, run(media=MARK)):
        pytest.fail("in the wrong folder")
    with pytest.raises(ServiceUnavailable):
        storage.source(run(media=MARK), "videos/000003/source")
    with pytest.raises(ServiceUnavailable):
        list(storage.verify(MARK))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("error", [FfmpegFailed("no such file"), RuntimeError("a bug, it seems"), OSError(2, "gone")])
def test_whatever_fails_while_the_media_folder_goes_away_is_tried_again(
    tmp_path: Path, video: Path, error: Exception
) -> None:
    identity.write(tmp_path, MARK)
    with pytest.raises(ServiceUnavailable, match="is not mounted"), at_work(tmp_path, run(media=MARK)) as work:
        work.begin()
        for path in list(tmp_path.iterdir()):  # what is under a mount point that went
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_the_right_folder_stays_what_it_is(tmp_path: Path, video: Path) -> None:
    identity.write(tmp_path, MARK)
    with pytest.raises(RuntimeError), at_work(tmp_path, run(media=MARK)):
        raise RuntimeError("a bug")
