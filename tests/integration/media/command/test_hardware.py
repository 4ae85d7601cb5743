"""Graphics cards on every build of ffmpeg. None works on this machine, and the processor takes over."""

import glob
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.command import hardware
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

DEVICE = "/dev/dri/renderD128"
RUNG = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=300, audio_kbps=64, mp4=True)
NAMES = ("nvenc", "qsv", "vaapi")
MISSING = {"nvenc": "libcuda", "qsv": "MFX session", "vaapi": "No VA display found"}

pytestmark = pytest.mark.skipif(
    bool(glob.glob("/dev/dri/*") + glob.glob("/dev/nvidia*")), reason="there is a card here"
)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_known_to_the_encoder(tools: Tools, name: str) -> None:
    """The trial fails only because there is no card."""
    encoder = hardware.encoders(DEVICE)[name]
    lacking = hardware.equip(tools, name, DEVICE).hardware.lacking
    assert lacking.startswith(f"{name}: ") and MISSING[name] in lacking and "\n" not in lacking
    asked = subprocess.run(
        [tools.ffmpeg, "-hide_banner", "-h", f"encoder={encoder.name}"], capture_output=True, text=True
    )
    generic = {"profile", "b", "maxrate", "bufsize", "global_quality"}
    for option in {*encoder.quality(hardware.TRIAL), *(w[1:] for w in encoder.grid(2, 25) if w[0] == "-")}:
        assert option in generic | {"force_key_frames"} or f"-{option} " in asked.stdout, option


def test_auto_tries_all_and_says_what_each_lacks(tools: Tools) -> None:
    found = hardware.equip(tools, "auto", DEVICE).hardware
    assert found.encoder is None
    assert all(f"{name}: " in found.lacking for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_that_fails_at_a_video_is_left_out_with_a_remark(
    tools: Tools, clips: Clips, tmp_path: Path, name: str
) -> None:
    equipped = hardware.with_hardware(tools, hardware.encoders(DEVICE)[name])
    result = encode(
        clips.path("plain.mp4"), tmp_path, EncodePlan((RUNG,), limits=LIMITS), equipped, lambda progress: None
    )
    (remark,) = result.warnings
    assert remark.code == "warning-hardware" and remark.reason
    assert [("libx264" in command, f"h264_{name}" in command) for command in result.commands[:2]] == [
        (False, True),
        (True, False),
    ]
    assert (tmp_path / "90p.mp4").exists()


def test_a_copied_picture_asks_no_card(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    equipped = hardware.with_hardware(tools, hardware.encoders(DEVICE)["nvenc"])
    plan = EncodePlan((replace(RUNG, height_px=180, maxrate_kbps=9000),), copy_top=True, limits=LIMITS)
    result = encode(clips.path("web.mp4"), tmp_path, plan, equipped, lambda progress: None)
    assert result.warnings == () and "nvenc" not in " ".join(result.commands)


def test_a_bad_source_stays_one(tools: Tools, clips: Clips, tmp_path: Path) -> None:
    equipped = hardware.with_hardware(tools, hardware.encoders(DEVICE)["vaapi"])
    with pytest.raises(BadSource):
        encode(clips.path("noise.mkv"), tmp_path, EncodePlan((RUNG,), limits=LIMITS), equipped, lambda progress: None)
