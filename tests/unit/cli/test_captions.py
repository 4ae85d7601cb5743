"""Caption files of people, checked on the command line; captions of a video, chosen and printed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pod_jobs.cli.root import root
from tests.unit.cli.app_of import AppOf, run

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000 line:0\n{}\n"


def check(tmp_path: Path, text: str, *arguments: str) -> Result:
    file = tmp_path / "é à.vtt"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(root, ["captions", "check", str(file), "--home", str(tmp_path), *arguments])


def test_a_file_is_compared_with_the_rules_and_told_what_would_be_left_out(tmp_path: Path) -> None:
    done = check(tmp_path, VTT.format("x" * 60))
    assert done.exit_code == 0
    first, remark, head, *rows = done.output.splitlines()
    assert (first, remark) == ("1 captions, vtt, utf-8", "line 3: captions-position-left-out (line:0)")
    assert head.split() == ["CAPTION", "RULE", "FOUND", "LIMIT"]
    assert [row.split() for row in rows] == [["1", "line-too-long", "60", "42"], ["1", "too-fast", "60", "21"]]
    document = json.loads(check(tmp_path, VTT.format("x" * 60), "--json").output)
    assert [breach["rule"] for breach in document["breaches"]] == ["line-too-long", "too-fast"]
    assert (document["format"], document["cues"], document["remarks"][0]["line"]) == ("vtt", 1, 3)


def test_a_good_file(tmp_path: Path) -> None:
    done = check(tmp_path, VTT.replace(" line:0", "").format("L’été"))
    assert (done.exit_code, done.output) == (0, "1 captions, vtt, utf-8\n")


def test_a_file_with_faults_is_refused_with_their_lines(tmp_path: Path) -> None:
    done = check(tmp_path, VTT.format("a") + "\n00:05.000 --> 00:04.000\nb\n\nlost\n")
    assert done.exit_code == 1
    assert "At line 6 of the caption file" in done.output
    assert "line 6: captions-backward" in done.output and "line 9: captions-text-without-time" in done.output


TRACKS = [
    {"id": 1, "language": "fr", "label": "", "origin": "speech"},
    {"id": 2, "language": "en", "label": "", "origin": "file"},
    {"id": 3, "language": "en", "label": "short", "origin": "file"},
]


@pytest.mark.parametrize(
    ("words", "ending", "sent"),
    [
        ("--language fr", "1/file.vtt", {}),
        ("--track 3", "3/file.vtt", {}),
        ("--language en --track 2 --format text", "2/file.txt", {}),
        ("--track 1 --format json --source-times", "1/file.json", {"as": "source"}),
    ],
)
def test_captions_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, words: str, ending: str, sent: dict[str, str]
) -> None:
    call = f"GET /videos/9/captions/{ending}"
    app = AppOf(**{"GET /videos/9/captions": {"captions": TRACKS}, call: "é\n".encode()})
    assert run(monkeypatch, app, "captions", "export", "9", *words.split()).stdout == "é\n"
    assert app.asked[-1] == (call, {"params": sent})


@pytest.mark.parametrize(
    ("words", "count", "said"),
    [
        ("", 3, "choose one with --language or --track. There are: track 1: fr (speech); track 2"),
        ("--language en", 3, "choose one"),
        ("--language fr --track 2", 3, "there are no such captions. There are: track 1"),
        ("", 0, "there are no such captions. There are: none"),
    ],
)
def test_captions_that_cannot_be_told_apart_are_listed(
    monkeypatch: pytest.MonkeyPatch, words: str, count: int, said: str
) -> None:
    app = AppOf(**{"GET /videos/9/captions": {"captions": TRACKS[:count]}})
    done = run(monkeypatch, app, "captions", "export", "9", *words.split())
    assert done.exit_code == 2 and said in " ".join(done.stderr.split())


def test_remarks_on_given_captions_name_their_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (file := tmp_path / "a.vtt").write_text("WEBVTT")
    remarks = [{"line": 3, "sentence": "Left out."}, {"line": 0, "sentence": "No words."}]
    app = AppOf(**{"POST /videos/9/captions": {"id": 4, "language": "fr", "version": 2, "remarks": remarks}})
    words = ("captions", "import", "9", str(file), "--language", "fr")
    assert run(monkeypatch, app, *words).stdout == "track 4, fr, version 2\nline 3: Left out.\nNo words.\n"
    assert app.asked[-1][1] == {"params": {"language": "fr", "label": ""}, "data": b"WEBVTT"}
    assert json.loads(run(monkeypatch, app, *words, "--json").stdout)["version"] == 2
