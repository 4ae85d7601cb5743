"""A worker that was called to help: where it works, and when it ends."""

from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import RedisError

from pod_jobs.errors import BadSource, Cancelled, Superseded
from pod_jobs.jobs import colleagues, queue
from pod_jobs.jobs.colleagues import help_with
from pod_jobs.storage import Run

CALL = {"video": 3, "kind": "encode", "helps": 7, "generation": 1, "template": "web", "media": "", "attempt": 1}


class Host:
    """A host that has a folder in common with the owner if it has a `place`; an exception stands for a server that is away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: str | None = "a folder") -> None:
        self.place, self.waiting, self.cancelled, self.works, self.looks = place, {}, False, True, 0  # type: ignore[var-annotated]
        monkeypatch.setattr(queue, "positions", lambda redis, name: self._answer(self.waiting))
        monkeypatch.setattr(queue, "is_cancel_requested", lambda redis, task, generation: self._answer(self.cancelled))
        monkeypatch.setattr(colleagues, "TICK_S", 0.0)
        self.did: list[str] = []
        self.context: Any = SimpleNamespace(storage=self, brisk_redis=None, check_stop=lambda: None)

    @staticmethod
    def _answer(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    def helpers_place(self, run: Run) -> Any:
        if self.place is None:
            raise Superseded("no such folder")
        return self.place

    def is_worked_on(self, run: Run) -> bool:
        self.looks += 1
        return self.works

    def help(self, tick: bool = True, *, from_afar: bool = True) -> list[str]:
        def work(place: Any, tick_: Any, may_go_on: Any) -> int:
            self.did.append(f"in {place}")
            if tick:
                tick_(0.5)
                self.did.append("went on")
            return 1

        def far(run: Run, tick_: Any, may_go_on: Any) -> int:
            self.did.append(f"from afar, may go on: {may_go_on()}, looked: {tick_()}")
            return 1

        help_with(self.context, CALL, "encoding", work, far if from_afar else None)
        return self.did


def test_help_is_in_the_common_folder_or_from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Host(monkeypatch).help() == ["in a folder", "went on"]
    assert Host(monkeypatch, None).help() == ["from afar, may go on: True, looked: True"]
    assert Host(monkeypatch, None).help(from_afar=False) == []


@pytest.mark.parametrize("waiting", [{"encode-8-g1": 1}, RedisError("away")])
def test_nothing_is_begun_while_a_task_waits_or_nobody_knows(monkeypatch: pytest.MonkeyPatch, waiting: Any) -> None:
    host = Host(monkeypatch)
    host.waiting = waiting
    assert host.help() == []


@pytest.mark.parametrize(
    ("works", "cancelled", "did"),
    [
        (True, False, ["in a folder", "went on"]),
        (True, RedisError("away"), ["in a folder", "went on"]),
        (False, False, ["in a folder"]),
        (True, True, ["in a folder"]),
    ],
)
def test_help_ends_with_the_run_or_when_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, works: bool, cancelled: Any, did: list[str]
) -> None:
    host = Host(monkeypatch)
    host.works, host.cancelled = works, cancelled
    assert host.help() == did


def test_the_run_is_looked_at_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    monkeypatch.setattr(colleagues, "TICK_S", 60.0)
    look = colleagues._Look(host.context, Run(3, "encode", 7, 1, "web"))
    assert [look(), look()] == [True, False]
    host.cancelled = True
    assert not look()
    look._next = 0.0
    with pytest.raises(Cancelled):
        look()


@pytest.mark.parametrize("error", [BadSource("broken"), FileNotFoundError("gone"), OSError(5, "disk")])
def test_a_fault_of_a_helper_is_not_run_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    host = Host(monkeypatch)

    def fail(*_: Any) -> int:
        host.did.append("tried")
        raise error

    help_with(host.context, CALL, "encoding", fail)
    assert host.did == ["tried"]


@pytest.mark.parametrize(("idle", "count"), [(3, 3), (RedisError("away"), 0)])
def test_idle_colleagues_are_counted_while_that_is_known(
    monkeypatch: pytest.MonkeyPatch, idle: Any, count: int
) -> None:
    host = Host(monkeypatch)
    monkeypatch.setattr(colleagues, "count_idle", lambda redis, name: host._answer(idle))
    host.context.job_types = {"assist": SimpleNamespace(queue="encoding")}
    order: Any = None
    assert colleagues.Colleagues(host.context, order, order, order, "assist").idle() == count
