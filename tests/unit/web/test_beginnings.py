"""When waiting tasks will probably begin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pod_jobs.catalog.models import Task
from pod_jobs.jobs.workforce import SUSPENDED
from pod_jobs.web.intake import beginnings
from pod_jobs.web.intake.beginnings import AtWork

AT = datetime(2026, 11, 2, 9, 0, 40, tzinfo=UTC)
USUAL_S = {"encode": 600.0, "inspect": 30.0, "cut": None}
QUEUES = {"encode": "encoding", "cut": "encoding", "inspect": "inspecting"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the last tasks of each kind took, and in which queue each waits."""
    monkeypatch.setattr("pod_jobs.catalog.store.overview.usual_s", USUAL_S.get)
    monkeypatch.setattr(beginnings, "queue_of", lambda task: QUEUES[task.kind])


def running(number: int, begun_s: float, kind: str = "encode") -> Task:
    return Task(id=number, kind=kind, state="running", started_at=AT - timedelta(seconds=begun_s))


def waiting(number: int, kind: str = "encode") -> Task:
    return Task(id=number, kind=kind, state="waiting")


def worker(queue: str = "encoding", state: str = "busy") -> dict[str, Any]:
    return {"queue": queue, "state": state}


def times(
    run: list[Task],
    wait: list[Task],
    workers: list[dict[str, Any]] | None,
    said: dict[int, dict[str, Any]] | None = None,
) -> dict[int, str]:
    """Task -> "hours:minutes:seconds" of its beginning."""
    found = beginnings.times(AT, run, wait, AtWork(workers, said or {}, {}))
    return {number: f"{begins:%H:%M:%S}" for number, begins in found.items()}


def test_the_next_ones_begin_when_the_running_ones_end() -> None:
    run = [running(1, begun_s=60), running(2, begun_s=300)]
    wait = [waiting(number) for number in (3, 4, 5)]
    said = {1: {"eta_s": 120.0}}  # it ends at 9:02:40, and the other at 9:05:40, as those before it did
    assert times(run, wait, [worker(), worker()], said) == {3: "09:02:00", 4: "09:05:00", 5: "09:12:00"}


def test_a_free_worker_begins_at_once_and_the_next_ones_follow_it() -> None:
    wait = [waiting(number) for number in (2, 3)]
    assert times([running(1, 0)], wait, [worker(), worker(state="idle")]) == {2: "09:00:00", 3: "09:10:00"}


def test_a_run_that_takes_longer_than_usual_is_about_to_end() -> None:
    assert times([running(1, begun_s=6000)], [waiting(2)], [worker()]) == {2: "09:00:00"}


def test_each_queue_has_workers_of_its_own() -> None:
    wait = [waiting(2), waiting(3, "inspect"), waiting(4, "inspect"), waiting(5, "inspect")]
    workers = [worker(), worker("inspecting", "idle")]
    assert times([running(1, 0)], wait, workers) == {2: "09:10:00", 3: "09:00:00", 4: "09:01:00", 5: "09:01:00"}


def test_a_kind_of_which_none_is_done_takes_ten_minutes() -> None:
    assert times([running(1, 0, "cut")], [waiting(2)], [worker()]) == {2: "09:10:00"}


@pytest.mark.parametrize("workers", [None, [], [worker("inspecting")], [worker(state=SUSPENDED)]])
def test_nothing_is_said_of_a_queue_that_nobody_works_on(workers: list[dict[str, Any]] | None) -> None:
    assert times([running(1, 0)], [waiting(2)], workers) == {}


def test_waiting_tasks_begin_when_a_worker_is_free() -> None:
    assert beginnings.starts_in([10.0, 40.0], [30.0, 30.0, 30.0]) == [10.0, 40.0, 40.0]
    assert beginnings.starts_in([], [30.0]) == []


def test_the_last_of_many_begins_at_the_pace_of_the_first() -> None:
    at = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    begins = {number: at + timedelta(minutes=10 * number) for number in range(4)}
    assert beginnings.last(begins, 4) == at + timedelta(minutes=30)
    assert beginnings.last(begins, 100) == at + timedelta(minutes=30 + 960)
    assert beginnings.last({1: at}, 1) == at
    assert beginnings.last({}, 5) is None
