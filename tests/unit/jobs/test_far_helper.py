"""A helper of a far owner: what it asks, when it ends, what it takes for the end of a piece."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import ServiceUnavailable, Superseded
from pod_jobs.jobs import far_helper
from pod_jobs.jobs.far_helper import Making, _give_way, _Helper
from pod_jobs.storage import Run

RUN = Run(3, "encode", 7, 1, "web", attempt=1, key="key")
AWAY = ServiceUnavailable("the web app is away")


class Owner:
    """Gives these pieces, one an answer; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self.heard: list[tuple[int | None, int]] = []
        self.sent: list[int] = []

    def note(self, run: Run, helper: str, number: int | None, done: int = 0) -> int | None:
        self.heard.append((number, done))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        assert answer is None or isinstance(answer, int)
        return answer

    def send(self, run: Run, helper: str, folder: Path, names: Any, tick: Any) -> None:
        self.sent.append(int(folder.name))


def helper_of(
    owner: Owner, make: Callable[..., Path] = lambda *_: Path("0"), may_go_on: Callable[[], bool] = lambda: True
) -> _Helper:
    context: Any = SimpleNamespace(far_help=owner)
    return _Helper(context, RUN, "0a", Making(3, ("a",), make), lambda: None, may_go_on)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_helper, "ASK_S", 0.0)


def test_a_piece_is_asked_for_until_there_is_one_that_exists() -> None:
    owner = Owner(None, AWAY, 3, 9, 2)
    helper = helper_of(owner)
    assert not helper.has_sent
    helper.has_sent = True  # the piece before
    assert helper._ask() == 2 and not helper.has_sent
    assert owner.heard == [(None, 0)] * 5


def test_nothing_is_asked_once_a_task_waits_or_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner(0)
    assert helper_of(owner, may_go_on=lambda: False)._ask() is None
    monkeypatch.setattr(far_helper, "WAIT_S", 0.0)
    assert helper_of(owner)._ask() is None
    assert owner.heard == []


def test_a_piece_is_made_sent_and_removed(tmp_path: Path) -> None:
    def make(source: Path, number: int, watch: Callable[[int], None]) -> Path:
        watch(1)
        (folder := tmp_path / str(number)).mkdir()
        return folder

    owner = Owner(1, 1, 1)
    helper = helper_of(owner, make)
    assert helper.make_one(tmp_path) and helper.has_sent
    assert owner.heard == [(None, 0), (1, 0), (1, 1)] and owner.sent == [1]
    assert list(tmp_path.iterdir()) == []
    helper.may_go_on = lambda: False
    assert not helper.make_one(tmp_path) and helper.has_sent, "the owner may still be taking it in"


def test_a_piece_that_the_owner_took_back_is_given_up() -> None:
    with pytest.raises(Superseded, match="piece 1 was taken back"):
        helper_of(Owner(2))._note(1, 0)


def test_the_owner_is_told_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_helper, "ASK_S", 60.0)
    helper = helper_of(owner := Owner(1))
    helper._note(1, 0)
    helper._note(1, 1)
    assert owner.heard == [(1, 0)]


@pytest.mark.parametrize("silent_for_s", [-60.0, 60.0])
def test_a_helper_goes_on_while_the_web_app_is_away_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, silent_for_s: float
) -> None:
    monkeypatch.setattr(far_helper, "SILENCE_S", -silent_for_s)
    helper = helper_of(Owner(1, AWAY))
    helper._note(1, 0)
    if silent_for_s < 0:
        helper._note(1, 1)
    else:
        with pytest.raises(Superseded, match="heard nothing"):
            helper._note(1, 1)


@pytest.mark.parametrize(
    ("looked", "may_go_on", "gives_way"),
    [(False, False, False), (True, True, False), (True, False, True), (False, True, False)],
)
def test_the_source_is_fetched_no_further_once_a_task_waits(looked: bool, may_go_on: bool, gives_way: bool) -> None:
    if gives_way:
        with pytest.raises(Superseded, match="a task waits"):
            _give_way(lambda: looked, lambda: may_go_on)
    else:
        _give_way(lambda: looked, lambda: may_go_on)
