"""What an encode looks like on each sort of graphics card, and what the sandbox shows of it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pod_jobs.media.command import hardware
from pod_jobs.media.command.colours import resized
from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.planning.codecs import LIBX264, find_encoder
from pod_jobs.media.planning.limits import Source
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media.process import exits
from pod_jobs.media.process.guard import Sandbox, sandboxed
from tests.unit.media.samples import LIMITS, TOOLS, planned, video

CARDS = hardware.encoders("/dev/dri/renderD129")
TWO = (planned(0, 640, 360), planned(1, 1280, 720))


def argv(name: str) -> list[str]:
    picture = Picture(video(1280, 720), TWO, None, 2, encoder=CARDS[name])
    return build_encode(TOOLS, LIMITS, Source("/s", "mov"), picture, [], 4)


def between(words: list[str], first: str, last: str) -> list[str]:
    return words[words.index(first) : words.index(last)]


def test_nvenc() -> None:
    words = argv("nvenc")
    assert between(words, "-no-scenecut", "-max_muxing_queue_size") == [
        *("-no-scenecut", "1", "-forced-idr", "1", "-force_key_frames", "expr:gte(t,n_forced*2)"),
        *("-c:v:0", "h264_nvenc", "-profile:v:0", "high", "-preset:v:0", "p5", "-rc:v:0", "vbr", "-cq:v:0", "18"),
        *("-b:v:0", "0", "-maxrate:v:0", "1000k", "-bufsize:v:0", "2000k"),
        *("-c:v:1", "h264_nvenc", "-profile:v:1", "high", "-preset:v:1", "p2", "-rc:v:1", "vbr", "-cq:v:1", "19"),
        *("-b:v:1", "0", "-maxrate:v:1", "3000k", "-bufsize:v:1", "6000k"),
    ]
    assert "-init_hw_device" not in words


def test_vaapi_uploads_each_picture_to_the_card_of_the_settings() -> None:
    words = argv("vaapi")
    opening = ["-init_hw_device", "vaapi=card:/dev/dri/renderD129", "-filter_hw_device", "card"]
    assert words[words.index("-init_hw_device") :][:4] == opening
    assert words.index("-filter_hw_device") < words.index("-i")
    graph = words[words.index("-filter_complex") + 1]
    assert f"[s0]{resized(640, 360)},format=nv12,setsar=1,hwupload[v0]" in graph
    assert between(words, "-force_key_frames", "-c:v:1") == [
        *("-force_key_frames", "expr:gte(t,n_forced*2)"),
        *("-c:v:0", "h264_vaapi", "-profile:v:0", "high", "-rc_mode:v:0", "CQP", "-qp:v:0", "18"),
    ]


def test_quick_sync() -> None:
    words = argv("qsv")
    assert "format=nv12,setsar=1[v0]" in words[words.index("-filter_complex") + 1]
    assert between(words, "-forced_idr", "-c:v:1") == [
        *("-forced_idr", "1", "-force_key_frames", "expr:gte(t,n_forced*2)", "-c:v:0", "h264_qsv"),
        *("-profile:v:0", "high", "-preset:v:0", "medium", "-global_quality:v:0", "18"),
    ]


@pytest.mark.parametrize(
    ("preset", "nvenc", "qsv"),
    [("ultrafast", "p1", "veryfast"), ("fast", "p4", "fast"), ("veryslow", "p7", "veryslow")],
)
def test_presets(preset: str, nvenc: str, qsv: str) -> None:
    rung = replace(planned(0, 640, 360).rung, preset=preset, crf=0)
    assert CARDS["nvenc"].quality(rung)["preset"] == nvenc
    assert CARDS["qsv"].quality(rung)["preset"] == qsv
    assert CARDS["qsv"].quality(rung)["global_quality"] == "1", "0 would leave the choice to the card"


def test_only_h264_goes_to_the_card() -> None:
    found = hardware.with_hardware(TOOLS, CARDS["nvenc"]).hardware
    assert find_encoder("h264", ("libx264",), found) == CARDS["nvenc"]
    assert find_encoder("vp9", ("libvpx-vp9",), found).name == "libvpx-vp9"
    assert find_encoder("h264", ("libx264",)) == LIBX264


def test_the_sandbox_shows_devices_only_when_a_card_encodes() -> None:
    plain = Sandbox("bwrap", "/usr/bin/bwrap")
    with_card = replace(plain, devices=("/dev/dri",))
    assert not {"--dev-bind-try", "/dev/dri", "/sys/devices"} & set(
        sandboxed(plain, ["/usr/bin/ffmpeg"], (), Path("/out"))
    )
    words = sandboxed(with_card, ["/usr/bin/ffmpeg"], (), Path("/out"))
    assert words[words.index("--dev-bind-try") :][:3] == ["--dev-bind-try", "/dev/dri", "/dev/dri"]
    assert words.index("--dev") < words.index("--dev-bind-try"), "the new /dev would hide it"


@pytest.mark.parametrize("wanted", ["none", "auto", "vaapi"])
def test_a_build_without_such_encoders(wanted: str) -> None:
    found = hardware.equip(TOOLS, wanted, "/dev/dri/renderD128").hardware
    assert found.encoder is None
    assert ("h264_vaapi" in found.lacking) == (wanted != "none")


@pytest.mark.parametrize(
    ("pictures", "why"), [(hardware.TRIAL_FRAMES, ""), (7, f"7 of {hardware.TRIAL_FRAMES} pictures came out")]
)
def test_a_card_that_leaves_pictures_out_is_not_used(pictures: int, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = CARDS["nvenc"]
    monkeypatch.setattr(hardware, "capture", lambda *_: (None, ""))
    monkeypatch.setattr(exits, "error_of", lambda *_, **__: None)
    monkeypatch.setattr(hardware, "read_tracks", lambda path: [SimpleNamespace(samples=pictures)])
    assert hardware._try(replace(TOOLS, encoders=(card.name,)), card) == why
