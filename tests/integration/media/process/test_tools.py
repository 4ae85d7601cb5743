import stat
from pathlib import Path

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.system import landlock


def fake_ffmpeg(folder: Path, version: str = "6.0", encoders: str = "libx264 aac libmp3lame mjpeg") -> str:
    listing = "".join(f"echo ' V....D {name} some words'; " for name in encoders.split())
    path = folder / "ffmpeg"
    path.write_text(f'#!/bin/sh\ncase "$*" in *-version*) echo "ffmpeg version {version} x";; *) {listing} ;; esac\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_real_build_has_all_that_is_needed(tools: Tools) -> None:
    assert {"h264", "aac", "vp9", "hevc"} <= set(tools.decoders)
    assert "magicyuv" not in tools.decoders
    assert {"mov", "matroska", "mpegts"} <= set(tools.demuxers)
    assert not {"hls", "concat", "dash", "image2"} & set(tools.demuxers)


def test_no_such_program() -> None:
    with pytest.raises(SettingsError, match="no program /no/ffmpeg"):
        find_tools("/no/ffmpeg", "none")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lacks libx264, aac, scale"):
        find_tools(fake_ffmpeg(tmp_path, encoders="libmp3lame mjpeg"), "none")


def test_too_old(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"4\.4.*5\.1 or newer"):
        find_tools(fake_ffmpeg(tmp_path, version="4.4.2-0ubuntu"), "none")


def test_a_program_that_is_no_ffmpeg() -> None:
    with pytest.raises(SettingsError, match="does not answer like ffmpeg"):
        find_tools("/bin/true", "none")


def test_a_wanted_sandbox_that_is_not_there_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    kind = "landlock" if landlock.version() else "none"
    auto = find_tools("", "auto").sandbox
    assert (auto.kind, auto.lacking) == (kind, "the program bwrap is not installed")
    with pytest.raises(SettingsError, match="bwrap is not installed"):
        find_tools("", "bwrap")
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert find_tools("", "auto").sandbox.kind == "none"
    with pytest.raises(SettingsError, match="landlock .* not in this kernel"):
        find_tools("", "landlock")
