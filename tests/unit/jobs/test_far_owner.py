"""The owner of a long recording and its helpers elsewhere, without a web app between them."""

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pod_jobs.errors import ResultRejected, Superseded
from pod_jobs.jobs.far_owner import SILENCE_S, Called, _FarOwner
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Run
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.helpers_folder import HelperState

RUN = Run(3, "encode", 7, 1, "web", attempt=1, key="key")
WANTS = HelperState(None, None, 0, "1-0", wants=True, files=None)


class Web:
    """What the web app says: these helpers have offered their help, and `gone` have left since."""

    def __init__(self, *helpers: str, gone: str = "") -> None:
        self.helpers, self.gone = helpers, gone
        self.given: dict[str, int | None] = {}
        self.is_over = False

    def call(self, run: Run, said: bytes) -> None: ...

    def close(self, run: Run) -> None: ...

    def states(self, run: Run) -> dict[str, HelperState]:
        if self.is_over:
            raise Superseded("it is over")
        return dict.fromkeys(self.helpers, WANTS)

    def give(self, run: Run, helper: str, piece: int | None) -> None:
        if helper == self.gone:
            raise Superseded("none from this worker any more")
        self.given[helper] = piece


def owner_of(web: Web, shared: Path) -> _FarOwner:
    called = Called(2, b"", lambda number, files: None, lambda folder, number: None)
    return _FarOwner(cast(FarHelp, web), RUN, shared, lambda folder: called, ".note")


def test_a_helper_that_leaves_in_the_very_moment_ends_no_help_of_others(tmp_path: Path) -> None:
    web = Web("00a", "01b", "02c", gone="00a")
    owner = owner_of(web, tmp_path)
    owner._look(threading.Event())
    assert web.given == {"01b": 0, "02c": 1}, "its piece went to the next one"


def test_a_run_that_is_over_ends_all_help(tmp_path: Path) -> None:
    web = Web("00a")
    owner = owner_of(web, tmp_path)
    owner._look(threading.Event())
    web.is_over = True
    with pytest.raises(Superseded):
        owner._look(threading.Event())
    owner._end()
    with chunks.claimed(tmp_path, [0]) as free:
        assert free == 0


class Watched(Web):
    """What each helper says; and what was fetched, and from whom a piece was taken."""

    def __init__(self, **said: HelperState) -> None:
        super().__init__()
        self.said, self.dropped, self.fetched = said, [], []  # type: ignore[var-annotated]

    def states(self, run: Run) -> dict[str, HelperState]:
        return self.said

    def drop(self, run: Run, helper: str) -> None:
        self.dropped.append(helper)

    def fetch(self, run: Run, helper: str, files: Any, folder: Path, tick: Any) -> None:
        self.fetched.append(helper)


MAKES = HelperState(piece=0, at=0, frames=7, sign="1-1", wants=False, files=None)


def looked(web: Watched, shared: Path, *, later_s: float = 0.0) -> _FarOwner:
    """An owner that gave the helper `a` piece 0, and looks again some seconds later."""
    owner = owner_of(web, shared)
    said, web.said = web.said, {"a": WANTS}
    owner._look(threading.Event())
    assert web.given == {"a": 0}
    web.given, web.said = {}, said
    owner._held["a"].since -= later_s
    owner._look(threading.Event())
    return owner


@pytest.mark.parametrize(
    ("said", "later_s", "keeps"),
    [
        (MAKES, 2 * SILENCE_S, True),  # its sign is another one
        (replace(MAKES, sign=WANTS.sign), SILENCE_S / 2, True),
        (replace(MAKES, sign=WANTS.sign), 2 * SILENCE_S, False),
        (None, 0.0, False),
    ],
)
def test_a_piece_is_free_when_its_helper_is_silent_or_has_left(
    tmp_path: Path, said: HelperState | None, later_s: float, keeps: bool
) -> None:
    owner = looked(Watched(**({"a": said} if said else {})), tmp_path, later_s=later_s)
    assert ("a" in owner._held) is keeps
    with chunks.claimed(tmp_path, [0]) as free:
        assert (free == 0) is not keeps
    owner._end()


@pytest.mark.parametrize(
    ("said", "given", "note"),
    [
        (MAKES, {}, "7 far-a"),
        (replace(MAKES, at=1), {}, ""),
        (replace(MAKES, at=None), {}, ""),
        (replace(MAKES, piece=None), {"a": 0}, ""),
    ],
)
def test_how_far_a_helper_is(tmp_path: Path, said: HelperState, given: dict[str, int], note: str) -> None:
    web = Watched(a=said)
    owner = looked(web, tmp_path)
    assert web.given == given
    assert chunks.read_note(tmp_path / f"{chunks.name_of(0)}.note") == note
    owner._end()


def test_a_finished_piece_is_taken_in_and_its_helper_gets_another(tmp_path: Path) -> None:
    web = Watched(a=replace(MAKES, files={}))
    owner = looked(web, tmp_path)
    assert (web.fetched, web.given, owner._held) == (["a"], {"a": None}, {})
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_files_that_are_not_those_of_the_piece_are_not_even_fetched(tmp_path: Path) -> None:
    def refuse(number: int, files: object) -> None:
        raise ResultRejected("others")

    web = Watched(a=replace(MAKES, files={}))
    called = Called(2, b"", refuse, lambda folder, number: None)
    owner = _FarOwner(cast(FarHelp, web), RUN, tmp_path, lambda folder: called, ".note")
    said, web.said = web.said, {"a": WANTS}
    owner._look(threading.Event())
    web.given, web.said = {}, said
    owner._look(threading.Event())
    assert (web.fetched, web.given, owner._held) == ([], {}, {})


@pytest.mark.parametrize(("piece", "dropped"), [(None, []), (1, ["a"])])
def test_who_wants_nothing_gets_nothing_and_loses_what_it_had(
    tmp_path: Path, piece: int | None, dropped: list[str]
) -> None:
    web = Watched(a=replace(MAKES, piece=piece))
    owner_of(web, tmp_path)._look(threading.Event())
    assert (web.given, web.dropped) == ({}, dropped)


def test_helpers_are_called_once_there_are_pieces_and_until_there_are_none(tmp_path: Path) -> None:
    calls: list[bytes] = []
    web = SimpleNamespace(call=lambda run, said: calls.append(said))
    there: list[Any] = [None, Called(2, b"said", lambda number, files: None, lambda folder, number: None)]
    owner = _FarOwner(cast(FarHelp, web), RUN, tmp_path, lambda folder: there[0], ".note")
    assert not owner._is_called()
    there.reverse()
    assert owner._is_called() and owner._is_called() and calls == [b"said"]
    there.reverse()
    with pytest.raises(Superseded, match="all pieces are made"):
        owner._is_called()
