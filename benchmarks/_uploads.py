"""Uploads and the order of waiting tasks in a real instance, for ./run bench web: how quick an upload is beside nginx and beside
many viewers, how soon a bad file is refused, and when the turn of somebody else comes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask

from benchmarks._instance import free_port, wait_for
from benchmarks._memory import peak_kib
from benchmarks._usage import cpu_s
from benchmarks._viewers import watching
from pod_jobs.catalog import database
from pod_jobs.catalog.store import sessions, users
from pod_jobs.settings import load
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import make_clip

HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"  # enough to be taken for a recording
VIEWERS = 200
PAIRS = 5  # uploads without and with viewers
REST_S = 2.0
QUIET_S = 10.0
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
    wait_for(lambda: "suspended" in _states(them, "encoding"), 60, "no encoding begins")
    taken = []
    for number in range(REFUSED):
        video = them.ask("POST", f"/videos?name=bad-{number}.mp4", data=half)["id"]
        began = time.monotonic()
        while them.ask("GET", f"/videos/{video}")["state"] != "error":
            time.sleep(0.02)
        taken.append(time.monotonic() - began)
    return {"refused_s": round(max(taken), 2)}


def _states(them: People, *queues: str) -> set[str]:
    return {one["state"] for one in them.ask("GET", "/workers")["workers"] if one["queue"] in queues}


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
    """Uploads alone and beside viewers, in turn, so that both meet the same disk and the same other work of the machine. The loss
    is the median of all pairs."""
    for queue in ("encoding", "inspecting"):
        them.ask("POST", "/drains", json={"scope": "queue", "name": queue, "why": "bench"})
    say(f"{PAIRS} times an upload of {upload_mb} MB alone, and one beside {VIEWERS} viewers")
    _ours_s(them, upload_mb)
    peak_mb = max(map(_peak_mb, _web_processes(them.instance)))
    cookies = [_viewer(them, number) for number in range(VIEWERS)]
    wait_for(lambda: "busy" not in _states(them, "encoding", "inspecting"), BUSY, "no worker has anything to do")
    alone, beside, watched = [], [], []
    for _ in range(PAIRS):
        alone.append(_ours_s(them, upload_mb))
        with watching(them.instance.port, cookies) as said:
            beside.append(_ours_s(them, upload_mb))
        watched.append(said)
    losses = [100 * (1 - one / other) for one, other in zip(alone, beside, strict=True)]
    figures: dict[str, Any] = {
        "upload_mb_s": round(upload_mb / median(alone), 1),
        "upload_peak_mb": round(peak_mb),
        "viewers_200_upload_loss_percent": round(max(0.0, median(losses)), 1),
        "viewers_200_upload_losses_percent": [round(one, 1) for one in losses],
        "viewers_200_poll_p95_ms": max(said["p95_ms"] for said in watched),
        "viewers_200_poll_cpu_ms": _poll_cpu_ms(them, cookies),
        "upload_ratio_vs_nginx": None,
    }
    if shutil.which("nginx"):
        with _nginx(them.instance.home / "nginx") as theirs:
            plain_s = _upload_s("PUT", f"{theirs}/big.mp4", upload_mb, "")
            figures["upload_ratio_vs_nginx"] = round(plain_s / median(alone), 2)
    return figures


def _viewer(them: People, number: int) -> str:
    """Somebody who has a recording that waits, so that the page with it asks most often. Returns the cookie of a session."""
    name, settings = f"viewer-{number}", load(them.instance.home)
    with database.connect(settings.database_url).connection_context():
        user = users.create(name, "lecturer", "", now())
        token, key = users.create_token(user, name, now()), sessions.begin(user, timedelta(days=1), now())
    them.ask("POST", f"/videos?name={name}.mp4", token, data=(them.instance.home / "short.mp4").read_bytes())
    app = Flask(__name__)
    app.secret_key = settings.secret("session_key")
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # of Flask's default one
    return f"pod_jobs_{them.instance.port}={signer.dumps({'_permanent': True, 'key': key})}"


def _ours_s(them: People, upload_mb: int) -> float:
    """Seconds for an upload. Then it is deleted, and the disk may rest."""
    taken_s = _upload_s("POST", f"{them.url}/videos?name=big.mp4", upload_mb, them.lecturer)
    newest = them.ask("GET", "/videos?limit=1", them.lecturer)["videos"][0]["id"]
    them.ask("DELETE", f"/videos/{newest}", them.lecturer)
    time.sleep(REST_S)
    return taken_s


def _poll_cpu_ms(them: People, cookies: list[str]) -> float:
    """Processor time of all web processes for one poll, when there is nothing but polls."""
    line = min(_web_processes(them.instance))  # the supervisor, of which the others descend
    with watching(them.instance.port, cookies) as said:
        before = cpu_s(line)
        time.sleep(QUIET_S)
        used_s = cpu_s(line) - before
    return round(1000 * used_s / said["polls"], 2)


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
