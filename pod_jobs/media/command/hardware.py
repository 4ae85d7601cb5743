"""Encoders of graphics cards: NVENC, VAAPI, Quick Sync. A worker tries once, when it starts, whether one works.

They encode only H.264: AV1 and VP9 are for small files, which the processor does better. They have no CRF, so that of a
rung becomes the nearest option of each encoder.
"""

import glob
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from pod_jobs.errors import PodJobsError
from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.mp4_boxes import read_tracks
from pod_jobs.media.planning.codecs import PROCESSOR, Encoder, Hardware, ceiling, forced
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process import exits, guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.media.process.tools import Tools

TRIAL = Rendition("trial", 360, crf=23, preset="medium", maxrate_kbps=2000, audio_kbps=96, mp4=False)
TRIAL_FRAMES, TRIAL_FPS = 25, 25
TRIAL_S = 30
SPEAKER = re.compile(r"^\[[^]]*\] ")  # "[h264_nvenc @ 0x55a84e0342c0] "
DRI = ("/dev/dri",)
NVIDIA = ("/dev/nvidia*",)
# x264's presets -> NVENC's, where p1 is the fastest
NVENC_PRESETS = {"ultrafast": "p1", "superfast": "p1", "veryfast": "p2", "faster": "p3", "fast": "p4", "medium": "p5"}
NVENC_PRESETS |= {"slow": "p6", "slower": "p7", "veryslow": "p7"}
QSV_FASTEST = {"ultrafast": "veryfast", "superfast": "veryfast"}  # the other presets have the same names


def _nvenc(rung: Rendition) -> dict[str, str]:
    quality = {"rc": "vbr", "cq": _level(rung), "b": "0", **ceiling(rung)}
    return {"profile": "high", "preset": NVENC_PRESETS[rung.preset], **quality}


def _vaapi(rung: Rendition) -> dict[str, str]:
    """The only mode that every driver has; it has no ceiling."""
    return {"profile": "high", "rc_mode": "CQP", "qp": _level(rung)}


def _qsv(rung: Rendition) -> dict[str, str]:
    """ICQ, which is what `global_quality` without a bit rate means."""
    preset = QSV_FASTEST.get(rung.preset, rung.preset)
    return {"profile": "high", "preset": preset, "global_quality": _level(rung)}


def _level(rung: Rendition) -> str:
    return f"{max(rung.crf, 1):g}"  # 0 means "automatic" to cards


def encoders(vaapi_device: str) -> dict[str, Encoder]:
    """The encoders by their names in the settings, in the order in which "auto" tries them."""
    nvenc = Encoder(
        "h264_nvenc",
        grid=lambda keyframe_s, _fps: ["-no-scenecut", "1", "-forced-idr", "1", *forced(keyframe_s)],
        quality=_nvenc,
        devices=NVIDIA,
        maps_everything=True,
    )
    qsv = Encoder(
        "h264_qsv",
        grid=lambda keyframe_s, _fps: ["-forced_idr", "1", *forced(keyframe_s)],
        quality=_qsv,
        ending="format=nv12,setsar=1",
        devices=DRI,
    )
    vaapi = Encoder(
        "h264_vaapi",
        grid=lambda keyframe_s, _fps: forced(keyframe_s),
        quality=_vaapi,
        ending="format=nv12,setsar=1,hwupload",
        opening=("-init_hw_device", f"vaapi=card:{vaapi_device}", "-filter_hw_device", "card"),
        devices=DRI,
    )
    return {"nvenc": nvenc, "qsv": qsv, "vaapi": vaapi}


def equip(tools: Tools, choice: str, vaapi_device: str) -> Tools:
    """`tools` with the hardware of `choice` ("none", "auto" or a name), if it passes the trial. Each trial takes up to 30 s."""
    candidates = encoders(vaapi_device)
    names = [*candidates] if choice == "auto" else [] if choice == "none" else [choice]
    faults = []
    for name in names:
        equipped = with_hardware(tools, candidates[name])
        fault = _try(equipped, candidates[name])
        if not fault:
            return equipped
        faults.append(f"{name}: {fault}")
    return replace(tools, hardware=replace(PROCESSOR, lacking="; ".join(faults)))


def with_hardware(tools: Tools, encoder: Encoder) -> Tools:
    """`tools` that encode with `encoder`, in a sandbox that shows its devices."""
    devices = tuple(sorted(path for pattern in encoder.devices for path in glob.glob(pattern)))
    return replace(tools, hardware=Hardware(encoder), sandbox=replace(tools.sandbox, devices=devices))


def build_trial(tools: Tools, encoder: Encoder) -> list[str]:
    """The command of the trial: one second, with the same options as an encoding."""
    picture = f"testsrc2=s=640x360:r={TRIAL_FPS}:d={TRIAL_FRAMES / TRIAL_FPS}"
    return [
        *(tools.ffmpeg, *ALWAYS, *encoder.opening, "-f", "lavfi", "-i", picture, "-vf", encoder.ending),
        *(*encoder.grid(1, TRIAL_FPS), *encoder.stream_options(0, TRIAL), "-f", "mp4", "trial.mp4"),
    ]


def _try(tools: Tools, encoder: Encoder) -> str:
    """Why the encoder does not work here; "" if it works."""
    if encoder.name not in tools.encoders:
        return f"this ffmpeg has no {encoder.name}"
    bounds = Bounds(wall_s=TRIAL_S, memory_mb=0 if encoder.maps_everything else 4000, file_mb=50)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            argv = guard.sandboxed(tools.sandbox, build_trial(tools, encoder), (), folder)
            finished, _ = capture(argv, folder, bounds, lambda: None)
            failure = exits.error_of(finished, behind_bwrap=tools.sandbox.kind == "bwrap")
            if failure:
                return SPEAKER.sub("", failure.reason.strip().partition("\n")[0])  # the rest follows from it
            (track,) = read_tracks(folder / "trial.mp4")
        except (PodJobsError, OSError, ValueError) as error:
            return str(error)
    return "" if track.samples == TRIAL_FRAMES else f"{track.samples} of {TRIAL_FRAMES} pictures came out"
