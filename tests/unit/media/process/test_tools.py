"""What ffmpeg says of itself, and what is made of it."""

import os
from pathlib import Path

import pytest

from pod_jobs.errors import OutOfResources, SettingsError
from pod_jobs.media.process import tools
from pod_jobs.media.process.run import ProcessEnd

LIST = """Decoders:
 V..... = Video
 ------
 V....D h264                 H.264 / AVC
 A....D aac
 V....D h264                 again
"""


def test_names_are_the_second_column_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_ask", lambda argv: LIST)
    assert tools._listed("ffmpeg", "-decoders") == ("aac", "h264")


@pytest.mark.parametrize(
    ("about", "version"),
    [
        ("ffmpeg version 5.1 Copyright", "5.1"),
        ("ffmpeg version 5.0.9 Copyright", None),
        ("ffmpeg version 4.9 Copyright", None),
        ("ffmpeg version n7.0-12 Copyright", "n7.0-12"),
        ("ffmpeg version n4.4 Copyright", None),
        ("ffmpeg version N-12345-gabcdef Copyright", "N-12345-gabcdef"),
        ("avconv version 12.3", None),
        ("ffmpeg", None),
    ],
)
def test_a_version_that_is_too_old_is_refused(about: str, version: str | None) -> None:
    if version is None:
        with pytest.raises(SettingsError):
            tools._version("ffmpeg", about)
    else:
        assert tools._version("ffmpeg", about) == version


@pytest.mark.parametrize(("code", "error"), [(0, None), (1, SettingsError), (-9, OutOfResources)])
def test_how_ffmpeg_ends_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception] | None
) -> None:
    end = ProcessEnd(code, "words", wall_s=1, cpu_s=1, peak_mb=1)
    monkeypatch.setattr(tools, "capture", lambda *_: (end, "text"))
    if error is None:
        assert tools._ask(["ffmpeg", "-version"]) == "text"
    else:
        with pytest.raises(error):
            tools._ask(["ffmpeg", "-version"])


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    (program := tmp_path / "ffmpeg").touch(0o700)
    assert tools._resolved(str(program)) == str(program)
    assert os.access(tools._resolved(""), os.X_OK)
    with pytest.raises(SettingsError, match="there is no program"):
        tools._resolved(str(tmp_path / "gone"))
