"""How a running job learns that it has to end, and how often it looks."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import RedisError

from pod_jobs.errors import Cancelled, Interrupted
from pod_jobs.jobs import context as of_run
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import SILENCE_S, TICK_S, Context, StopSignal

ORDER: Any = SimpleNamespace(task=7, generation=2, attempt=1)


class Clock:
    """Stands for the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(of_run, "time", made := Clock())
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(queue, "write_progress", lambda redis, task, progress: said.append(progress))
    monkeypatch.setattr(queue, "is_cancel_requested", lambda redis, task, generation: False)
    monkeypatch.setattr(queue, "is_interrupt_requested", lambda redis, task, worker: False)
    monkeypatch.setattr(queue, "forget_interrupt", lambda redis, task: None)
    return said


@pytest.fixture
def context() -> Context:
    settings: Any = SimpleNamespace(storage=SimpleNamespace(trouble=""))
    redis: Any = None
    catalog: Any = None
    return Context(settings, redis, redis, catalog, "w", "h", StopSignal())


def test_a_job_ends_with_its_worker(context: Context) -> None:
    context.check_stop()
    context.parent_pid = os.getppid() + 1
    with pytest.raises(Interrupted, match="gone"):
        context.check_stop()
    context.stop.caught = True
    with pytest.raises(Interrupted, match="stopping"):
        context.check_stop()


def test_progress_is_written_now_and_then(context: Context, clock: Clock, written: list[dict[str, Any]]) -> None:
    for passed_s in (0.0, TICK_S / 2, TICK_S / 2, TICK_S):
        clock.now += passed_s
        context.tick(ORDER, {"source_s": 3.0})
    assert len(written) == 3 and context.source_s == 3.0
    assert (written[0]["worker"], written[0]["host"], written[0]["attempt"]) == ("w", "h", 1)


def test_an_outage_is_not_asked_about_at_each_tick(
    context: Context, clock: Clock, written: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(*_: Any) -> None:
        asked.append(clock.now)
        raise RedisError

    monkeypatch.setattr(queue, "write_progress", fail)
    for passed_s in (0.0, TICK_S, SILENCE_S - TICK_S):
        clock.now += passed_s
        context.tick(ORDER, {})
    assert asked == [1000.0, 1000.0 + SILENCE_S]


@pytest.mark.parametrize(
    ("name", "error"), [("is_cancel_requested", Cancelled), ("is_interrupt_requested", Interrupted)]
)
def test_a_person_ends_a_job(
    context: Context,
    written: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(queue, name, lambda *_: True)
    with pytest.raises(error, match="a person"):
        context.tick(ORDER, {})
