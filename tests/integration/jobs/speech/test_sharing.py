"""The pieces of a long recording, recognised by real workers, of which some die. A stand-in for the model tells what it heard."""

import errno
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from rq.utils import as_text

from pod_jobs.captions.cues import Word
from pod_jobs.jobs import queue
from pod_jobs.jobs.job_type import JobType
from pod_jobs.jobs.pod.transcription import POD_TRANSCRIBE
from pod_jobs.jobs.speech import assist, sharing
from pod_jobs.jobs.speech.transcribe import TRANSCRIBE
from pod_jobs.media_folder import CHUNKS, PART
from pod_jobs.settings import Settings
from pod_jobs.speech.models import is_installed
from pod_jobs.system import plain_files
from tests.integration.jobs.conftest import SmallCatalog, StartWorker, WorkerProcess
from tests.servers import QuietHandler, answering, need, wait_until

PIECES = 5
JOB = "transcribe-7-g1"


@pytest.fixture(scope="session")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five sentences, between which nobody speaks for so long that each is a piece."""
    need(shutil.which("espeak-ng"), "espeak-ng")
    folder = tmp_path_factory.mktemp("speech")
    words = "The students will read the article before the next lecture."
    subprocess.run(["espeak-ng", "-v", "en-gb", "-w", "one.wav", words], check=True, cwd=folder)
    graph = f"apad=pad_dur=25,asetnsamples=4096,aloop=loop={PIECES - 1}:size=2147483647"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "one.wav", "-af", graph, "-ar", "16000", "long.wav"], check=True, cwd=folder
    )
    return folder / "long.wav"


class StandIn:
    """An engine whose words cover all that it is given. The n-th piece that any process begins ends once n pieces may."""

    name = "stand-in"
    languages = frozenset({"en"})
    can_translate = False

    def __init__(self, home: Path) -> None:
        self._log, self._allowed = home / "heard", home / "allowed"

    def hear(self, samples: object, wish: object, tick: Callable[[float], None]) -> list[Word]:
        with self._log.open("a") as log:
            log.write(f"{os.getpid()}\n")
        begun = sum(begun_by(self._log).values())
        seconds = len(samples) / 16_000  # type: ignore[arg-type]
        while int(self._allowed.read_text()) < begun:
            time.sleep(0.05)
            tick(seconds / 2)
        return [Word(at, at + 0.9, os.urandom(3).hex()) for at in range(int(seconds) + 1)]  # nothing is said twice

    def guess_language(self, samples: object) -> dict[str, float]:
        return {"en": 1.0}


@dataclass
class Heard:
    """What the stand-ins of all workers have heard, and may hear."""

    home: Path

    def begun(self) -> Counter[str]:
        return begun_by(self.home / "heard")

    def allow(self, pieces: int) -> None:
        plain_files.write_text(self.home / "allowed", str(pieces))


def begun_by(log: Path) -> Counter[str]:
    """Process -> how many pieces it began."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


@pytest.fixture
def heard(settings: Settings, long_speech: Path, monkeypatch: pytest.MonkeyPatch, small_catalog: SmallCatalog) -> Heard:
    """Video 3 has a source. Its first two pieces may be finished."""
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    for module in ("transcribe", "assist"):
        monkeypatch.setattr(
            f"pod_jobs.jobs.speech.{module}.engine_for", lambda settings, *chosen: StandIn(settings.home)
        )
    monkeypatch.setattr("pod_jobs.jobs.speech.transcribe.model_folder", lambda settings, *chosen: None)
    small_catalog.kind, small_catalog.template = "transcribe", ""
    video = settings.media_folder / "videos/000003"
    video.mkdir(parents=True)
    os.link(long_speech, video / "source")
    found = Heard(settings.home)
    found.allow(2)
    return found


def ended(redis: Redis, job_id: str = JOB) -> Callable[[], bool]:
    def look() -> bool:
        job = queue.fetch(redis, job_id)
        return job is not None and job.is_finished

    return look


def idle(redis: Redis) -> int:
    found = [redis.hget(key, "state") for key in redis.smembers("rq:workers:transcripting")]
    return [as_text(state) for state in found if state].count("idle")


def start_two(
    redis: Redis, start_worker: StartWorker, heard: Heard, job_type: JobType = TRANSCRIBE
) -> tuple[WorkerProcess, WorkerProcess]:
    """An owner and a helper, each in the middle of a piece; two pieces are finished."""
    workers = [start_worker("transcripting"), start_worker("transcripting")]
    wait_until(lambda: idle(redis) == 2, what="both workers are idle")
    heard.allow(0)
    job_id = f"{job_type.kind}-7-g1"
    assert queue.enqueue(redis, job_type, job_id, {"task": 7, "generation": 1})
    wait_until(lambda: len(heard.begun()) == 2, 30, "both have begun a piece")
    heard.allow(2)
    wait_until(lambda: sum(heard.begun().values()) == 4, 30, "both have begun another piece")
    job = queue.fetch(redis, job_id)
    assert job is not None
    first = f".{workers[0].pid}." in str(job.worker_name)
    return (workers[0], workers[1]) if first else (workers[1], workers[0])


def result_of(start_worker: StartWorker, small_catalog: SmallCatalog) -> dict[str, object]:
    start_worker("catalog")
    # the report about a worker that was stopped may come before or after it
    wait_until(lambda: any(one["outcome"] == "done" for one in small_catalog.reports), 20)
    report = next(one for one in small_catalog.reports if one["outcome"] == "done")
    infos: dict[str, object] = report["result"]["infos"]
    return infos


def test_two_workers_share_the_pieces(
    redis: Redis, heard: Heard, start_worker: StartWorker, small_catalog: SmallCatalog, settings: Settings
) -> None:
    start_two(redis, start_worker, heard)
    wait_until(lambda: queue.read_progress(redis, [7]).get(7, {}).get("workers") == 2, 20, "a person sees both")
    heard.allow(PIECES)
    wait_until(ended(redis), 30)
    assert sum(heard.begun().values()) == PIECES
    assert int(str(result_of(start_worker, small_catalog)["captions"])) >= PIECES
    wait_until(ended(redis, "assist_speech-7-g1-a1-1"))
    assert not list((settings.media_folder / "videos/000003").glob(f"*{CHUNKS}*"))


@pytest.mark.parametrize("link", [True, False])
def test_two_workers_share_a_recording_that_a_pod_keeps(
    redis: Redis,
    heard: Heard,
    start_worker: StartWorker,
    small_catalog: SmallCatalog,
    settings: Settings,
    long_speech: Path,
    monkeypatch: pytest.MonkeyPatch,
    link: bool,
) -> None:
    """Only the owner fetches it; the helper finds it beside the pieces, as a link, or as a copy on another disk."""

    def on_another_disk(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    if not link:
        monkeypatch.setattr(os, "link", on_another_disk)
    monkeypatch.setattr("pod_jobs.jobs.pod.transcription.engine_for", lambda settings, *chosen: StandIn(settings.home))
    (settings.media_folder / "videos/000003/source").unlink()
    fetched: list[str] = []

    class Pod(QuietHandler):
        def do_GET(self) -> None:
            fetched.append(self.path)
            self.reply(200, long_speech.read_bytes())

    with answering(Pod) as port:
        options = {"source_url": f"http://127.0.0.1:{port}/talk.wav", "parameters": {"language": "en"}}
        site = {"name": "univ", "hosts": [], "networks": ["127.0.0.0/8"], "age_s": 1.0}
        small_catalog.kind, small_catalog.more = POD_TRANSCRIBE.kind, {"options": options, "site": site}
        start_two(redis, start_worker, heard, POD_TRANSCRIBE)
        wait_until(lambda: queue.read_progress(redis, [7]).get(7, {}).get("workers") == 2, 20, "a person sees both")
        heard.allow(PIECES)
        wait_until(ended(redis, "pod_transcribe-7-g1"), 30)
    assert sum(heard.begun().values()) == PIECES and fetched == ["/talk.wav"]
    assert int(str(result_of(start_worker, small_catalog)["captions"])) >= PIECES
    wait_until(ended(redis, "assist_speech-7-g1-a1-1"))
    assert not list((settings.media_folder / "videos/000003").glob(f"*{CHUNKS}*"))


@pytest.mark.parametrize("normalizes", [True, False])
def test_a_helper_hears_the_sound_as_its_owner_does(heard: Heard, normalizes: bool) -> None:
    sound: Any = SimpleNamespace(normalizes=False)
    key = {"glossary": [], "translate": False, **({"normalizes": True} if normalizes else {})}
    assist._hearing(StandIn(heard.home), sharing.Called((), key, "en"), sound)
    assert sound.normalizes is normalizes


@pytest.mark.parametrize("victim", ["owner", "helper"])
def test_a_worker_that_is_killed_loses_one_piece_at_most(
    redis: Redis, heard: Heard, start_worker: StartWorker, small_catalog: SmallCatalog, victim: str
) -> None:
    owner, helper = start_two(redis, start_worker, heard)
    dying = owner if victim == "owner" else helper
    dying.signal(signal.SIGKILL)
    os.waitpid(dying.pid, 0)
    if victim == "owner":
        start_worker("transcripting")  # puts the job of the dead back
        wait_until(ended(redis, "assist_speech-7-g1-a1-1"), 30, "the helper of a dead owner ends")
    heard.allow(100)
    wait_until(ended(redis), 60)
    # with a dead owner its helper ends as well, in the middle of a piece
    assert sum(heard.begun().values()) == PIECES + (2 if victim == "owner" else 1)
    assert int(str(result_of(start_worker, small_catalog)["captions"])) >= PIECES


def test_a_worker_that_is_stopped_loses_one_piece_at_most(
    redis: Redis, heard: Heard, start_worker: StartWorker, small_catalog: SmallCatalog, settings: Settings
) -> None:
    """Its stop interrupts a piece in the middle; another worker goes on, and does not listen to the recording again."""
    worker = start_worker("transcripting")
    assert queue.enqueue(redis, TRANSCRIBE, JOB, {"task": 7, "generation": 1})
    wait_until(lambda: sum(heard.begun().values()) == 3, 30)
    worker.signal(signal.SIGTERM)
    worker.wait()
    assert (settings.media_folder / f"videos/000003/{JOB}{CHUNKS}/plan.json").exists()
    assert list((settings.media_folder / f"videos/000003/{JOB}{PART}").iterdir()) == []
    heard.allow(100)
    start_worker("transcripting")
    wait_until(ended(redis), 60)
    assert sum(heard.begun().values()) == PIECES + 1
    result_of(start_worker, small_catalog)


def test_a_cancel_ends_owner_and_helper_in_the_middle_of_a_piece(
    redis: Redis, heard: Heard, start_worker: StartWorker, settings: Settings
) -> None:
    start_two(redis, start_worker, heard)
    queue.request_cancel(redis, 7, 1)
    wait_until(lambda: idle(redis) == 2, 15)
    assert sum(heard.begun().values()) == 4
    assert not list((settings.media_folder / "videos/000003").glob(f"*{CHUNKS}*"))
