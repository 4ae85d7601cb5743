"""Whether a worker may take a job: drains, checks, and how often it looks."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.jobs import drains, gate
from pod_jobs.jobs.drain_scope import reaches
from pod_jobs.jobs.gate import CHECK_S, Gate
from pod_jobs.jobs.snapshot import Snapshot

WORKER = ("w1", "enc1", "encoding")


def redis_with(*entries: dict[str, Any]) -> Any:
    return SimpleNamespace(get=lambda key: json.dumps(entries).encode() if entries else None)


def drain(scope: str, name: str = "", why: str = "") -> dict[str, Any]:
    return {"scope": scope, "name": name, "who": "tina", "why": why}


@pytest.mark.parametrize(
    ("scope", "name", "queue", "is_reached"),
    [
        ("queue", "encoding", "encoding", True),
        ("queue", "xapi", "encoding", False),
        ("worker", "w1", "encoding", True),
        ("worker", "w2", "encoding", False),
        ("host", "enc1", "encoding", True),
        ("host", "enc2", "encoding", False),
        ("all", "", "encoding", True),
        ("all", "", "catalog", False),
        ("host", "enc1", "catalog", False),
        ("queue", "catalog", "catalog", True),
        ("worker", "w1", "catalog", True),
        ("unknown", "", "encoding", False),
    ],
)
def test_whom_a_drain_reaches(scope: str, name: str, queue: str, is_reached: bool) -> None:
    assert reaches(scope, name, "w1", "enc1", queue) is is_reached


def test_a_drained_worker_is_told_by_whom_and_why() -> None:
    assert drains.why_drained(redis_with(), *WORKER) == ""
    assert drains.why_drained(redis_with(drain("queue", "xapi")), *WORKER) == ""
    both = redis_with(drain("queue", "xapi", "no"), drain("host", "enc1", "updates"))
    assert drains.why_drained(both, *WORKER) == "drained by tina: updates"
    assert drains.why_drained(redis_with(drain("all")), *WORKER) == "drained by tina"
    assert (drains.any_drained(both), drains.any_drained(redis_with())) == (True, False)
    assert not drains.any_drained(SimpleNamespace(get=lambda key: b"[]"))  # type: ignore[arg-type]


def test_checks_run_now_and_then_and_at_once_after_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, faults = SimpleNamespace(now=1000.0), ["disk full", "disk full", "", ""]
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: clock.now))
    gate_of_worker = Gate(redis_with(), WORKER, lambda: faults.pop(0))
    said = []
    for passed_s in (0.0, CHECK_S / 2, CHECK_S, 0.0, 0.0, CHECK_S / 2, CHECK_S):
        clock.now += passed_s
        said.append(gate_of_worker.why_closed())
    assert said == ["", "", "disk full", "disk full", "", "", ""] and faults == []
    gate_of_worker.doubt()
    faults.append("token revoked")
    assert gate_of_worker.why_closed() == "token revoked"


def test_a_drained_worker_checks_nothing() -> None:
    def check() -> str:
        raise AssertionError

    gate_of_worker = Gate(redis_with(drain("all")), WORKER, check)
    gate_of_worker.doubt()
    assert gate_of_worker.why_closed() == "drained by tina"


@pytest.mark.parametrize("where", ["listed", "taken", "scheduled", "started"])
def test_rq_ends_what_it_has_somewhere(where: str) -> None:
    assert Snapshot(**{where: {"a"}}).placed("a")  # type: ignore[arg-type]
    assert not Snapshot(**{where: {"a"}}).placed("b")  # type: ignore[arg-type]
