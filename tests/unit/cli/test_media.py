"""Which files the commands of the media library take, and what they leave in a folder."""

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pod_jobs.cli.order_options import as_plan
from pod_jobs.cli.root import root
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.media.probing import probe
from pod_jobs.media.process import tools
from pod_jobs.settings import load
from tests.unit.media.samples import LADDER, LIMITS

PLAN = EncodePlan(LADDER, LIMITS)


@pytest.mark.parametrize("command", [["submit"], ["probe"], ["encode"]])
def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    rest = [str(tmp_path / "out")] if command == ["encode"] else []
    result = CliRunner().invoke(root, [*command, str(pipe), *rest])
    assert result.exit_code == 2
    assert "pipe.mp4 is not a regular file" in result.output


def test_an_encoding_without_a_server_keeps_no_subtitles_of_what_was_cut_out(tmp_path: Path) -> None:
    values = dict.fromkeys(("opening", "ending", "second", "dressing", "watermark"))
    plan = as_plan(PLAN, load(tmp_path), "web", {**values, "layout": "side", "keep": ("1:30-2:00",)})
    assert (plan.keep, plan.with_uncut) == (((90.0, 120.0),), False)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["out", "--template", "gone"], 2, "--template gone is none of"),
        (["full"], 1, "full is not empty."),
        (["a.mp4"], 2, "is a file"),
    ],
)
def test_an_encoding_begins_in_an_empty_folder_by_a_template_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full" / "x").mkdir(parents=True)
    (tmp_path / "a.mp4").touch()
    done = CliRunner().invoke(root, ["encode", "a.mp4", *words, "--home", str(tmp_path)])
    assert done.exit_code == code and said in done.stderr and not (tmp_path / "out").exists()


SOUND = {"codec": "aac", "channels": 1, "sample_rate_hz": 48_000, "language": ""}
PICTURE = {"codec": "h264", "width_px": 640, "height_px": 360, "fps": 25.0}


@pytest.mark.parametrize(
    ("video", "audio", "lines"),
    [
        (None, [SOUND], ["sound: aac, mono, 48000 Hz"]),
        (PICTURE, [], ["picture: h264 640x360, 25 fps"]),
        (
            PICTURE,
            [{**SOUND, "channels": 2, "language": "fra"}],
            ["picture: h264 640x360, 25 fps", "sound: aac, 2 channels, 48000 Hz, fra"],
        ),
    ],
)
def test_what_a_file_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: Any, audio: list[dict[str, Any]], lines: list[str]
) -> None:
    (tmp_path / "a.mp4").touch()
    facts = {"container": "mov", "bytes": 2000, "duration_s": 93.0, "video": video, "audio": audio}
    monkeypatch.setattr(tools, "find_tools", lambda path, sandbox: None)
    monkeypatch.setattr(probe, "probe", lambda file, tools, limits: None)
    monkeypatch.setattr(probe, "facts_of", lambda media: facts)
    done = CliRunner().invoke(root, ["probe", str(tmp_path / "a.mp4"), "--home", str(tmp_path)])
    assert done.stdout.splitlines() == ["mov, 2.0 kB, 1:33", *lines], done.output
