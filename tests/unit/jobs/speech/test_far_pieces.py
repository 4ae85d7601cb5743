"""Which words of a piece from another host are taken, and that a helper shows that it is alive."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import ResultRejected, Superseded
from pod_jobs.jobs.speech import far_pieces, sharing
from pod_jobs.jobs.speech.far_pieces import EDGE_S, MOST_LETTERS, MOST_WORDS, WORDS, WORDS_BYTES
from pod_jobs.media.sharing import chunks
from pod_jobs.storage.received_run import Announced

PIECE: Any = SimpleNamespace(start_s=10.0, end_s=20.0)


def take(tmp_path: Path, words: list[Any], before: str = "") -> str:
    (folder := tmp_path / "got").mkdir()
    (folder / WORDS).write_text(json.dumps(words))
    path = tmp_path / chunks.name_of(0)
    if before:
        path.write_text(before)
    far_pieces._take_in(tmp_path, (PIECE,), folder, 0)
    return path.read_text()


@pytest.mark.parametrize(
    "words",
    [
        [],
        [[10.0 - EDGE_S, 20.0 + EDGE_S, "x", 0.5]],
        [[12, 12, "x" * MOST_LETTERS, 0.5]],
        [[12, 13, "x", 0.5]] * MOST_WORDS,
    ],
)
def test_words_of_the_piece(tmp_path: Path, words: list[Any]) -> None:
    assert len(sharing.words_in(take(tmp_path, words).encode())) == len(words)


@pytest.mark.parametrize(
    "words",
    [
        [[8.9, 12, "x", 0.5]],
        [[12, 21.1, "x", 0.5]],
        [[13, 12, "x", 0.5]],
        [[12, 13, "x", float("nan")]],
        [[12, float("nan"), "x", 0.5]],
        [[12, 13, "x\n", 0.5]],
        [[12, 13, "\ud800", 0.5]],
        [[12, 13, "x" * (MOST_LETTERS + 1), 0.5]],
        [[12, 13, "x", 0.5]] * (MOST_WORDS + 1),
    ],
)
def test_words_that_are_not(tmp_path: Path, words: list[Any]) -> None:
    with pytest.raises(ResultRejected):
        take(tmp_path, words)
    assert not (tmp_path / chunks.name_of(0)).exists()


def test_what_a_colleague_has_finished_stays(tmp_path: Path) -> None:
    assert take(tmp_path, [], before="its words") == "its words"


@pytest.mark.parametrize(
    ("files", "fits"),
    [
        ({WORDS: Announced(WORDS_BYTES, "")}, True),
        ({WORDS: Announced(WORDS_BYTES + 1, "")}, False),
        ({}, False),
        ({WORDS: Announced(1, ""), "more": Announced(1, "")}, False),
    ],
)
def test_a_piece_is_one_file(files: dict[str, Announced], fits: bool) -> None:
    if fits:
        far_pieces._check_files(0, files)
    else:
        with pytest.raises(ResultRejected):
            far_pieces._check_files(0, files)


@pytest.mark.parametrize(("pieces", "shares"), [(None, False), (1, False), (2, True)])
def test_one_piece_alone_is_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: int | None, shares: bool
) -> None:
    plan = None if pieces is None else SimpleNamespace(pieces=(PIECE,) * pieces)
    monkeypatch.setattr(sharing, "read_shared", lambda shared: plan)
    monkeypatch.setattr(sharing, "say", lambda plan: b"said")
    called = far_pieces.called(tmp_path)
    assert (called is not None) is shares and (called is None or called.pieces == pieces)


def test_a_helper_that_thinks_for_long_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_pieces, "ASK_S", 0.01)
    heard, was_heard = [], threading.Event()

    def watch(done_s: int) -> None:
        heard.append(done_s)
        was_heard.set()

    with far_pieces._alive(watch) as done:
        done(7.9)
        was_heard.clear()
        assert was_heard.wait(10)
    assert heard[-1] == 7


def test_a_piece_that_was_taken_back_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_pieces, "ASK_S", 0.0)

    was_asked = threading.Event()

    def watch(done_s: int) -> None:
        was_asked.set()
        raise Superseded("taken back")

    with pytest.raises(Superseded), far_pieces._alive(watch):
        assert was_asked.wait(10)
