"""What the workers of a shared encode tell each other by files."""

import json
import os
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter

import pod_jobs
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.limits import Source
from pod_jobs.media.planning.scene import Scene
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media.sharing import chunks
from tests.unit.media.samples import LIMITS, planned, video

LAYOUT = chunks.Layout(
    demuxer="mov",
    program=pod_jobs.__version__,
    ffmpeg="5.1",
    picture=Picture(video(), (planned(0, 640, 360),), rate=Fraction(25), keyframe_s=2),
    encoder="libx264",
    limits=LIMITS,
    segment_s=4,
    duration_s=8.0,
    chunks=(Chunk(0, Fraction(25), 0, None, 0),),
)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    chunks.write_layout(tmp_path / "chunks", LAYOUT)
    return tmp_path / "chunks"


def test_a_helper_reads_what_the_owner_wrote(shared: Path) -> None:
    assert chunks.read_layout(shared) == LAYOUT


@pytest.mark.parametrize("change", [{"program": "0.0.9"}, {"program": None}, {"encoder": "libx266"}, {"picture": {}}])
def test_the_layout_of_another_version_is_none_to_help_with(shared: Path, change: dict[str, Any]) -> None:
    path = shared / chunks.LAYOUT
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert chunks.read_layout(shared) is None


def test_another_worker_chooses_neither_files_nor_filters_of_ours(shared: Path) -> None:
    """A layout comes from other hosts too."""
    path = shared / chunks.LAYOUT
    document = json.loads(path.read_text())
    picture, track = document["picture"], document["picture"]["track"]
    foreign = Source("/etc/shadow", "data", decoder=("-an_option", "of its own"))
    scene = Scene((foreign,), (), None, None, (), None, 640, 360, Fraction(25))
    said = TypeAdapter(Scene).dump_python(scene, mode="json")
    path.write_text(json.dumps({**document, "picture": {**picture, "scene": said}}))
    assert chunks.read_layout(shared) == LAYOUT
    for pix_fmt in ("yuv420p,movie=/etc/shadow", "yuv420p;movie", "yuv420p ", "yuv420p\n"):
        path.write_text(json.dumps({**document, "picture": {**picture, "track": {**track, "pix_fmt": pix_fmt}}}))
        assert chunks.read_layout(shared) is None, pix_fmt


def test_what_is_cleared_leaves_no_file_open(shared: Path) -> None:
    """A worker encodes thousands of recordings."""
    for number in range(3):
        (shared / f"{number}.lock").touch()
    before = len(os.listdir("/proc/self/fd"))
    chunks.clear(shared)
    chunks.clear(shared)
    assert len(os.listdir("/proc/self/fd")) == before and not list(shared.parent.iterdir())


@pytest.mark.parametrize(("goes_on", "encoded"), [(True, [0, 1, 2]), (False, [0])])
def test_a_helper_stops_between_chunks_when_other_work_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: bool, encoded: list[int]
) -> None:
    three = tuple(replace(LAYOUT.chunks[0], number=number) for number in range(3))
    chunks.write_layout(tmp_path / "chunks", replace(LAYOUT, chunks=three))
    done: list[int] = []

    def encode_chunk(shared: Path, source: Path, layout: chunks.Layout, chunk: Chunk, *_: Any) -> None:
        (shared / chunks.name_of(chunk.number)).mkdir()
        done.append(chunk.number)

    monkeypatch.setattr(chunks, "encode_chunk", encode_chunk)
    tools: Any = SimpleNamespace(version=LAYOUT.ffmpeg)
    count = chunks.help_out(tmp_path / "chunks", tmp_path / "source", tools, lambda _: None, lambda: goes_on)
    assert done == encoded and count == len(encoded)


def test_how_far_a_chunk_has_come_is_noted_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, told, notes = 1000.0, list[int](), list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    note = chunks._noting(tmp_path / "note", "enc-1.7", told.append)
    for frames in (10, 20, 30):
        note(frames)
        notes.append((tmp_path / "note").read_text())
        now += 0.6 * chunks.NOTE_S
    assert notes == ["10 enc-1.7", "10 enc-1.7", "30 enc-1.7"]
    assert told == [10, 20, 30]
