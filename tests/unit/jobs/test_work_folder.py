"""One worker per video, one folder per generation, published by one rename."""

import errno
import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.catalog.client import Order
from pod_jobs.errors import Cancelled, DiskFull, ServiceUnavailable
from pod_jobs.jobs import work_folder
from pod_jobs.media.sharing import chunks
from tests.servers import wait_until


def order(generation: int = 1) -> Order:
    return Order(7, generation, 1, 0, "encode", "", 3, "t", "videos/000003/source", "videos/000003")


def finish(video: Path, generation: int, content: str = "film") -> dict[str, Any]:
    work = work_folder.begin(video, order(generation))
    (work / "a.mp4").write_text(content)
    result = {"folder": f"g{generation}", "outputs": [{"name": "a.mp4", "bytes": len(content)}]}
    work_folder.publish(work, result)
    return result


def hold_the_lock(video: Path) -> None:
    with work_folder.only_worker_on(video, "web", lambda: None):
        (video / "held").touch()
        signal.pause()


def test_two_runs_of_one_video_exclude_each_other_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    other = multiprocessing.get_context("fork").Process(target=hold_the_lock, args=(tmp_path,), daemon=True)
    other.start()
    wait_until((tmp_path / "held").exists)

    def give_up() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled), work_folder.only_worker_on(tmp_path, "web", give_up):
        pytest.fail("two at once")
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join()
    with work_folder.only_worker_on(tmp_path, "web", pytest.fail):
        pass


def test_whoever_waits_too_long_comes_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_folder, "LOCK_WAIT_S", 0.0)
    with (
        work_folder.only_worker_on(tmp_path, "web", lambda: None),
        pytest.raises(ServiceUnavailable),
        work_folder.only_worker_on(tmp_path, "web", lambda: None),
    ):
        pytest.fail("two at once")


def test_what_is_finished_is_found_again_the_newest_first(tmp_path: Path) -> None:
    assert work_folder.find_done(tmp_path, "encode", 7) is None
    for generation in (2, 10):
        result = finish(tmp_path, generation)
    assert work_folder.find_done(tmp_path, "encode", 7) == result
    assert work_folder.find_done(tmp_path, "encode", 77) is None


def test_only_what_is_whole_and_published_counts_as_finished(tmp_path: Path) -> None:
    finish(tmp_path, 1)
    folder = tmp_path / "encode-7-g1"
    (folder / "a.mp4").write_text("fil")
    assert work_folder.find_done(tmp_path, "encode", 7) is None, "a file lost its end"
    (folder / "a.mp4").write_text("film")
    folder.rename(tmp_path / "encode-7-g1.part")
    assert work_folder.find_done(tmp_path, "encode", 7) is None, "it died before the rename"


def test_a_new_run_clears_what_earlier_ones_left_half_done(tmp_path: Path) -> None:
    finish(tmp_path, 1)
    left = work_folder.begin(tmp_path, order(2))
    (left / "half.mp4").touch()
    work = work_folder.begin(tmp_path, order(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encode-7-g1", "encode-7-g3.part"]
    (work / "a.mp4").write_text("film")
    work_folder.publish(work, {"outputs": []})
    assert json.loads((tmp_path / "encode-7-g3" / "done.json").read_text()) == {"outputs": []}


def test_a_helper_of_the_run_before_sees_the_folder_go_and_is_awaited(tmp_path: Path) -> None:
    shared = work_folder.begin(tmp_path, order(2)) / chunks.FOLDER
    shared.mkdir()
    at_work = threading.Event()

    def help_out() -> None:
        with chunks.claimed(shared, [0]):
            at_work.set()
            wait_until(lambda: not shared.exists(), chunks.HELPERS_END_S / 2)

    helper = threading.Thread(target=help_out)
    helper.start()
    at_work.wait()
    began = time.monotonic()
    work_folder.begin(tmp_path, order(3))
    assert time.monotonic() - began < chunks.HELPERS_END_S / 2
    helper.join()
    assert [path.name for path in tmp_path.iterdir()] == ["encode-7-g3.part"]


def test_a_full_disk_and_a_share_that_is_away_are_passing_faults() -> None:
    for number, error in ((errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, ServiceUnavailable)):
        with pytest.raises(error), work_folder.translated_os_errors():
            raise OSError(number, "")
