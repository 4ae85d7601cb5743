"""Celery's part of ./run bench pod: from the message of an Esup-Pod 4.1 to the callback, and its own encoder's two passes."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from pod_jobs.media.process.tools import find_tools
from tests.acceptance.instance import running
from tests.servers import KeyValueServer, short_folder, wait_until
from tests.small_celery_pod import TOKEN, SmallCeleryPod, serve

SECONDS = 10.6  # of Pod's own test video
PATIENCE_S = 600.0
SETTINGS = """
[[site]]
name = "bench"
kind = "celery"
private_networks = ["127.0.0.0/8"]
shared_folder = "{media}"
callback_url = "{url}"
"""


def measure_celery(given: str) -> dict[str, Any]:
    """`given`: a recording; "" = one is made, of the length, size and codecs of Pod's test video."""
    with short_folder() as folder:
        recording = folder / "recording.mp4"
        shutil.copyfile(given, recording) if given else _make(recording)
        ours = _message_to_callback(folder, recording)
        theirs = _two_slow_passes(folder, recording)
    return {
        "celery_message_to_callback_s": round(ours, 2),
        "celery_two_slow_passes_s": round(theirs, 2),
        "celery_share_of_two_passes": round(ours / theirs, 3),
    }


def _message_to_callback(folder: Path, recording: Path) -> float:
    server = KeyValueServer(folder)
    server.start()
    (folder / "media").mkdir()
    try:
        with serve(SmallCeleryPod(folder / "media", f"redis+socket://{server.socket}?virtual_host=5")) as pod:

            def prepare(home: Path) -> None:
                (home / "secrets").mkdir(parents=True, mode=0o700)
                (home / "settings.toml").write_text(SETTINGS.format(media=pod.media, url=pod.url), encoding="utf-8")
                (home / "secrets/site_bench").write_text(TOKEN)
                (home / "secrets/site_bench_broker").write_text(pod.broker)

            with running("bench", prepare):
                first = pod.add(6, Path(__file__))  # no recording: its failure shows that all processes are up
                pod.encode(first)
                wait_until(lambda: not first.in_progress, PATIENCE_S, f"Pod is told; it heard {pod.callbacks}")
                video = pod.add(7, recording)
                began = time.monotonic()
                pod.encode(video)
                wait_until(lambda: not video.in_progress, PATIENCE_S, f"Pod is told; it heard {pod.callbacks}")
                took_s = time.monotonic() - began
                if video.imports != 1 or video.info["error_encoding"]:
                    raise RuntimeError(f"Pod imported nothing: {video}")
                return took_s
    finally:
        server.stop()


def _two_slow_passes(folder: Path, recording: Path) -> float:
    """H.264, preset slow, quality 20: 360p and 720p as MP4, and then 360p, 720p and 1080p as HLS."""
    began = time.monotonic()
    for heights, ending in (((360, 720), "mp4"), ((360, 720, 1080), "m3u8")):
        command = [str(find_tools("", "none").ffmpeg), "-v", "error", "-y", "-i", str(recording)]
        for height in heights:
            command += ["-map", "0:v:0", "-map", "0:a:0", "-vf", f"scale=-2:{height}", "-c:v", "libx264"]
            command += ["-preset", "slow", "-crf", "20", "-profile:v", "high", "-pix_fmt", "yuv420p"]
            command += ["-force_key_frames", "expr:gte(t,n_forced*1)", "-c:a", "aac", "-b:a", "192k", "-ar", "48000"]
            if ending == "m3u8":
                command += ["-hls_time", "2", "-hls_playlist_type", "vod", "-hls_flags", "single_file"]
            command.append(str(folder / f"slow_{height}.{ending}"))
        subprocess.run(command, check=True)
    return time.monotonic() - began


def _make(path: Path) -> None:
    moving = f"testsrc2=s=1920x1080:r=25:d={SECONDS},noise=alls=6:allf=t"
    command = [str(find_tools("", "none").ffmpeg), "-v", "error", "-y", "-f", "lavfi", "-i", moving]
    command += ["-f", "lavfi", "-i", f"sine=440:d={SECONDS}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "24"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)], check=True)
