"""The owner of the pieces of a transcription, in one process; tests/integration/jobs/speech/test_sharing.py has real workers."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.errors import Cancelled
from pod_jobs.jobs.speech import sharing
from pod_jobs.jobs.speech.sharing import Owner, help_out
from pod_jobs.media.sharing.chunks import claimed
from pod_jobs.speech.pieces import Piece

PIECES = [Piece(number, None, 100.0 * number, 100.0 * number + 60, ()) for number in range(3)]


class Team:
    """Idle workers that never come."""

    def __init__(self, shared: Path, idle: int = 0) -> None:
        self.shared, self._idle, self.called = shared, idle, 0

    def idle(self) -> int:
        return self._idle

    def call(self, count: int) -> None:
        self.called += count


def hear(piece: Piece, tick: Callable[[float], None]) -> list[Word]:
    tick(30.0)
    return [Word(piece.start_s, piece.end_s, f"word{piece.number}", 0.5)]


def owner(shared: Path, team: Team, reports: list[tuple[float, int]] | None = None) -> Owner:
    said = reports if reports is not None else []
    return Owner(shared, PIECES, hear, team, lambda done_s, workers: said.append((done_s, workers)))


def test_all_pieces_are_recognised_and_their_position_is_told(tmp_path: Path) -> None:
    reports: list[tuple[float, int]] = []
    words = owner(tmp_path, Team(tmp_path), reports).recognise_all()
    assert {number: found[0].text for number, found in words.items()} == {0: "word0", 1: "word1", 2: "word2"}
    assert [done_s for done_s, _ in reports] == [0, 30, 60, 90, 120, 150, 180]
    assert {workers for _, workers in reports} == {1}


def test_what_others_have_finished_is_taken_and_what_cannot_be_read_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "0000").write_text('[[0, 1, "theirs", 1]]')
    (tmp_path / "0001").write_text('[["not a word"]]')
    words = owner(tmp_path, Team(tmp_path)).recognise_all()
    assert [words[number][0].text for number in range(3)] == ["theirs", "word1", "word2"]


def test_a_helper_leaves_what_another_one_is_at(tmp_path: Path) -> None:
    with claimed(tmp_path, [1]) as number:
        assert number == 1
        assert help_out(tmp_path, PIECES, hear, lambda done_s: None, lambda: True) == 2
    assert help_out(tmp_path, PIECES, hear, lambda done_s: None, lambda: False) == 1
    assert help_out(tmp_path, PIECES, hear, lambda done_s: None, lambda: True) == 0


def test_a_helper_goes_after_a_piece_when_a_task_waits(tmp_path: Path) -> None:
    assert help_out(tmp_path, PIECES, hear, lambda done_s: None, lambda: False) == 1


def test_how_far_a_piece_has_come_is_noted_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, notes = 1000.0, list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def hear_slowly(piece: Piece, tick: Callable[[float], None]) -> list[Word]:
        nonlocal now
        for done_s in (10.0, 20.0, 30.0):
            tick(done_s)
            notes.append(next(path.read_text() for path in tmp_path.iterdir() if ".lock" not in path.name))
            now += 0.6 * sharing.NOTE_S
        return []

    sharing.hear_into(tmp_path, PIECES[0], hear_slowly, lambda done_s: None)
    assert [note.split()[0] for note in notes] == ["10", "10", "30"]


def test_a_piece_whose_worker_makes_no_progress_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "STALLED_S", 0.3)
    with claimed(tmp_path, [0]):
        words = owner(tmp_path, Team(tmp_path)).recognise_all()
    assert words[0][0].text == "word0"


def test_as_many_are_called_as_there_are_pieces_for(tmp_path: Path) -> None:
    team = Team(tmp_path, idle=5)
    owner(tmp_path, team).recognise_all()
    assert team.called == 2  # the owner is at the third one


def test_those_who_cannot_help_are_called_ever_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be idle and lack the owner's model. Once somebody has come, others are called as often as before."""
    team, now, calls = Team(tmp_path, idle=5), 1000.0, list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(team, "call", lambda count: calls.append(now))
    own = Owner(tmp_path, PIECES * 2, hear, team, lambda done_s, workers: None)
    for _ in range(1000):
        own._watch(0.0)
        now += 1.0
    waits = [later - earlier for earlier, later in zip(calls, calls[1:], strict=False)]
    assert waits == [10, 20, 40, 80, 160, 160, 160, 160, 160]
    for _ in range(300):
        (tmp_path / "0001.note").write_text(f"{int(now)} helper-1")
        own._watch(0.0)
        now += 1.0
    waits = [later - earlier for earlier, later in zip(calls, calls[1:], strict=False)]
    assert waits[9:12] == [160, 10, 20]


def test_what_the_report_raises_ends_the_piece(tmp_path: Path) -> None:
    def cancelled(done_s: float, workers: int) -> None:
        if done_s:
            raise Cancelled("a person")

    with pytest.raises(Cancelled):
        Owner(tmp_path, PIECES, hear, Team(tmp_path), cancelled).recognise_all()
    assert [name for name in os.listdir(tmp_path) if name.isdigit()] == []
