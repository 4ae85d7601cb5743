"""A long video shared by real workers, of which some die."""

import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from redis import Redis
from rq.utils import as_text

from pod_jobs.jobs import queue
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.media_folder import CHUNKS, PART
from pod_jobs.settings import Settings, load
from tests.clips import AAC, H264, ffmpeg, pattern, tone
from tests.integration.jobs.conftest import SmallCatalog, StartWorker, WorkerProcess
from tests.servers import wait_until

SECONDS = 28
JOB = "encode-7-g1"
NOTE = re.compile(r"\d+ \S+-(\d+)")


@pytest.fixture(scope="session")
def long_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "source.mp4"
    ffmpeg(*pattern("640x360", seconds=SECONDS), *tone(SECONDS), *H264, *AAC, str(path))
    return path


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch, long_source: Path) -> Settings:
    """Settings by which every video is long. Video 3 has a source."""
    for name, value in {"SHARE_FROM_MIN": "0.4", "CHUNK_S": "4", "SEGMENT_S": "2", "COPY_TOP": "false"}.items():
        monkeypatch.setenv(f"POD_JOBS_ENCODE__{name}", value)
    video = settings.media_folder / "videos/000003"
    video.mkdir(parents=True)
    os.link(long_source, video / "source")
    return load()


@pytest.fixture
def work(settings: Settings) -> Path:
    return settings.media_folder / f"videos/000003/{JOB}{PART}"


def chunks_of(work: Path) -> Path:
    return work.with_name(f"{JOB}{CHUNKS}")


@pytest.fixture
def shared(redis: Redis, start_worker: StartWorker, work: Path) -> tuple[WorkerProcess, WorkerProcess]:
    """An owner and a helper, each of which is encoding a chunk."""
    workers = [start_worker(), start_worker()]
    wait_until(lambda: states(redis) == ["idle", "idle"], what="both workers are idle")
    assert queue.enqueue(redis, ENCODE, JOB, {"task": 7, "generation": 1})
    wait_until(lambda: len(horses_at_work(work)) == 2, what="both are at a chunk")
    owner = queue.fetch(redis, JOB)
    assert owner is not None
    first = f".{workers[0].pid}." in str(owner.worker_name)
    return (workers[0], workers[1]) if first else (workers[1], workers[0])


@pytest.fixture
def warnings(tmp_path: Path) -> Iterator[Path]:
    """The warnings and errors of workers that start from now on."""
    handler = logging.FileHandler(tmp_path / "warnings")
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield tmp_path / "warnings"
    logging.getLogger().removeHandler(handler)
    handler.close()


def states(redis: Redis) -> list[str]:
    found = [redis.hget(key, "state") for key in redis.smembers("rq:workers:encoding")]
    return [as_text(state) for state in found if state]


def horses_at_work(work: Path) -> set[int]:
    found = {NOTE.fullmatch(path.read_text()) for path in chunks_of(work).glob("*.frames")}
    return {int(match[1]) for match in found if match}


def horse_of(worker: WorkerProcess) -> int:
    return int(Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()[0])


def nobody_works_in(work: Path) -> bool:
    """Is no process, and so no ffmpeg, left in the folder?"""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link).startswith(str(work)):
                return False
        except OSError:
            continue
    return True


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def ended(redis: Redis, job_id: str = JOB) -> Callable[[], bool]:
    def look() -> bool:
        job = queue.fetch(redis, job_id)
        return job is not None and job.is_finished

    return look


def assert_whole(work: Path) -> str:
    """Check that the published folder is complete. Returns its log."""
    folder = work.with_name(JOB)
    assert frames(folder / "360p.m4s") == frames(folder / "360p.mp4") == SECONDS * 25
    assert not chunks_of(work).exists()
    return (folder / "encoding.log").read_text()


def test_two_workers_share_it_and_a_person_sees_that(
    redis: Redis, shared: tuple[WorkerProcess, WorkerProcess], work: Path
) -> None:
    wait_until(lambda: queue.read_progress(redis, [7]).get(7, {}).get("workers") == 2)
    wait_until(ended(redis), 60)
    assert len(set(re.findall(r"chunk \d+ by \S+-(\d+):", assert_whole(work)))) == 2
    wait_until(ended(redis, "assist-7-g1-a1-1"))


@pytest.mark.parametrize("victim", ["horse", "worker"])
def test_a_killed_helper_costs_nothing(
    redis: Redis,
    shared: tuple[WorkerProcess, WorkerProcess],
    work: Path,
    start_worker: StartWorker,
    small_catalog: SmallCatalog,
    victim: str,
) -> None:
    helper = shared[1]
    os.kill(horse_of(helper) if victim == "horse" else helper.pid, signal.SIGKILL)
    wait_until(ended(redis), 60)
    assert "whole after all" not in assert_whole(work)
    start_worker("catalog")
    wait_until(lambda: small_catalog.reports)
    assert [report["outcome"] for report in small_catalog.reports] == ["done"]


def test_the_helper_of_a_killed_owner_ends_and_the_next_run_begins_anew(
    redis: Redis, shared: tuple[WorkerProcess, WorkerProcess], work: Path, start_worker: StartWorker
) -> None:
    owner, helper = shared
    owner.signal(signal.SIGKILL)
    os.waitpid(owner.pid, 0)
    start_worker()  # puts the job of the dead back
    wait_until(ended(redis, "assist-7-g1-a1-1"), 30, "the helper's job ended by itself")
    wait_until(ended(redis), 60)
    assert_whole(work)
    wait_until(lambda: nobody_works_in(work.parent))


def test_a_cancel_ends_owner_and_helper(
    warnings: Path,
    redis: Redis,
    shared: tuple[WorkerProcess, WorkerProcess],
    work: Path,
    start_worker: StartWorker,
    small_catalog: SmallCatalog,
) -> None:
    queue.request_cancel(redis, 7, 1)
    wait_until(ended(redis), 15)
    wait_until(lambda: states(redis) == ["idle", "idle"], 15)
    wait_until(lambda: nobody_works_in(work.parent), 5, "no ffmpeg is left")
    start_worker("catalog")
    wait_until(lambda: small_catalog.reports)
    (report,) = small_catalog.reports
    assert (report["outcome"], round(report["source_s"])) == ("cancelled", SECONDS)
    assert warnings.read_text() == ""


def test_helpers_make_way_for_a_video_that_waits(
    redis: Redis, shared: tuple[WorkerProcess, WorkerProcess], work: Path, small_catalog: SmallCatalog
) -> None:
    starts: list[int] = []
    plain = small_catalog.answer

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "/8/start" not in path:
            return plain(path, body)
        starts.append(8)
        return 409, {"code": "cancelled", "title": "t", "detail": "d"}

    small_catalog.answer = answer  # type: ignore[method-assign]
    assert queue.enqueue(redis, ENCODE, "encode-8-g1", {"task": 8, "generation": 1})
    assert queue.positions(redis, "encoding") == {"encode-8-g1": 1}
    wait_until(lambda: starts, 15)
    assert not ended(redis)()
    wait_until(ended(redis), 60)
    assert_whole(work)
