"""Commands for tasks: which tasks an ID names, what is asked of the web app, what is printed."""

from typing import Any

import pytest

from pod_jobs.cli import tasks
from tests.unit.cli.app_of import AppOf, run


def task(number: int, state: str, **fields: Any) -> dict[str, Any]:
    plain = {"kind": "encode", "progress": None, "error": None, "retry_at": None, "queue_position": None, "video": 9}
    times = {"started_at": None, "queued_at": "2026-03-04T05:06:07+00:00", "purpose": "play", "options": {}}
    return {"id": number, "state": state, **plain, **times, **fields}


ANSWER = {"matching": 1, "done": [1], "refused": [], "next": None}


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("requeue", None),
        ("requeue 9 --all-failed", None),
        ("requeue --all-failed", ("requeue", {"filter": {"state": "error"}})),
        ("requeue 9", ("requeue", {"tasks": [2, 3]})),
        ("requeue t5 encode-5-g1 t4", ("requeue", {"tasks": [4, 5]})),
        ("requeue x5", None),
        ("requeue ²", None),
        ("priority high", None),
        ("priority high 9 --owner lea", None),
        ("priority high 9", ("prioritise", {"tasks": [1], "priority": "high"})),
        (
            "priority low --owner lea --kind encode",
            ("prioritise", {"filter": {"state": "waiting", "owner": "lea", "kind": "encode"}, "priority": "low"}),
        ),
        (
            "priority low --kind encode",
            ("prioritise", {"filter": {"state": "waiting", "kind": "encode"}, "priority": "low"}),
        ),
        ("delete-tasks", None),
        ("delete-tasks 9 --state done", None),
        ("delete-tasks --state done", ("delete", {"filter": {"state": "done"}})),
        ("delete-tasks --state error --owner lea", ("delete", {"filter": {"state": "error", "owner": "lea"}})),
        ("delete-tasks 9", ("delete", {"tasks": [2, 3, 4]})),
    ],
)
def test_tasks_are_named_or_chosen_but_not_both(
    monkeypatch: pytest.MonkeyPatch, words: str, order: tuple[str, dict[str, Any]] | None
) -> None:
    of_video = [task(1, "waiting"), task(2, "error"), task(3, "cancelled"), task(4, "done"), task(6, "running")]
    app = AppOf(**{f"POST /tasks/{verb}": ANSWER for verb in ("requeue", "prioritise", "delete")})
    app.answers |= {
        "GET /videos/9": {"tasks": of_video},
        "GET /tasks/4": task(4, "done"),
        "GET /tasks/5": task(5, "error"),
    }
    done = run(monkeypatch, app, *words.split())
    assert done.exit_code == (0 if order else 2), done.output
    assert [(call.rpartition("/")[2], sent) for call, sent in app.asked if call.startswith("POST")] == [
        *([order] if order else [])
    ]


def test_a_video_without_fitting_tasks_says_which_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppOf(**{"GET /videos/9": {"tasks": [task(4, "done")]}})
    done = run(monkeypatch, app, "requeue", "9")
    assert done.exit_code == 1 and "Video 9 has no failed or cancelled task." in done.stderr
    assert "It has t4 (encode, done). What is done is encoded again by: requeue --template web 9" in done.stderr
    assert "no waiting or running task" in run(monkeypatch, app, "cancel", "9").stderr


def test_open_tasks_are_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppOf(**{"GET /videos/9": {"tasks": [task(1, "waiting"), task(4, "done"), task(6, "running")]}})
    app.answers |= {"POST /tasks/1/cancel": {}, "POST /tasks/6/cancel": {}}
    assert run(monkeypatch, app, "cancel", "9").stdout == "2 tasks are cancelled.\n"


@pytest.mark.parametrize(
    ("of_video", "options"),
    [
        ([task(1, "done", options={"keep": [[0, 1]]})], {"keep": [[0, 1]]}),
        ([task(2, "error"), task(1, "done", options={"keep": [[0, 1]]})], {"keep": [[0, 1]]}),
        ([task(2, "done", purpose="offer", options={"keep": [[5, 6]]})], {"second": 4}),
        ([task(2, "error", options={"keep": [[5, 6]]})], {"second": 4}),
    ],
)
def test_a_video_is_encoded_again_as_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, of_video: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    app = AppOf(
        **{"GET /videos/9": {"tasks": of_video, "task": {"options": {"second": 4}}}, "POST /videos/9/encode": {}}
    )
    done = run(monkeypatch, app, "requeue", "9", "--template", "audio")
    assert done.stdout == "1 encoding is queued.\n"
    assert app.asked[-1] == ("POST /videos/9/encode", {**options, "template": "audio"})


@pytest.mark.parametrize(
    "words", ["requeue t9 --template web", "requeue 9 t9 --template web", "requeue --all-failed --template web"]
)
def test_a_template_goes_with_videos(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    done = run(monkeypatch, app := AppOf(), "requeue", *words.split(), "--template", "web")
    assert done.exit_code == 2 and not app.asked


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1])])
def test_many_tasks_are_sent_in_parts(count: int, sizes: list[int]) -> None:
    parts = list(tasks._slices([{"id": number % max(count, 1)} for number in range(2 * count)]))
    assert [len(part) for part in parts] == sizes and sum(parts, []) == list(range(count))


def test_reasons_are_counted_and_the_first_tasks_named() -> None:
    refused = [{"title": "Too many.", "task": n, "detail": f"d{n}"} for n in range(tasks.EXAMPLES + 1)]
    once = [{"title": "Running.", "task": 99, "detail": "d"}]
    lines = list(tasks._reasons([*once, *refused]))
    assert lines[0] == "11: Too many." and lines[10:] == ["  t9: d9", "  and 1 more", "1: Running.", "  t99: d"]
    assert len(list(tasks._reasons(refused[:-1]))) == 11


def test_waiting_tasks_are_listed_in_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    later = "2026-03-04T06:00:00+00:00"
    waiting = [
        task(1, "waiting", queued_at=later),
        task(2, "waiting"),
        task(3, "waiting", queue_position=2),
        task(4, "waiting", queue_position=1, queued_at=later),
        task(5, "waiting", kind="a"),
    ]
    app = AppOf(**{"GET /tasks": {"tasks": waiting}})
    rows = run(monkeypatch, app, "waiting").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["t5", "t4", "t3", "t2", "t1"]
    assert app.asked == [("GET /tasks", {"state": "waiting"})]


@pytest.mark.parametrize(("progress", "worker"), [({"worker": "w1"}, "w1"), ({}, "-"), (None, "-")])
def test_running_tasks_are_listed_with_their_workers(
    monkeypatch: pytest.MonkeyPatch, progress: Any, worker: str
) -> None:
    app = AppOf(**{"GET /tasks": {"tasks": [task(1, "running", progress=progress)]}})
    assert run(monkeypatch, app, "active").stdout.splitlines()[1].split() == [
        "t1",
        "9",
        "encode",
        "-",
        worker,
        "running",
    ]


def test_orders_that_can_be_undone_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"order": 12, "who": "tina", "action": "delete", "tasks": 3, "undo_until": None}
    app = AppOf(**{"GET /tasks/orders": {"orders": [entry]}})
    assert run(monkeypatch, app, "undo").stdout.splitlines()[1].split() == ["12", "tina", "delete", "3", "-"]


def test_what_could_not_be_undone_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [{"title": "It runs.", "task": 7, "detail": "t7 runs"}]
    done = run(monkeypatch, AppOf(**{"POST /tasks/undo": {"done": [8], "refused": refused}}), "undo", "12")
    assert (done.exit_code, done.stdout) == (1, "1 task is as before.\n")
    assert "1 of 2 could not be undone." in done.stderr and "1: It runs.\n" in done.stderr


@pytest.mark.parametrize("hosts", [[], [{"host": "a", "reports": 2, "since": None}]])
def test_reports_that_wait_are_listed_and_pushed(monkeypatch: pytest.MonkeyPatch, hosts: list[dict[str, Any]]) -> None:
    report = {"report": "7-g1-a1", "task": 7, "outcome": "done", "tries": 3, "next_at": None}
    answers = {
        "GET /waiting-reports": {"reports": [report], "hosts": hosts},
        "POST /waiting-reports/push": {"pushed": 1},
    }
    app = AppOf(**answers)
    listed = run(monkeypatch, app, "reports").stdout
    assert listed.splitlines()[1].split() == ["7-g1-a1", "t7", "done", "3", "-"]
    assert ("REPORTS ON ITS DISK" in listed) is bool(hosts) and len(app.asked) == 1
    pushed = run(monkeypatch, app, "reports", "--push")
    assert pushed.stdout.startswith("1 tried again now.\n") and pushed.stderr == ""
    as_json = run(monkeypatch, app, "reports", "--push", "--json")
    assert as_json.stdout.startswith("{") and as_json.stderr == "1 tried again now.\n"
