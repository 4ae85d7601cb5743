from typing import Any

import pytest

from pod_jobs.cli.base import Fault, echo_json, echo_table
from pod_jobs.cli.words import clock, describe_task, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0:00"),
        (10.998, "0:11"),
        (59.6, "0:59"),
        (93.9, "1:33"),
        (3600.9, "1:00:00"),
        (36061, "10:01:01"),
    ],
)
def test_clock(seconds: float | None, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (3.2e12, "3.2 TB")]
)
def test_size(count: float, words: str) -> None:
    assert size(count) == words


def task(state: str, **fields: Any) -> dict[str, Any]:
    return {"state": state, "progress": None, "error": None, "retry_at": None, "queue_position": None, **fields}


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (task("waiting"), "waiting"),
        (task("waiting", queue_position=3), "waiting, place 3"),
        (task("running"), "running"),
        (
            task("running", progress={"step": "encode", "fraction": 0.426, "speed": 3.21, "eta_s": 75}),
            "running, encode 43%, 3.2x, 1:15 left",
        ),
        (
            task("running", progress={"step": "probe", "fraction": 0.0, "speed": None, "eta_s": None}),
            "running, probe 0%",
        ),
        (task("error", error={"code": "disk-full", "sentence": "Full."}), "error: Full. (disk-full)"),
        (task("done"), "done"),
    ],
)
def test_a_task_in_words(shown: dict[str, Any], words: str) -> None:
    assert describe_task(shown) == words


def test_what_people_chose_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "caf\u00e9 \x1b]0;title\x07\x9b2J\r\n\x00 \U0001f3a5"
    echo_table([(1, evil)], ("ID", "TITLE"))
    Fault(f"There is no user {evil}.", evil).show()
    echo_json({"title": evil})
    said = "".join(capsys.readouterr()).replace("\n", "")
    assert said.isprintable() and said.count("caf\u00e9") == 4
    assert describe_task(task("error", error={"code": "x", "sentence": evil})).isprintable()


def test_what_is_not_there_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table([("t1", None, 0, "verify")], ("TASK", "VIDEO", "TRIES", "KIND"))
    assert capsys.readouterr().out.splitlines()[1].split() == ["t1", "-", "0", "verify"]
