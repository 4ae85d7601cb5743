"""Plain values for the pure parts of the media library."""

from dataclasses import replace
from typing import Any

from pod_jobs.media.facts.media_info import AudioTrack, VideoTrack
from pod_jobs.media.planning.ladder import PlannedRendition, Rendition
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.process.guard import Sandbox
from pod_jobs.media.process.tools import Tools

LADDER = (
    Rendition("360p", 360, crf=18, preset="medium", maxrate_kbps=1000, audio_kbps=96, mp4=True),
    Rendition("720p", 720, crf=19, preset="veryfast", maxrate_kbps=3000, audio_kbps=128, mp4=True),
    Rendition("1080p", 1080, crf=20, preset="veryfast", maxrate_kbps=4500, audio_kbps=192, mp4=False),
)
LIMITS = Limits(max_duration_s=36_000, max_pixels=36_000_000, wall_factor=30.0, stall_s=120, memory_mb=6000)
TOOLS = Tools(
    ffmpeg="/usr/bin/ffmpeg",
    version="5.1",
    demuxers=("mov", "mp4"),
    decoders=("aac", "h264"),
    encoders=(),
    filters=(),
    sandbox=Sandbox("none"),
)
SOUND_TRACK = AudioTrack(index=1, codec="aac", channels=2, sample_rate_hz=48_000, language="fra", default=True)


def video(width: int = 1920, height: int = 1080, **facts: Any) -> VideoTrack:
    """A plain H.264 track of 25 frames per second, with `facts` changed."""
    plain = VideoTrack(
        index=0,
        codec="h264",
        profile="High",
        width_px=width,
        height_px=height,
        sar=(1, 1),
        rotation_deg=0,
        pix_fmt="yuv420p",
        hdr="",
        primaries=1,
        matrix=1,
        full_range=False,
        interlaced=False,
        fps=25.0,
        base_fps=25.0,
        start_s=0.0,
        pause_s=0.04,
        ends_early_s=0.0,
    )
    return replace(plain, **facts)


def planned(number: int, width: int, height: int) -> PlannedRendition:
    return PlannedRendition(LADDER[number], width, height)
