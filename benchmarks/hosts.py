"""What a worker costs that shares nothing with the web host, and how long it takes to add one and to lose one.

http_overhead_1gb   percent by which the encoding of a large recording takes longer by HTTP than from a shared folder, both on
                    loopback, each twice and in turns; --mb gives its size. The recording is short and of a high bit rate: the
                    worst case
s3_overhead_1gb     the same through the bucket of an S3 server (rclone's), which runs on the same processors
fetch_s, send_s     seconds for fetching that recording by HTTP, and for sending as many bytes; s3_fetch_s, s3_send_s: through
                    the bucket
peak_mb             highest memory of the worker meanwhile, by HTTP or through the bucket, without ffmpeg; growth_mb: of that,
                    since before it began
web_peak_mb         highest memory of the web app's process meanwhile; web_growth_mb: of that, since before it began
first_picture_s     from the start of the job until the first seconds of a 10 min recording in 1080p can be watched, which a host
                    without a shared folder encodes by the usual ladder
join_s              from the one command on a new host until its worker takes jobs
recovery_s          from the power cut of a host in mid-encode until another host runs its job
lost, doubled, stuck    recordings without a result, with two results, still under way: each has to be 0
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks._instance import children_of
from benchmarks._memory import peak_kib
from pod_jobs.jobs.encode import tools_of
from pod_jobs.settings import ROOT, load
from pod_jobs.storage import Run
from tests.acceptance.hosts import Network, network
from tests.acceptance.site import Site, make_clip, serve
from tests.s3 import SECRET_KEY, S3Server
from tests.servers import KeyValueServer, short_folder, wait_until

WAYS = ("shared", "http", "s3")
SUMMARY = "workers on other hosts: the cost of HTTP and S3, adding a host, losing one"
NOISE_MBPS = 140  # bit rate of the recording
TALK = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "8M"]  # as a camera's
LOST_S = 200  # most seconds until the job of a dead host runs again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mb", type=int, default=1000, help="size of the recording, in MB")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with short_folder() as folder:
        server, s3 = KeyValueServer(folder), S3Server(folder / "s3")
        server.start()
        try:
            s3.start()
            (folder / "home/secrets").mkdir(parents=True)
            (folder / "home/secrets/s3_secret_key").write_text(SECRET_KEY)
            (folder / "home/settings.toml").write_text(s3.settings)
            with serve(folder / "home", server) as site:
                figures |= cost_of_ways(site, folder, options.mb)
        finally:
            s3.stop()
            server.stop()
        with network("b", ladder="") as made:
            figures |= first_picture(made, folder)
        with network() as made:
            figures |= with_hosts(made, folder)
    return figures


def cost_of_ways(site: Site, folder: Path, size_mb: int) -> dict[str, Any]:
    recording = noise(folder / "noise.mp4", size_mb)
    web = children_of(site.process.pid)
    web_before_mb = peak_of(web)
    say(f"encoding {recording.stat().st_size / 1e6:.0f} MB from a shared folder, by HTTP, and through a bucket")
    # in turns, there and back: a machine becomes slower or faster with time
    turns = [(way, worked(site, folder, way, recording)) for way in (*WAYS, *reversed(WAYS))]
    shared, http, bucket = (mean_of(figures for made_by, figures in turns if made_by == way) for way in WAYS)
    http_sent, bucket_sent = (worked(site, folder, way, recording, recording) for way in ("http", "s3"))
    far = (http, bucket, http_sent, bucket_sent)
    figures = {
        "http_overhead_1gb": 100 * (http["all_s"] / shared["all_s"] - 1),
        "s3_overhead_1gb": 100 * (bucket["all_s"] / shared["all_s"] - 1),
        "shared_s": shared["all_s"],
        "http_s": http["all_s"],
        "s3_s": bucket["all_s"],
        "fetch_s": http["fetch_s"],
        "s3_fetch_s": bucket["fetch_s"],
        "send_s": http_sent["publish_s"],
        "s3_send_s": bucket_sent["publish_s"],
        "peak_mb": max(one["peak_mb"] for one in far),
        "growth_mb": max(one["peak_mb"] - one["before_mb"] for one in far),
        "web_peak_mb": peak_of(web),
        "web_growth_mb": peak_of(web) - web_before_mb,
    }
    return {name: round(figure, 1) for name, figure in figures.items()}


def mean_of(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure, but the highest of those of memory."""
    listed = list(runs)
    return {
        name: max(run[name] for run in listed) if name.endswith("_mb") else fmean(run[name] for run in listed)
        for name in listed[0]
    }


def peak_of(pids: list[int]) -> float:
    """Highest memory so far of the largest of these processes, in MB."""
    return max(map(peak_kib, pids)) / 1024


def noise(path: Path, size_mb: int) -> Path:
    """A recording in 1080p of this size at NOISE_MBPS."""
    seconds = max(2, round(size_mb * 8 / NOISE_MBPS))
    rate = f"{NOISE_MBPS}M"
    source = f"testsrc2=s=1920x1080:r=25:d={seconds},noise=alls=90:allf=t"
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", rate, "-minrate", rate]
    codec += ["-maxrate", rate, "-bufsize", "20M"]
    say(f"making a recording of {seconds} s")
    run_ffmpeg("-f", "lavfi", "-i", source, *codec, str(path))
    return path


def begun(site: Site, recording: Path) -> Run:
    """A run of a new video of this recording."""
    with recording.open("rb") as file:
        said = site.session.post(f"{site.url}/api/v1/videos", params={"name": "noise.mp4"}, data=file, timeout=600)
    said.raise_for_status()
    task = site.api("GET", f"videos/{said.json()['id']}")["task"]
    order = site.workers.start(task["id"], task["generation"], "encoding.bench.1", "bench", 1)
    assert order.video is not None
    numbers = (order.video, order.kind, order.task, order.generation, order.template)
    return Run(*numbers, order.media, order.attempt, order.key)


def worked(site: Site, folder: Path, way: str, recording: Path, *sent: Path) -> dict[str, float]:
    """What a worker with `worker.storage` = `way` says (_host_worker.py) of a run of this recording."""
    home = site.home if way == "shared" else folder / f"worker-{way}"
    if not home.exists():
        (home / "secrets").mkdir(parents=True)
        shutil.copy(site.home / "secrets/worker_token", home / "secrets")
    own = {"POD_JOBS_WORKER__STORAGE": way, "POD_JOBS_WORKER__CATALOG_URL": site.url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks._host_worker", str(home), *map(str, sent)]
    run = json.dumps(asdict(begun(site, recording)))
    done = subprocess.run(command, input=run, env={**os.environ, **own}, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def first_picture(made: Network, folder: Path) -> dict[str, Any]:
    site, (host,) = made.site, made.hosts
    made.join(host)
    wait_until(lambda: site.redis.scard("rq:workers:encoding"), 120, "its worker is there")
    part, talk = folder / "part.mp4", folder / "talk-1080p.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25:d=20,format=yuv420p", *TALK, str(part))
    run_ffmpeg("-stream_loop", "29", "-i", str(part), "-c", "copy", str(talk))
    say(f"a recording of 10 min and {talk.stat().st_size / 1e6:.0f} MB")
    with talk.open("rb") as file:
        said = site.session.post(f"{site.url}/api/v1/videos", params={"name": "talk.mp4"}, data=file, timeout=600)
    said.raise_for_status()
    video = said.json()["id"]
    wait_until(lambda: site.is_watchable(video, "360p"), 120, "its beginning can be watched")
    now = datetime.now(UTC)
    (attempt,) = made.task_of(video)["attempts"]
    return {"first_picture_s": round((now - datetime.fromisoformat(attempt["started_at"])).total_seconds(), 1)}


def run_ffmpeg(*arguments: str) -> None:
    subprocess.run([str(tools_of(load()).ffmpeg), "-v", "error", "-y", *arguments], check=True)


def with_hosts(made: Network, folder: Path) -> dict[str, Any]:
    site, (near, other) = made.site, made.hosts
    say("a host joins")
    began = time.monotonic()
    made.join(near)
    wait_until(lambda: site.redis.scard("rq:workers:encoding"), 120, "its worker is there")
    join_s = time.monotonic() - began
    video = site.upload("talk.mp4", make_clip(folder / "talk.mp4", seconds=300))
    wait_until(lambda: made.progress(video).get("fraction", 0) > 0, 60, "it encodes")
    made.join(other)
    say("its power is cut")
    wait_until(lambda: site.redis.scard("rq:workers:encoding") > 1, 120, "the other one is there")
    killed = time.monotonic()
    near.kill()
    wait_until(lambda: len(made.task_of(video)["attempts"]) > 1, LOST_S, "the other one has its job")
    recovery_s = time.monotonic() - killed
    wait_until(lambda: site.api("GET", f"videos/{video}")["state"] != "running", 900, "it has ended")
    task, state = made.task_of(video), site.api("GET", f"videos/{video}")["state"]
    return {
        "join_s": round(join_s, 1),
        "recovery_s": round(recovery_s, 1),
        "lost": int(state != "ready"),
        "doubled": max(0, sum(one["outcome"] == "done" for one in task["attempts"]) - 1),
        "stuck": int(task["state"] in ("waiting", "running")),
    }


def say(words: str) -> None:
    print(words, file=sys.stderr)


def failed(figures: dict[str, Any]) -> bool:
    return any(figures[name] for name in ("lost", "doubled", "stuck"))


def table(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name:20} {value}" for name, value in figures.items())
