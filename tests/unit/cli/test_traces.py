"""`pod-jobs xapi …`: what is asked of the web app, what is printed, and what a script learns from the exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.cli import traces
from tests.unit.cli.app_of import AppOf, run
from tests.unit.xapi.samples import REGISTRATION, numbered, session


@pytest.mark.parametrize(
    ("states", "exit_code"), [([], 0), (["open"], 0), (["hold", "open"], 0), (["open", "stopped"], 1), (["stopped"], 1)]
)
def test_a_lane_that_is_stopped_is_told(monkeypatch: pytest.MonkeyPatch, states: list[str], exit_code: int) -> None:
    app = AppOf(**{"GET /xapi/lanes": {"lanes": [{"state": state} for state in states]}})
    assert run(monkeypatch, app, "xapi", "status", "--json").exit_code == exit_code


@pytest.mark.parametrize("reason", ["", "refused"])
def test_lanes_are_listed_with_the_last_whole_minute(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    lane = {"name": "ralph", "state": "open", "waiting": 1, "oldest_at": None, "dead": 0, "stored": 7, "reason": reason}
    app = AppOf(**{"GET /xapi/lanes": ({"lanes": [{**lane, "per_minute": [1, 2, 3]}]}, {"lanes": []})})
    rows = run(monkeypatch, app, "xapi", "status").stdout.splitlines()
    assert rows[1].split() == ["ralph", "open", "1", "-", "0", "7", "2", reason or "-"]
    assert run(monkeypatch, app, "xapi", "status").stdout.startswith("No lane is configured")


def test_lanes_are_tried_at_once_or_when_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/a/flush": None, "/b/flush": "2026-03-04T05:06:07+00:00"}
    app = AppOf(**{f"POST /xapi/lanes{path}": {"waits_until": until} for path, until in answers.items()})
    app.answers["GET /xapi/lanes"] = {"lanes": [{"name": "a"}, {"name": "b"}]}
    first, second = run(monkeypatch, app, "xapi", "flush").stdout.splitlines()
    assert first == "a is tried now." and second.startswith("b is tried at 2026-03-0")
    assert run(monkeypatch, app, "xapi", "flush", "a").stdout == "a is tried now.\n"


@pytest.mark.parametrize(
    ("words", "count", "asked", "said"),
    [
        ("resend a 1 2", 2, [("dead/resend", {"numbers": [1, 2]})], "2 sent again.\n"),
        ("resend a --all", 3, [("dead/resend", {"all": True})], "3 sent again.\n"),
        ("resend a --all --drop", 1, [("dead/drop", {"all": True})], "1 given up.\n"),
        ("resend a --all", 0, [("dead/resend", {"all": True})], "Lane a has no dead letters.\n"),
        ("resend a", 0, [], "give NUMBERs or --all"),
        ("resend a 1 --all", 0, [], "give NUMBERs or --all"),
        ("skip a 1", 1, [("waiting/skip", {"numbers": [1]})], "1 set aside.\n"),
        (
            "skip a 1 --drop",
            1,
            [("waiting/skip", {"numbers": [1]}), ("dead/drop", {"numbers": [1]})],
            "1 given up.\n",
        ),
    ],
)
def test_dead_letters_are_chosen_by_number_or_all(
    monkeypatch: pytest.MonkeyPatch, words: str, count: int, asked: list[tuple[str, Any]], said: str
) -> None:
    paths = ("dead/resend", "dead/drop", "waiting/skip")
    app = AppOf(**{f"POST /xapi/lanes/a/{path}": {"count": count} for path in paths})
    done = run(monkeypatch, app, "xapi", *words.split())
    assert said in done.output and done.exit_code == (0 if asked else 2)
    assert app.asked == [(f"POST /xapi/lanes/a/{path}", {"json": selection}) for path, selection in asked]


def test_letters_and_waiting_statements_are_listed_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = {"number": 3, "at": None, "received_at": None, "code": "poison", "verb": "played", "reason": "a\n b"}
    app = AppOf(
        **{
            "GET /xapi/lanes/a/dead": {"dead": [letter]},
            "GET /xapi/lanes/a/waiting?limit=20": {"waiting": [letter]},
            "GET /xapi/lanes/a/waiting?limit=200": {"waiting": []},
        }
    )
    assert run(monkeypatch, app, "xapi", "dead", "a").stdout.splitlines()[1].split() == [
        *("3", "-", "poison", "played", "a", "b")
    ]
    assert run(monkeypatch, app, "xapi", "waiting", "a").stdout.splitlines()[1].split() == [
        "3",
        "-",
        "played",
        "a",
        "b",
    ]
    for command in ("dead", "waiting"):
        assert json.loads(run(monkeypatch, app, "xapi", command, "a", "--json").stdout) == letter
    limits = {
        limit: run(monkeypatch, app, "xapi", "waiting", "a", "--limit", limit).exit_code
        for limit in ("0", "200", "201")
    }
    assert limits == {"0": 2, "200": 0, "201": 2}


GOOD, BAD = numbered(1), numbered(2, verb={"id": "no iri"})


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        (json.dumps(GOOD), "1 statement, 0 broken rules\n", 0),
        (json.dumps([GOOD, GOOD]), "2 statements, 0 broken rules\n", 0),
        (f"{json.dumps(GOOD)}\n \n{json.dumps(BAD)}\n", "2 statements, 1 broken rule\n", 1),
        ("no json", "The file is no JSON.", 1),
    ],
)
@pytest.mark.parametrize("from_stdin", [True, False])
def test_statements_come_from_a_file_or_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str, code: int, from_stdin: bool
) -> None:
    (file := tmp_path / "a.json").write_text(text)
    words = ("xapi", "check", "-" if from_stdin else str(file))
    done = run(monkeypatch, AppOf(), *words, stdin=text if from_stdin else "")
    assert said in done.output and done.exit_code == code


def without(statement: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names}


@pytest.mark.parametrize(
    ("statements", "titles"),
    [
        ([GOOD], [f"statement 1: {GOOD['verb']['id']}"]),
        ([without(GOOD, "verb")], ["statement 1: ?"]),
        ([{**GOOD, "context": {"registration": REGISTRATION}}], [f"statement 1: {GOOD['verb']['id']}"]),
        ([without(session()[0], "context")], [f"statement 1: {session()[0]['verb']['id']}"]),
        ([session()[0]], [f"statement 1: {session()[0]['verb']['id']}", f"attempt {REGISTRATION}"]),
    ],
)
def test_statements_of_the_profile_are_also_judged_as_attempts(
    monkeypatch: pytest.MonkeyPatch, statements: list[dict[str, Any]], titles: list[str]
) -> None:
    said = run(monkeypatch, AppOf(), "xapi", "check", "-", stdin=json.dumps(statements)).stdout.splitlines()
    assert [line.removesuffix("  ok") for line in said if line.startswith(("statement ", "attempt "))] == titles


def test_rules_that_are_kept_are_shown_only_when_all_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    from pod_jobs.xapi import profile

    kept = profile.verdicts(GOOD)
    assert traces._show("statement 1: x", kept, everything=False) == 0
    assert capsys.readouterr().out == "statement 1: x  ok\n"
    assert traces._show("statement 1: x", kept, everything=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(kept) > 1
