"""A worker on another host: an instance folder of its own, with nothing of the web host's but addresses and a token, and with
other settings."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pod_jobs.jobs.workforce import count_idle
from pod_jobs.settings import ROOT
from tests.acceptance.site import Line, Site, make_clip, serve
from tests.servers import KeyValueServer, short_folder, wait_until

SETTINGS = """
[[rendition]]
name = "216p"
height_px = 216
crf = 24
preset = "ultrafast"
maxrate_kbps = 900
audio_kbps = 64
mp4 = true
[[dressing]]
name = "Sceau"
automatic = true
watermark = "sceau.png"
corner = "top-left"
opacity_percent = 100
width_percent = 50
"""
SEAL = (255, 0, 255)  # the colour of the watermark
# A recording of 32 s is long, and slow to encode
SHARING = """
[encode]
share_from_min = 0.5
chunk_s = 4
segment_s = 2
[[rendition]]
name = "216p"
height_px = 216
crf = 20
preset = "slow"
maxrate_kbps = 900
audio_kbps = 64
mp4 = false
"""


@pytest.fixture
def far_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A web app with the workers of the queue `catalog`, and no other. The parameter: its settings."""
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        (folder / "home").mkdir()
        (folder / "home/settings.toml").write_text(getattr(request, "param", SETTINGS), encoding="utf-8")
        Image.new("RGB", (100, 60), SEAL).save(folder / "home/sceau.png")
        try:
            with serve(folder / "home", server) as site:
                variables = {"POD_JOBS_HOME": str(site.home), "POD_JOBS_WEB__PORT": str(site.port)}
                with worker("catalog", server.url, site.home, **variables):
                    yield site
        finally:
            server.stop()


class worker:  # noqa: N801  # used like a function
    """A worker process of `queue` for a `with` block, with its log in `home`."""

    def __init__(self, queue: str, redis_url: str, home: Path, **variables: str) -> None:
        self._log = (home / f"{queue}.log").open("ab")
        variables = {**os.environ, "POD_JOBS_REDIS__URL": redis_url, "PYTHONPATH": str(ROOT), **variables}
        command = [sys.executable, str(ROOT / "worker.py"), queue]
        self.process = subprocess.Popen(command, env=variables, cwd=ROOT, stdout=self._log, stderr=self._log)

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


def far_variables(site: Site, home: Path, catalog_url: str) -> dict[str, str]:
    """Those of a worker on another host, whose instance folder `home` is made with nothing but a token."""
    (home / "secrets").mkdir(parents=True)
    shutil.copy(site.home / "secrets/worker_token", home / "secrets/worker_token")
    variables = {"POD_JOBS_HOME": str(home), "POD_JOBS_WORKER__STORAGE": "http"}
    return variables | {"POD_JOBS_WORKER__CATALOG_URL": catalog_url, "POD_JOBS_WORKERS__ENCODING": "1"}


def url_of(video: dict[str, Any], name: str) -> str:
    url: str = next(one["url"] for one in video["outputs"] if one["name"] == name)
    return url


def test_it_encodes_without_the_media_folder_through_a_line_that_breaks(far_site: Site, tmp_path: Path) -> None:
    site, line = far_site, Line(far_site.port)
    far_home = tmp_path / "autre hôte"
    far = far_variables(site, far_home, line.url)
    video = site.upload("Cours.mp4", make_clip(tmp_path / "clip.mp4", seconds=16))
    redis_url = f"unix://{site.home.parent / 'redis.sock'}"

    with worker("encoding", redis_url, far_home, **far) as process:
        # mostly while it encodes; on a quick machine it may be ready before anybody has looked
        wait_until(lambda: site.is_watchable(video, "216p"), 90, "it plays")
        line.cut()
        threading.Timer(1, line.mend).start()
        wait_until(lambda: site.api("GET", f"videos/{video}")["state"] == "ready", 90, "it is ready")
        process.send_signal(signal.SIGTERM)
    found = site.api("GET", f"videos/{video}")
    assert "216p.m3u8" in site.session.get(url_of(found, "master.m3u8"), timeout=10).text
    assert not any("360p" in one["name"] for one in found["outputs"])
    assert not (far_home / "media/videos").exists() and not (far_home / "catalog.sqlite3").exists()
    with Image.open(io.BytesIO(site.session.get(url_of(found, "thumbnail_1.jpg"), timeout=10).content)) as picture:
        where_it_is = picture.convert("RGB").getpixel((picture.width // 4, picture.height // 8))
    assert isinstance(where_it_is, tuple)
    assert all(abs(one - wanted) < 40 for one, wanted in zip(where_it_is, SEAL, strict=True)), where_it_is
    (source,) = (far_home / "work/sources").glob("*-source")
    assert source.stat().st_size == (tmp_path / "clip.mp4").stat().st_size
    assert not list((far_home / "work/videos").glob("*/encode*"))


@pytest.mark.parametrize("far_site", [SHARING], indirect=True, ids=["sharing"])
def test_hosts_without_a_common_folder_share_a_long_recording_and_one_is_killed(far_site: Site, tmp_path: Path) -> None:
    site, homes = far_site, (tmp_path / "hôte b", tmp_path / "hôte c")
    redis_url = f"unix://{site.home.parent / 'redis.sock'}"
    with ExitStack() as stack:
        started = [
            stack.enter_context(worker("encoding", redis_url, home, **far_variables(site, home, site.url)))
            for home in homes
        ]
        wait_until(lambda: count_idle(site.redis, "encoding") == 2, 60, "both wait for work")
        clip = make_clip(tmp_path / "clip.mp4", seconds=32)
        shared = site.upload("Cours.mp4", clip)
        wait_until(lambda: site.api("GET", f"videos/{shared}")["state"] == "ready", 120, "it is ready")
        log = site.session.get(url_of(site.api("GET", f"videos/{shared}"), "encoding.log"), timeout=10).text
        assert len(set(re.findall(r"chunk \d+ by (\S+):", log))) == 2, "both hosts made chunks"
        wait_until(lambda: count_idle(site.redis, "encoding") == 2, 60, "both wait for work")
        made = [(home / "encoding.log").read_text().count("encode of video") for home in homes]
        video = site.upload("Cours 2.mp4", clip)
        folder = site.home / f"media/videos/{video:06d}"

        def is_at_work() -> bool:
            """Does the helper make a chunk?"""
            notes = [json.loads(path.read_text()) for path in folder.glob("*.helpers/*/note")]
            return any(piece is not None for piece, _ in notes)

        wait_until(is_at_work, 60, "the helper makes a chunk")
        now = [(home / "encoding.log").read_text().count("encode of video") for home in homes]
        (helper,) = (one for one, before, after in zip(started, made, now, strict=True) if after == before)
        helper.kill()
        wait_until(lambda: site.api("GET", f"videos/{video}")["state"] == "ready", 120, "it is ready")
    found = site.api("GET", f"videos/{video}")
    assert len(site.api("GET", f"tasks/{found['task']['id']}")["attempts"]) == 1
    playlist = site.session.get(url_of(found, "216p.m3u8"), timeout=10).text
    assert sum(map(float, re.findall("#EXTINF:([0-9.]+)", playlist))) == pytest.approx(32, abs=0.1)
    assert "whole after all" not in site.session.get(url_of(found, "encoding.log"), timeout=10).text
    assert not list(folder.glob("*.helpers"))
