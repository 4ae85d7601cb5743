"""`drain`, `resume` and `workers`: whom they mean, and what they say."""

from typing import Any

import pytest

from pod_jobs.cli import workers
from tests.unit.cli.app_of import AppOf, run

DRAIN = {"id": 3, "scope": "host", "name": "enc1", "who": "tina", "why": "", "at": None}
WORKER = {"name": "w1", "queue": "encoding", "host": "enc1", "state": "busy", "job": None}


@pytest.mark.parametrize(
    ("words", "target", "said"),
    [
        ("--queue encoding", {"scope": "queue", "name": "encoding"}, "queue encoding"),
        ("--host enc1", {"scope": "host", "name": "enc1"}, "host enc1"),
        ("--worker w1", {"scope": "worker", "name": "w1"}, "worker w1"),
        ("--all", {"scope": "all", "name": ""}, "all workers"),
        ("", None, ""),
        ("--all --host enc1", None, ""),
        ("--queue gone", None, ""),
    ],
)
def test_a_drain_has_one_target(
    monkeypatch: pytest.MonkeyPatch, words: str, target: dict[str, str] | None, said: str
) -> None:
    app = AppOf(**{"POST /drains": {}})
    done = run(monkeypatch, app, "drain", "--why", "updates", *words.split())
    assert done.exit_code == (0 if target else 2)
    assert app.asked == ([("POST /drains", {**target, "why": "updates"})] if target else [])
    assert (f"Drained: {said}. " in done.stderr) is bool(target)


def test_a_drain_waits_only_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LOOK_S", 0)
    suspended = {**WORKER, "state": "suspended"}
    app = AppOf(**{"POST /drains": {}, "GET /workers": ({"workers": [WORKER]}, {"workers": [suspended]})})
    assert "waiting" not in run(monkeypatch, app, "drain", "--worker", "w1").stderr
    assert run(monkeypatch, app, "drain", "--worker", "w1", "--wait").stderr.endswith("waiting for w1\n")


@pytest.mark.parametrize(
    ("words", "ended", "said"),
    [
        ("--host enc1", [3, 4], "Host enc1 takes jobs again.\n"),
        ("--host enc2", [], "Host enc2 was not drained.\n"),
        ("--queue xapi", [], "Queue xapi was not drained.\n"),
        ("--all", [5], "All workers take jobs again.\n"),
    ],
)
def test_what_was_drained_is_resumed(monkeypatch: pytest.MonkeyPatch, words: str, ended: list[int], said: str) -> None:
    active = [DRAIN, {**DRAIN, "id": 4}, {**DRAIN, "id": 5, "scope": "all", "name": ""}]
    app = AppOf(**{"GET /drains": {"drains": active}, **{f"DELETE /drains/{number}": {} for number in (3, 4, 5)}})
    assert run(monkeypatch, app, "resume", *words.split()).stdout == said
    assert [call for call, _ in app.asked[1:]] == [f"DELETE /drains/{number}" for number in ended]


def test_all_workers_may_not_have_been_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppOf(**{"GET /drains": {"drains": [DRAIN]}})
    assert run(monkeypatch, app, "resume", "--all").stdout == "All workers were not drained.\n"


@pytest.mark.parametrize(("why", "end"), [("", "since -\n"), ("updates", "since -: updates\n")])
def test_workers_and_drains_are_listed(monkeypatch: pytest.MonkeyPatch, why: str, end: str) -> None:
    answers: dict[str, Any] = {
        "GET /workers": {"workers": [WORKER]},
        "GET /drains": {"drains": [{**DRAIN, "why": why}]},
    }
    said = run(monkeypatch, AppOf(**answers), "workers").stdout
    assert said.splitlines()[1].split() == ["encoding", "enc1", "busy", "-", "w1"]
    assert said.endswith(f"Drained: host enc1, by tina {end}")
    assert run(monkeypatch, AppOf(**answers), "workers", "--json").stdout.startswith('{"workers": [')
