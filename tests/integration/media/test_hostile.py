"""The hostile corpus (tests/hostile.py): each input ends ready or refused with its sentence, in time, within its memory,
and nothing outside its folder was opened or called. Once per ffmpeg build, once per kind of sandbox.
"""

import ctypes
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.run import Bounds, run
from pod_jobs.media.process.tools import Tools, find_tools
from tests.clips import Clips, builds
from tests.hostile import CORPUS, READY, SECRET_TEXT, TEXTS, Ground, plant_secrets
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=35, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=False)
PLAN = EncodePlan((LOW,), limits=replace(LIMITS, memory_mb=3000, probe_s=30, stall_s=30), mp3_kbps=64)
LIMIT_S = 30
LIMIT_MB = 700
FRESH = get_context("forkserver")  # a process of its own for each input, without the memory of the tests' process
FRESH.set_forkserver_preload([__name__])
IN_ACCESS, IN_OPEN, IN_ISDIR = 0x01, 0x20, 0x40000000


class Watch:
    """Hears (inotify) of every file of a folder that anybody opens or reads."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self.handle >= 0
        assert libc.inotify_add_watch(self.handle, str(folder).encode(), IN_ACCESS | IN_OPEN) >= 0

    def opened(self) -> list[str]:
        """The names of files that were opened since the last call."""
        if not select.select([self.handle], [], [], 0)[0]:
            return []
        names, events = [], os.read(self.handle, 65_536)
        while events:
            _, mask, _, length = struct.unpack_from("iIII", events)
            name, events = events[16 : 16 + length].rstrip(b"\0").decode(), events[16 + length :]
            names += [] if mask & IN_ISDIR else [name]
        return names


class Outside:
    """What hostile files must not reach: a folder of secrets, a port that listens."""

    def __init__(self, folder: Path) -> None:
        plant_secrets(folder / "secrets")
        self.watch = Watch(folder / "secrets")
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        (folder / "uploads").mkdir()
        self.ground = Ground(folder / "uploads", folder / "secrets", f"http://127.0.0.1:{self.server.getsockname()[1]}")

    def reached(self) -> list[str]:
        calls = ["the network"] if select.select([self.server], [], [], 0)[0] else []
        return [*self.watch.opened(), *calls]

    def source(self, name: str) -> Path:
        folder = self.ground.folder / f"{list(CORPUS).index(name):03}"
        folder.mkdir(exist_ok=True)
        if not os.path.lexists(folder / name):
            CORPUS[name][0](folder / name, self.ground)
        return folder / name


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    place = Outside(tmp_path_factory.mktemp("hostile"))
    yield place
    place.server.close()
    os.close(place.watch.handle)


@pytest.fixture(scope="module", params=[("wheel", "none"), ("system", "bwrap")], ids="-".join)
def locked_tools(request: pytest.FixtureRequest) -> Tools:
    """Both builds and both kinds of sandbox, in two turns and not in four."""
    build, sandbox = request.param
    if build not in builds():
        pytest.skip("this machine has no ffmpeg of its own")
    tools = find_tools(builds()[build], "auto" if sandbox == "bwrap" else "none")
    if tools.sandbox.kind != sandbox:
        pytest.skip("bubblewrap does not work here")
    return tools


def test_the_watch_can_see(outside: Outside) -> None:
    (outside.ground.secrets / "marks.txt").read_text()
    socket.create_connection(outside.server.getsockname()).close()
    assert set(outside.reached()) == {"marks.txt", "the network"}
    outside.server.accept()[0].close()


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 60


@pytest.mark.parametrize("name", CORPUS, ids=[ascii(name) for name in CORPUS])
def test_hostile_inputs_end_tidily(locked_tools: Tools, outside: Outside, name: str, tmp_path: Path) -> None:
    source = outside.source(name)
    outside.reached()  # what making the file has read
    started = time.monotonic()
    with ProcessPoolExecutor(1, FRESH) as process:
        ended, peak_mb = process.submit(end_of, source, tmp_path, locked_tools).result()
    assert ended in CORPUS[name][1]
    assert time.monotonic() - started < LIMIT_S
    assert peak_mb < LIMIT_MB
    assert outside.reached() == []
    for path in tmp_path.iterdir():
        assert SECRET_TEXT.encode() not in path.read_bytes(), path.name
        assert b"<script>" not in path.read_bytes(), path.name


def end_of(source: Path, folder: Path, tools: Tools) -> tuple[str, float]:
    """How an encoding ends ("ready", or the code of its sentence), and the MB of its largest child process.

    Runs in a process of its own: the figure of the system is the largest of all children that a process ever had,
    and the process of the tests had those of other tests.
    """
    try:
        result = encode(source, folder, PLAN, tools, lambda progress: None)
    except BadSource as error:
        assert "?" not in error.sentence
        end = error.code
    else:
        assert result.duration_s > 0
        assert all((folder / one.name).stat().st_size == one.bytes for one in result.outputs)
        end = READY
    return end, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


@pytest.mark.parametrize("name", TEXTS)
def test_the_second_net_holds_alone(locked_tools: Tools, outside: Outside, name: str, tmp_path: Path) -> None:
    """If the check of the first bytes misses a playlist, ffmpeg with our white lists still does not follow it."""
    source = outside.source(name)
    outside.reached()
    options = locked_tools.input_options(LIMITS)
    argv = [locked_tools.ffmpeg, "-nostdin", "-v", "error", *options, "-i", f"file:{source}", "-t", "1", "out.mkv"]
    finished = run(argv, tmp_path, Bounds(wall_s=20, memory_mb=3000), lambda line: None, lambda: None)
    assert finished.returncode != 0
    assert outside.reached() == []


def test_no_decoder_applies_an_enhancement_layer(clips: Clips, tmp_path: Path) -> None:
    """FFmpeg up to 9.0.2 may write beyond its pictures then. Each command of an encoding that decodes a picture turns it off."""
    tools = find_tools("", "none")
    if not tools.bare:
        pytest.skip("this build cannot apply them")
    rungs = (LOW, replace(LOW, name="180p", height_px=180))
    plan = replace(PLAN, renditions=rungs, copy_top=True)
    result = encode(clips.path("plain.mp4"), tmp_path, plan, tools, lambda progress: None)
    files = ("plain.mp4", "90p.m4s", "180p.m4s")
    inputs = [one for command in result.commands for one in inputs_of(command) if one.endswith(files)]
    assert len(inputs) == 4  # the pass, and a picture of it for three thumbnails
    assert [one for one in inputs if " -export_side_data enhancements " not in one] == []


def inputs_of(command: str) -> list[str]:
    """What stands before and with each input of a command."""
    return [f"{options} -i {name.split()[0]}" for options, name in pairwise(command.split(" -i "))]
