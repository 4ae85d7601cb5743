"""Which files of a chunk from another host are taken."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import ResultRejected
from pod_jobs.jobs.encode import far_chunks
from pod_jobs.jobs.encode.far_chunks import NOTE_BYTES, ROOM, ROOM_BYTES
from pod_jobs.media.sharing import chunks
from pod_jobs.storage.received_run import Announced

NAMES = ("360p.mp4", chunks.FINISHED)


@pytest.fixture(autouse=True)
def files_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "files_of_chunk", lambda layout: set(NAMES))


def layout_of(*lengths_s: float | None) -> Any:
    rendition = SimpleNamespace(rung=SimpleNamespace(maxrate_kbps=1000))
    return SimpleNamespace(
        chunks=[SimpleNamespace(duration_s=length_s, start_s=10.0) for length_s in lengths_s],
        duration_s=14.0,
        picture=SimpleNamespace(renditions=[rendition, rendition]),
    )


def announced(picture: int, note: int = 10) -> dict[str, Announced]:
    return {name: Announced(size, "0" * 64) for name, size in zip(NAMES, (picture, note), strict=True)}


@pytest.mark.parametrize(("length_s", "lasts_s"), [(8.0, 8.0), (None, 4.0), (0.5, 1.0)])
def test_a_chunk_is_as_large_as_its_rates_allow_with_room(length_s: float | None, lasts_s: float) -> None:
    most = int(ROOM * 2 * 1000 * 125 * lasts_s) + ROOM_BYTES
    far_chunks._check_files(layout_of(length_s), 0, announced(most - 10))
    with pytest.raises(ResultRejected, match="too large"):
        far_chunks._check_files(layout_of(length_s), 0, announced(most - 9))


@pytest.mark.parametrize(
    ("files", "fits"),
    [
        (announced(1, NOTE_BYTES), True),
        (announced(1, NOTE_BYTES + 1), False),
        ({"360p.mp4": Announced(1, "")}, False),
        ({**announced(1), "more": Announced(1, "")}, False),
    ],
)
def test_the_files_are_those_of_a_chunk(files: dict[str, Announced], fits: bool) -> None:
    if fits:
        far_chunks._check_files(layout_of(8.0), 0, files)
    else:
        with pytest.raises(ResultRejected, match="not the files"):
            far_chunks._check_files(layout_of(8.0), 0, files)


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Take in a chunk of this cost, while a colleague may have finished it; what is in the shared folder then."""

    def take(*cost: float, is_there: bool = False) -> str:
        folder, there = tmp_path / "got", tmp_path / chunks.name_of(0)
        for path, text in ((folder, "new"), *([(there, "old")] if is_there else [])):
            path.mkdir()
            (path / "a").write_text(text)
        monkeypatch.setattr(
            chunks, "read_finished", lambda folder: SimpleNamespace(wall_s=cost[0], cpu_s=cost[1], peak_mb=cost[2])
        )
        monkeypatch.setattr(chunks, "check_chunk", lambda *_: None)
        far_chunks._take_in(tmp_path, layout_of(8.0), folder, 0)
        return (there / "a").read_text()

    return take


@pytest.mark.parametrize("cost", [(-1, 0, 0), (0, float("nan"), 0), (0, 0, float("inf"))])
def test_what_it_cost_is_a_number(take: Callable[..., str], cost: tuple[float, ...]) -> None:
    with pytest.raises(ResultRejected, match="no number"):
        take(*cost)


@pytest.mark.parametrize(("is_there", "kept"), [(False, "new"), (True, "old")])
def test_a_chunk_that_a_colleague_has_finished_stays(take: Callable[..., str], is_there: bool, kept: str) -> None:
    assert take(0, 0, 0, is_there=is_there) == kept


@pytest.mark.parametrize(
    ("version", "demuxer", "can"),
    [("7.1", "mov", True), ("7.0", "mov", False), ("7.1", "flv", False), (None, "mov", False)],
)
def test_a_helper_needs_the_same_ffmpeg_and_a_source_that_can_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, demuxer: str, can: bool
) -> None:
    limits = SimpleNamespace(memory_mb=1)
    layout = SimpleNamespace(ffmpeg=version, demuxer=demuxer, limits=limits, chunks=[1, 2])
    monkeypatch.setattr(chunks, "read_layout", lambda place: layout if version else None)
    monkeypatch.setattr(far_chunks, "replace", lambda of, **changes: SimpleNamespace(**{**vars(of), **changes}))
    monkeypatch.setattr(far_chunks, "SEEKABLE", ("mov",))
    tools: Any = SimpleNamespace(version="7.1")
    making = far_chunks.prepare(tools, 500, tmp_path, "instructions")
    assert (making is not None) is can and (making is None or making.pieces == 2)
    assert (tmp_path / chunks.LAYOUT).read_text() == "instructions"
