"""Faults of the settings, all at once; and of the front door's own words."""

import subprocess
from pathlib import Path

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import ROOT, load

RUNG = """
[[rendition]]
name = "audio"
height_px = 360
crf = 20
preset = "fast"
maxrate_kbps = 900
audio_kbps = 96
mp4 = true
"""


def test_a_rendition_named_like_the_sound_is_told_with_all_other_faults(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[web]\nport = 0\n" + RUNG)
    with pytest.raises(SettingsError) as fault:
        load(tmp_path)
    first, second = sorted(fault.value.reason.splitlines())
    assert first.startswith("rendition.0.name:") and "audio is the name of the sound" in first
    assert second.startswith("web.port:")


def test_run_names_a_command_that_it_does_not_have() -> None:
    done = subprocess.run([ROOT / "run", "blah"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'blah'" in done.stderr and "./run up" in done.stderr
    assert subprocess.run([ROOT / "run"], capture_output=True, timeout=20).returncode == 0
