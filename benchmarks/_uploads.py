"""Uploads and the order of waiting tasks in a real instance, for ./run bench web: how quick an upload is beside nginx and beside
many viewers, how soon a bad file is refused, and when the turn of somebody else comes."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from benchmarks._instance import free_port, wait_for
from benchmarks._memory import peak_kib
from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.settings import load
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import make_clip

HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"  # enough to be taken for a recording
VIEWERS, POLL_S, POLLING_THREADS = 200, 2.0, 20
REFUSED = 5
PIECE = 1_000_000
BUSY = 3600  # seconds that whoever waits for a turn may need on a slow machine


def measure_uploads(upload_mb: int, waiting: int) -> dict[str, Any]:
    """{"upload_ratio_vs_nginx", "upload_peak_mb", "viewers_200_upload_loss_percent", "refused_s", "fair_wait_s", …}"""
    with running("bench") as instance:
        them = People(instance)
        figures = {**_refusals(them), **_turns(them, waiting)}
        return {**figures, **_speeds(them, upload_mb)}


class People:
    """An administrator, for whom no limit counts, and a lecturer; and what they ask."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.url = instance, f"http://127.0.0.1:{instance.port}/api/v1"
        self.admin = (instance.home / "secrets" / "cli_token").read_text().strip()
        with database.connect(load(instance.home).database_url).connection_context():
            self.lecturer = users.create_token(users.create("bench", "lecturer", "", now()), "bench", now())

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Token {token or self.admin}"}
        answer = requests.request(method, self.url + path, headers=headers, timeout=600, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def _refusals(them: People) -> dict[str, float]:
    """Seconds from the last byte of a bad file to the words, while no encoding begins; the longest of some."""
    say("bad files beside a full queue")
    whole = make_clip(them.instance.home / "whole.mp4", seconds=10)
    half = whole.read_bytes()[: whole.stat().st_size // 2]
    them.ask("POST", "/drains", json={"scope": "queue", "name": "encoding", "why": "bench"})
    wait_for(lambda: "suspended" in _states(them), 60, "no encoding begins")
    taken = []
    for number in range(REFUSED):
        video = them.ask("POST", f"/videos?name=bad-{number}.mp4", data=half)["id"]
        began = time.monotonic()
        while them.ask("GET", f"/videos/{video}")["state"] != "error":
            time.sleep(0.02)
        taken.append(time.monotonic() - began)
    return {"refused_s": round(max(taken), 2)}


def _states(them: People) -> set[str]:
    return {one["state"] for one in them.ask("GET", "/workers")["workers"] if one["queue"] == "encoding"}


def _turns(them: People, waiting: int) -> dict[str, float]:
    """Behind `waiting` short recordings of one person somebody else uploads another: seconds, and tasks that began before."""
    say(f"{waiting} recordings of one person wait, and somebody else comes")
    clip = make_clip(them.instance.home / "short.mp4", seconds=1).read_bytes()
    for number in range(waiting):
        them.ask("POST", f"/videos?name=many-{number}.mp4", data=clip)
    for drain in them.ask("GET", "/drains")["drains"]:
        them.ask("DELETE", f"/drains/{drain['id']}")
    wait_for(lambda: them.ask("GET", "/tasks?state=running")["tasks"], 120, "the first one begins")
    task = them.ask("POST", "/videos?name=other.mp4", them.lecturer, data=clip)["task"]
    wait_for(lambda: them.ask("GET", f"/tasks/{task['id']}")["started_at"], BUSY, "the other one begins")
    mine = them.ask("GET", f"/tasks/{task['id']}")
    others = [
        one for state in ("running", "done") for one in them.ask("GET", f"/tasks?limit=200&state={state}")["tasks"]
    ]
    before = sum(mine["created_at"] < (one["started_at"] or "") < mine["started_at"] for one in others)
    for one in them.ask("GET", "/tasks?limit=200&state=waiting")["tasks"]:
        with suppress(requests.HTTPError):
            them.ask("POST", f"/tasks/{one['id']}/cancel")
    seconds = (datetime.fromisoformat(mine["started_at"]) - datetime.fromisoformat(mine["created_at"])).total_seconds()
    return {"fair_wait_s": round(seconds, 2), "fair_wait_jobs": before}


def _speeds(them: People, upload_mb: int) -> dict[str, Any]:
    them.ask("POST", "/drains", json={"scope": "queue", "name": "encoding", "why": "bench"})
    say(f"an upload of {upload_mb} MB, alone and beside {VIEWERS} viewers")
    ours = f"{them.url}/videos?name=big.mp4"
    alone = _upload_s("POST", ours, upload_mb, them.lecturer)
    peak_mb = max(map(_peak_mb, _web_processes(them.instance)))
    stop = threading.Event()
    viewers = [threading.Thread(target=_view, args=(them, stop), daemon=True) for _ in range(POLLING_THREADS)]
    for one in viewers:
        one.start()
    beside = _upload_s("POST", ours, upload_mb, them.lecturer)
    stop.set()
    for one in viewers:
        one.join(30)
    figures: dict[str, Any] = {
        "upload_mb_s": round(upload_mb / alone, 1),
        "upload_peak_mb": round(peak_mb),
        "viewers_200_upload_loss_percent": round(max(0.0, 100 * (1 - alone / beside)), 1),
        "upload_ratio_vs_nginx": None,
    }
    if shutil.which("nginx"):
        with _nginx(them.instance.home / "nginx") as theirs:
            figures["upload_ratio_vs_nginx"] = round(_upload_s("PUT", f"{theirs}/big.mp4", upload_mb, "") / alone, 2)
    return figures


def _upload_s(method: str, url: str, size_mb: int, token: str) -> float:
    parts = urlsplit(url)
    piece, began = os.urandom(PIECE), time.monotonic()
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=600)) as line:
        line.putrequest(method, f"{parts.path}?{parts.query}")
        line.putheader("Content-Length", str(size_mb * PIECE))
        line.putheader("Content-Type", "application/octet-stream")
        if token:
            line.putheader("Authorization", f"Token {token}")
        line.endheaders()
        line.send(HEAD + piece[len(HEAD) :])
        for _ in range(size_mb - 1):
            line.send(piece)
        status = line.getresponse().status
    if status >= requests.codes.bad_request:
        raise RuntimeError(f"{method} {url}: {status}")
    return time.monotonic() - began


def _view(them: People, stop: threading.Event) -> None:
    """Some viewers of the list of videos, which ask for it every POLL_S."""
    etag = ""
    with requests.Session() as session:
        while not stop.wait(POLL_S * POLLING_THREADS / VIEWERS):
            headers = {"Authorization": f"Token {them.lecturer}", **({"If-None-Match": etag} if etag else {})}
            with suppress(requests.RequestException):
                etag = session.get(f"{them.url}/videos", headers=headers, timeout=30).headers.get("ETag", etag)


def _web_processes(instance: Instance) -> list[int]:
    return [pid for pid, words in instance.processes().items() if "web.py" in words]


def _peak_mb(pid: int) -> float:
    """The largest resident memory that the process ever had; 0 when it is gone."""
    with suppress(OSError):
        return peak_kib(pid) / 1000
    return 0.0


@contextmanager
def _nginx(place: Path) -> Iterator[str]:
    """An nginx that stores what is put there, as plainly as it can."""
    port = free_port()
    (place / "store").mkdir(parents=True)
    (place / "nginx.conf").write_text(
        f"""user root; daemon off; error_log {place}/error.log; pid {place}/pid; worker_processes 2;
        events {{}} http {{ access_log off; client_max_body_size 0; client_body_temp_path {place}/body;
        server {{ listen 127.0.0.1:{port}; location / {{ root {place}/store; dav_methods PUT; }} }} }}"""
    )
    process = subprocess.Popen(["nginx", "-p", str(place), "-c", str(place / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:

        def answers() -> bool:
            with suppress(requests.RequestException):
                return bool(requests.get(f"http://127.0.0.1:{port}", timeout=2).status_code)
            return False

        wait_for(answers, 20, "nginx answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def now() -> datetime:
    return datetime.now(UTC)


def say(words: str) -> None:
    print(words, file=sys.stderr)
