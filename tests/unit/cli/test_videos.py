"""What `submit`, `list` and `show` say, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.cli import videos
from pod_jobs.cli.base import Fault
from pod_jobs.settings import load
from tests.unit.cli.app_of import AppOf, run

TASK = {
    "id": 5,
    "state": "waiting",
    "progress": None,
    "error": None,
    "retry_at": None,
    "queue_position": None,
    "template": "web",
    "purpose": "play",
    "queued_s": 1.0,
    "infos": {},
    "started_at": None,
    "ended_at": None,
    "words": {"name": "Encoding"},
    "kind": "encode",
}


def video(*tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    listed = [{**TASK, **task} for task in tasks or ({},)]
    return {
        "id": 9,
        "title": "a",
        "state": "waiting",
        "page_url": "/v/9",
        "warnings": [],
        "owner": "lea",
        "duration_s": None,
        "created_at": "2026-03-04T05:06:07+00:00",
        "source": {"bytes": 2000},
        "outputs": [],
        "tasks": listed,
        "task": listed[0],
        **fields,
    }


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "POLL_S", 0)


@pytest.fixture
def file(tmp_path: Path) -> str:
    (path := tmp_path / "a.mp4").write_bytes(b"x")
    return str(path)


REFUSED = Fault("Too large.")


@pytest.mark.parametrize(
    ("answers", "code", "summary"),
    [
        ((video(),), 0, ""),
        ((REFUSED,), 1, ""),
        ((video(), video()), 0, ""),
        ((video(), REFUSED), 1, "1 of 2 were sent."),
        ((REFUSED, REFUSED), 1, "0 of 2 were sent."),
    ],
)
def test_only_of_several_files_those_are_listed_that_were_refused(
    monkeypatch: pytest.MonkeyPatch, file: str, answers: tuple[Any, ...], code: int, summary: str
) -> None:
    app = AppOf(**{"POST /videos": answers, "GET /videos/9": video()})
    done = run(monkeypatch, app, "submit", *[file] * len(answers))
    refused = answers.count(REFUSED)
    assert done.exit_code == code
    assert done.stdout == f"9  waiting  /v/9  {file}\n" * (len(answers) - refused)
    assert done.stderr.count(f"{file}: Too large.\n") == refused
    assert ("were sent" in done.stderr) is bool(summary) and summary in done.stderr
    assert done.stderr.endswith(f"  submit {' '.join([file] * refused)}\n") is bool(summary)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--title", "A", "FILE"], ""),
        (["--title", "A", "FILE", "FILE"], "--title goes with one file"),
        (["--template", "web", "--template", "gone", "FILE"], "--template gone is none of"),
    ],
)
def test_options_that_fit_are_asked_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, file: str, words: list[str], said: str
) -> None:
    app = AppOf(**{"POST /videos": video(), "GET /videos/9": video()})
    done = run(monkeypatch, app, "submit", *(file if word == "FILE" else word for word in words))
    assert done.exit_code == (2 if said else 0) and said in done.stderr
    assert bool(app.asked) is not bool(said)


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([{"state": "done"}], 0),
        ([{"state": "error", "error": {"code": "x", "sentence": "Broken."}}], 1),
        ([{"state": "done"}, {"state": "error", "purpose": "offer", "template": "audio"}], 1),
        ([{"state": "done"}, {"state": "error", "purpose": "offer", "template": "other"}], 0),
        ([{"state": "done"}, {"state": "error", "purpose": "words", "template": "web"}], 0),
        ([{"state": "done"}, {"state": "error"}], 0),  # the newest is the first
    ],
)
def test_a_wait_ends_with_the_encodings_that_were_ordered(
    monkeypatch: pytest.MonkeyPatch, file: str, ends: list[dict[str, Any]], code: int
) -> None:
    running = video(*({**end, "state": "running"} for end in ends))
    ended = video(*ends)
    app = AppOf(**{"POST /videos": ended, "GET /videos/9": (running, ended), "POST /videos/9/encode": {}})
    done = run(monkeypatch, app, "submit", file, "--template", "audio", "--wait")
    assert done.exit_code == code, done.output
    assert [call for call, _ in app.asked].count("GET /videos/9") == 2
    assert done.stdout.count("\n") == 1, "one line for a file, at its end"
    ordered = [sent for call, sent in app.asked if call.endswith("encode")]
    assert ordered == ([] if any(end.get("template") == "audio" for end in ends) else [{"template": "audio"}])


def test_an_encoding_that_is_refused_fails_the_command_but_not_the_upload(
    monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    app = AppOf(**{"POST /videos": video(), "GET /videos/9": video(), "POST /videos/9/encode": Fault("Not now.")})
    done = run(monkeypatch, app, "submit", file, "--template", "audio")
    assert done.exit_code == 1 and done.stdout.startswith("9  waiting")
    assert "video 9 was sent, but not all encodings were ordered: Not now." in done.stderr


def test_warnings_are_told_beside_the_results(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    warnings = [{"code": "silent", "sentence": "No sound."}, {"code": "odd"}]
    app = AppOf(**{"POST /videos": video(warnings=warnings), "GET /videos/9": video(warnings=warnings)})
    done = run(monkeypatch, app, "submit", file, "--json")
    assert done.stderr == "warning: No sound.\nwarning: odd\n" and json.loads(done.stdout)["id"] == 9
    assert "warning: No sound.\nwarning: odd\n" in run(monkeypatch, app, "show", "9").stdout


def test_seconds_of_an_encoding_are_told_when_it_is_done() -> None:
    times = {"started_at": "2026-03-04T05:06:07+00:00", "ended_at": "2026-03-04T05:06:09.500000+00:00"}
    settings = load(Path("/nowhere"))
    told = [videos.summary(settings, video({**times, "state": state})) for state in ("done", "error", "running")]
    assert [one["encoded_s"] for one in told] == [2.5, None, None]
    assert videos._seconds(times["started_at"], None) is None and videos._seconds(None, times["ended_at"]) is None


def test_the_newest_videos_are_listed_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppOf(**{"GET /videos": {"videos": [video(duration_s=93)]}})
    head, row = run(monkeypatch, app, "list").stdout.splitlines()
    assert (head.split()[:3], row.split()[:4]) == (["ID", "STATE", "LENGTH"], ["9", "waiting", "1:33", "lea"])
    assert app.asked[-1] == ("GET /videos", {"limit": videos.LIST_LIMIT})
    assert json.loads(run(monkeypatch, app, "list", "--all", "--json").stdout)[0]["id"] == 9
    assert app.asked[-1] == ("GET /videos", {})


def test_outputs_are_shown_only_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    output = {"template": "web", "kind": "playlist", "bytes": 3000, "path": "000009/a.m3u8"}
    for outputs in ([], [output]):
        said = run(monkeypatch, AppOf(**{"GET /videos/9": video(outputs=outputs)}), "show", "9").stdout
        assert "t5  Encoding web: waiting\n" in said and "waiting, -, of lea, 2.0 kB" in said
        assert ("TEMPLATE  OUTPUT" in said) is bool(outputs) and ("3.0 kB" in said) is bool(outputs)
