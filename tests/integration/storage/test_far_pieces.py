"""A long transcription, shared by an owner and a helper that have no folder in common: a real web app between them, and a
stand-in for the model."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.captions.cues import Word
from pod_jobs.errors import ResultRejected, Superseded
from pod_jobs.jobs import far_helper, far_owner
from pod_jobs.jobs.far_helper import Making, help_from_afar
from pod_jobs.jobs.far_owner import with_far_helpers
from pod_jobs.jobs.speech import far_pieces, sharing
from pod_jobs.speech.pieces import Piece
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.web_calls import WebCalls
from tests.integration.storage.conftest import Far

PIECES = tuple(Piece(n, None, 100.0 * n, 100.0 * n + 60, ((100.0 * n, 100.0 * n + 60),)) for n in range(4))
KEY = {"program": "1", "model": "stand-in", "glossary": ["Esup-Pod"]}
SILENCE_S = 1.0

pytestmark = pytest.mark.usefixtures("hasty", "hasty_help")


@pytest.fixture
def hasty_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_owner, "LOOK_S", 0.05)
    monkeypatch.setattr(far_owner, "FIRST_LOOK_S", 0.05)
    monkeypatch.setattr(far_owner, "SILENCE_S", SILENCE_S)
    monkeypatch.setattr(far_helper, "ASK_S", 0.1)
    monkeypatch.setattr(far_pieces, "ASK_S", 0.1)
    monkeypatch.setattr(far_helper, "WAIT_S", 2.0)
    monkeypatch.setattr(sharing, "NOTE_S", 0.05)
    monkeypatch.setattr(sharing, "POLL_S", 0.05)


class Nobody:
    """A team of one that was called already."""

    shared = Path()

    def idle(self) -> int:
        return 0

    def call(self, count: int) -> None: ...


class Scene:
    """An owner that waits in its first piece until `seen` is set, and a helper on another host."""

    def __init__(self, far: Far, shared: Path) -> None:
        self.far, self.shared, self.seen = far, shared, threading.Event()
        self.most_workers = 0
        shared.mkdir()
        plan = {"pieces": [asdict(one) for one in PIECES], "key": KEY, "language": {"code": "en"}}
        (shared / sharing.PLAN).write_text(json.dumps(plan))

    def far_help(self, name: str) -> FarHelp:
        return FarHelp(WebCalls(self.far.site.url, self.far.token), self.far.folder / name)

    def recognise_all(self) -> dict[int, list[Word]]:
        def hear(piece: Piece, done: Callable[[float], None]) -> list[Word]:
            deadline = time.monotonic() + 30
            while not self.seen.wait(0.02):
                done(1.0)
                assert time.monotonic() < deadline, "the helper has done its part"
            return words_of(piece, "owner")

        def report(_: float, workers: int) -> None:
            self.most_workers = max(self.most_workers, workers)

        owner = sharing.Owner(self.shared, PIECES, hear, Nobody(), report)
        with with_far_helpers(self.far_help("owner"), self.far.run, self.shared, far_pieces.called, sharing.NOTE):
            return owner.recognise_all()

    def help(self, hear: sharing.Hear) -> threading.Thread:
        """A helper on another host, at work in a thread."""
        context: Any = SimpleNamespace(far_help=self.far_help("helper"), storage=self.far.storage)

        def prepare(place: Path, said: str) -> Making | None:
            own = sharing.read_called(said)
            assert own == sharing.Called(PIECES, KEY, "en")
            return far_pieces.making(own, place, lambda source, tick: hear)

        def work() -> None:
            with suppress(Superseded):
                help_from_afar(context, replace(self.far.run, key=""), prepare, lambda: True, lambda: True)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


def words_of(piece: Piece, who: str) -> list[Word]:
    return [Word(piece.start_s, piece.end_s, who, 0.5)]


@pytest.fixture
def scene(far: Far, tmp_path: Path) -> Scene:
    return Scene(far, tmp_path / "shared")


def test_a_slow_model_on_another_host_makes_pieces(scene: Scene) -> None:
    made: list[int] = []

    def hear(piece: Piece, done: Callable[[float], None]) -> list[Word]:
        if not made:
            until = time.monotonic() + 2 * SILENCE_S
            while time.monotonic() < until:  # it says nothing meanwhile
                scene.seen.wait(0.05)
        else:
            scene.seen.set()
        done(30.0)
        made.append(piece.number)
        return words_of(piece, "helper")

    helper = scene.help(hear)
    words = scene.recognise_all()
    helper.join(20)
    assert set(words) == set(range(len(PIECES)))
    assert words[made[0]] == words_of(PIECES[made[0]], "helper"), "it was not taken for dead"
    assert words[0] == words_of(PIECES[0], "owner")
    assert scene.most_workers == 2
    assert not list((scene.far.site.home / "media/videos").glob(f"*/encode-{scene.far.run.task}-g*.helpers"))


@pytest.mark.parametrize(
    "words",
    [
        [Word(0.0, 1.0, "of another piece", 1.0)],
        [Word(float("nan"), 1.0, "at no time", 1.0)],
        [Word(100.0, 101.0, "x" * 1001, 1.0)],
        [Word(100.0, 101.0, "as sure as can be", float("inf"))],
        [Word(102.0, 101.0, "backwards", 1.0)],
    ],
)
def test_words_that_cannot_be_are_not_taken_in(tmp_path: Path, words: list[Word]) -> None:
    shared, folder = tmp_path / "shared", tmp_path / "piece"
    shared.mkdir()
    folder.mkdir()
    plan = {"pieces": [asdict(one) for one in PIECES], "key": KEY, "language": {"code": "en"}}
    (shared / sharing.PLAN).write_text(json.dumps(plan))
    called = far_pieces.called(shared)
    assert called is not None
    (folder / far_pieces.WORDS).write_text(sharing.text_of(words))
    with pytest.raises(ResultRejected):
        called.take_in(folder, 1)
    assert not (shared / "0001").exists()
    (folder / far_pieces.WORDS).write_text(sharing.text_of(words_of(PIECES[1], "helper")))
    called.take_in(folder, 1)
    assert sharing.words_in((shared / "0001").read_bytes()) == words_of(PIECES[1], "helper")


def test_a_helper_that_sends_nonsense_costs_nothing(scene: Scene) -> None:
    def hear(piece: Piece, done: Callable[[float], None]) -> list[Word]:
        return [Word(-5.0, -4.0, "before the beginning", 1.0)]

    helper = scene.help(hear)
    threading.Timer(1.0, scene.seen.set).start()
    words = scene.recognise_all()
    helper.join(20)
    assert all(words[one.number] == words_of(one, "owner") for one in PIECES)


def test_one_piece_alone_calls_nobody(tmp_path: Path) -> None:
    plan = {"pieces": [asdict(PIECES[0])], "key": KEY, "language": {"code": "en"}}
    (tmp_path / sharing.PLAN).write_text(json.dumps(plan))
    assert far_pieces.called(tmp_path) is None and sharing.read_called("[]") is None
