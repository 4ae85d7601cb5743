"""A worker on another host: an instance folder of its own, with nothing of the web host's but addresses and a token, and with
other settings."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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


@pytest.fixture
def far_site() -> Iterator[Site]:
    """A web app with the workers of the queue `catalog`, and no other."""
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        (folder / "home").mkdir()
        (folder / "home/settings.toml").write_text(SETTINGS, encoding="utf-8")
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


def url_of(video: dict[str, Any], name: str) -> str:
    url: str = next(one["url"] for one in video["outputs"] if one["name"] == name)
    return url


def test_it_encodes_without_the_media_folder_through_a_line_that_breaks(far_site: Site, tmp_path: Path) -> None:
    site, line = far_site, Line(far_site.port)
    far_home = tmp_path / "autre hôte"
    (far_home / "secrets").mkdir(parents=True)
    shutil.copy(site.home / "secrets/worker_token", far_home / "secrets/worker_token")
    video = site.upload("Cours.mp4", make_clip(tmp_path / "clip.mp4", seconds=16))
    far = {"POD_JOBS_HOME": str(far_home), "POD_JOBS_WORKER__STORAGE": "http"}
    far |= {"POD_JOBS_WORKER__CATALOG_URL": line.url, "POD_JOBS_WORKERS__ENCODING": "1"}
    redis_url = f"unix://{site.home.parent / 'redis.sock'}"

    def watched() -> bool:
        """Mostly while it encodes; on a quick machine it may be ready before anybody has looked."""
        found = site.api("GET", f"videos/{video}")
        if not found["playable"]:
            return False
        playlist = site.session.get(found["play"]["master"].replace("master", "216p"), timeout=10)
        return playlist.ok and "#EXTINF" in playlist.text

    with worker("encoding", redis_url, far_home, **far) as process:
        wait_until(watched, 90, "it plays")
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
