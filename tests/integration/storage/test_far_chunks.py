"""A long recording, shared by an owner and a helper that have no folder in common: real chunks, a real web app between them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from pod_jobs.errors import Superseded
from pod_jobs.jobs import far_helper, far_owner
from pod_jobs.jobs.encode import far_chunks
from pod_jobs.jobs.far_helper import help_from_afar
from pod_jobs.jobs.far_owner import with_far_helpers
from pod_jobs.media.encode import EncodePlan, Progress, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Storage, WorkFolder
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.over_http import OverHttp
from pod_jobs.storage.shared_folder import SharedFolder
from pod_jobs.storage.web_calls import WebCalls
from tests.acceptance.site import Site
from tests.clips import AAC, H264, ffmpeg, pattern, tone
from tests.integration.storage.conftest import Far, tick
from tests.servers import free_port, wait_until
from tests.unit.media.samples import LIMITS

SECONDS = 18
LOW = Rendition("90p", 90, crf=23, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=False)
PLAN = EncodePlan((LOW,), mp3_kbps=64, segment_s=2, share_from_s=10, chunk_s=4, limits=LIMITS, copy_top=False)

pytestmark = pytest.mark.usefixtures("hasty", "hasty_help")


@pytest.fixture
def hasty_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_owner, "LOOK_S", 0.05)
    monkeypatch.setattr(far_owner, "FIRST_LOOK_S", 0.05)
    monkeypatch.setattr(far_owner, "SILENCE_S", 2.0)
    monkeypatch.setattr(far_helper, "ASK_S", 0.1)
    monkeypatch.setattr(far_helper, "WAIT_S", 2.0)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    ffmpeg(*pattern(seconds=SECONDS), *tone(SECONDS), *H264, *AAC, str(path))
    return path


@dataclass
class Helpers:
    """A team of one that is called and, as far as the owner sees, somewhere else."""

    shared: Path

    def idle(self) -> int:
        return 1

    def call(self, count: int) -> None:
        pass


@dataclass
class Scene:
    """An owner, `far`, that encodes, and who helps it. `seen` holds it before its first chunk until it is set."""

    far: Far
    tools: Tools
    seen: threading.Event
    log: str = ""
    frames: int = 0

    @property
    def token(self) -> str:
        return (self.far.site.home / "secrets/worker_token").read_text()

    def far_help(self, name: str) -> FarHelp:
        return FarHelp(WebCalls(self.far.site.url, self.token), self.far.folder / name)

    def storage(self, kind: str) -> Storage:
        if kind == "shared":
            return SharedFolder(self.far.site.home / "media")
        return OverHttp(WebCalls(self.far.site.url, self.token), self.far.folder / "of a helper", 10**9)

    def encode(self, storage: Storage, far_help: FarHelp) -> None:
        """Of the owner. What it made is left in `log` and `frames`."""

        def report(progress: Progress) -> None:
            if progress.step == "encode":
                assert self.seen.wait(90), "the helper has done its part"  # it waits three times for up to 20 s

        with storage.work_on(self.far.run, tick, chunks.clear) as work:
            source, folder = storage.source(self.far.run, self.far.order.source), work.begin()
            with with_far_helpers(far_help, self.far.run, work.chunks, far_chunks.called, far_chunks.NOTE):
                encode(source, folder, PLAN, self.tools, report, Helpers(work.chunks))
            self._read(work)

    def _read(self, work: WorkFolder) -> None:
        self.log = (work.path / "encoding.log").read_text()
        with av.open(str(work.path / "90p.m4s")) as container:
            self.frames = sum(packet.size > 0 for packet in container.demux(video=0))

    def assert_whole(self) -> None:
        assert self.frames == SECONDS * 25
        assert "whole after all" not in self.log and "chunk 0 by" in self.log
        assert not list((self.far.site.home / "media/videos").glob(f"*/encode-{self.far.run.task}-g*.helpers"))


@pytest.fixture
def scene(site: Site, long_clip: Path, tools: Tools, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(Far(site, long_clip, tmp_path / "work"), tools, threading.Event())
    yield made
    made.seen.set()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(("of_owner", "of_helper"), [("http", "http"), ("shared", "http"), ("http", "shared")])
def test_both_make_chunks_whatever_storage_each_has(scene: Scene, of_owner: str, of_helper: str) -> None:
    made: list[int] = []
    storage = scene.storage(of_helper)
    context: Any = SimpleNamespace(far_help=scene.far_help("helper"), storage=storage)

    def may_go_on() -> bool:
        scene.seen.set()  # it is asked after each chunk
        return True

    def work() -> None:
        run = replace(scene.far.run, key="")
        with suppress(Superseded):  # once the owner has what it needs
            prepare = partial(far_chunks.prepare, scene.tools, LIMITS.memory_mb)
            made.append(help_from_afar(context, run, prepare, lambda: True, may_go_on))

    helper = in_thread(work)
    own = scene.far.storage if of_owner == "http" else scene.storage("shared")
    scene.encode(own, scene.far_help("owner"))
    helper.join(20)
    assert scene.seen.is_set(), "the helper made one"
    scene.assert_whole()
    assert not list((scene.far.folder / "helper").glob("*"))


class BadHelper:
    """It wants a chunk, and does `then` with what it was given, for which `scene` waits."""

    def __init__(self, scene: Scene, then: Callable[["BadHelper"], None]) -> None:
        self.far_help = scene.far_help("bad")
        self.ended: list[BaseException] = []
        self._scene, self._then = scene, then

    def work(self) -> None:
        joined: list[tuple[str, str, str]] = []
        without_key = replace(self._scene.far.run, key="")

        def join() -> bool:
            with suppress(Superseded):
                joined.append(self.far_help.join(without_key))
            return bool(joined)

        wait_until(join, 20)
        self.id, key, self.layout = joined[0]
        self.run = replace(without_key, key=key)
        wait_until(self._is_given, 20)
        try:
            self._then(self)
        except Superseded as error:
            self.ended.append(error)
        finally:
            self._scene.seen.set()

    def _is_given(self) -> bool:
        number = self.far_help.note(self.run, self.id, None)
        if number is not None:
            self.number = number
        return number is not None

    def has_its_chunk(self) -> bool:
        """Is it locked? The owner frees it, while the helper says nothing."""
        shared = self._scene.far.folder / f"{self._scene.far.run.folder}.chunks"
        with chunks.claimed(shared, [self.number]) as free:
            return free is None

    def send(self, content: bytes, **cost: Any) -> None:
        folder = self._scene.far.folder / "junk"
        folder.mkdir(exist_ok=True)
        said = {"worker": "b", "wall_s": 1.0, "cpu_s": 1.0, "peak_mb": 1.0, "command": "", "damaged": False}
        for name in ("90p.m4s", "90p.m3u8"):
            (folder / name).write_bytes(content)
        said["checksums"] = {"90p.m4s": chunks.checksum(folder / "90p.m4s")}
        (folder / chunks.FINISHED).write_text(json.dumps({**said, **cost}))
        self.far_help.send(self.run, self.id, folder, ["90p.m4s", "90p.m3u8", chunks.FINISHED], tick)

    def until_dropped(self) -> None:
        """Errors: Superseded, as soon as it is."""
        wait_until(lambda: self.far_help.note(self.run, self.id, self.number) == -1, 20)


def falls_silent(helper: BadHelper) -> None:
    assert helper.has_its_chunk()
    wait_until(lambda: not helper.has_its_chunk(), 20)
    helper.until_dropped()


def sends_junk(helper: BadHelper) -> None:
    helper.send(b"no media at all")
    helper.until_dropped()


def sends_what_cost_no_number(helper: BadHelper) -> None:
    helper.send(b"x", cpu_s=float("nan"))
    helper.until_dropped()


def leaves(helper: BadHelper) -> None:
    helper.far_help.drop(helper.run, helper.id)
    wait_until(lambda: not helper.has_its_chunk(), 20)
    helper.until_dropped()


@pytest.mark.parametrize("then", [falls_silent, sends_junk, sends_what_cost_no_number, leaves])
def test_a_bad_helper_costs_nothing(scene: Scene, then: Callable[[BadHelper], None]) -> None:
    bad = BadHelper(scene, then)
    thread = in_thread(bad.work)
    scene.encode(scene.far.storage, scene.far_help("owner"))
    thread.join(20)
    assert bad.ended, "it was told that it is over"
    scene.assert_whole()


def test_without_the_web_app_the_owner_makes_all(scene: Scene) -> None:
    scene.seen.set()
    nowhere = FarHelp(WebCalls(f"http://127.0.0.1:{free_port()}", scene.token), scene.far.folder / "nowhere")
    scene.encode(scene.far.storage, nowhere)
    scene.assert_whole()
