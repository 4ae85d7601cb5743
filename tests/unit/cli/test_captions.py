"""Caption files of people, checked on the command line."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from pod_jobs.cli.root import root

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
