"""Uploads through a real gunicorn: memory stays flat, cut and silent lines lose nothing, refusals arrive."""

import html
import http.client
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pod_jobs.settings import ROOT, Settings
from tests import servers
from tests.integration.web.conftest import MP4_HEAD, Caller, Worker

MB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"


@dataclass
class Server:
    port: int
    pid: int
    token: str

    def request(self, method: str, path: str, headers: dict[str, str], body: object = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        chunked = "Transfer-Encoding" in headers
        signed = {"Authorization": f"Token {self.token}", **headers}
        with closing(connection):
            connection.request(method, path, body, signed, encode_chunked=chunked)  # type: ignore[arg-type]
            response = connection.getresponse()
            response.body = response.read()  # type: ignore[attr-defined]
        return response

    def peak_mb(self) -> float:
        """The most memory that one of gunicorn's workers ever had."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        statuses = [Path(f"/proc/{child}/status").read_text() for child in children]
        return max(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) for status in statuses) / 1024

    def create_upload(self, size: int) -> str:
        response = self.request("POST", "/api/v1/uploads", {**TUS, "Upload-Length": str(size)})
        assert response.status == 201
        return response.headers["Location"].removeprefix("http://pod.test")

    def offset(self, path: str) -> int:
        return int(self.request("HEAD", path, TUS).headers["Upload-Offset"])

    def go_on(self, path: str, content: bytes) -> int:
        """Send the rest of `content`, as a client that comes back does; gives the status."""
        offset = self.offset(path)
        headers = {**TUS, "Content-Type": BODY, "Upload-Offset": str(offset)}
        return self.request("PATCH", path, headers, content[offset:]).status

    def open_patch(self, path: str, offset: int, length: int, content: bytes) -> socket.socket:
        """A PATCH that announces `length` bytes and sends `content`."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        headers = {**TUS, "Authorization": f"Token {self.token}", "Content-Type": BODY, "Host": "pod.test"}
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        return line

    def open_post(self, length: int, content: bytes) -> socket.socket:
        """The same for a recording in one request."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head = f"Host: pod.test\r\nAuthorization: Token {self.token}\r\nContent-Length: {length}\r\n"
        line.sendall(f"POST /api/v1/videos?name=a.mp4 HTTP/1.1\r\n{head}\r\n".encode() + content)
        return line


@pytest.fixture
def served() -> str:
    """How patient the server of `served.py` is."""
    return "hasty"


@pytest.fixture
def server(settings: Settings, tokens: dict[str, str], tmp_path: Path, served: str) -> Iterator[Server]:
    port = servers.free_port()
    log = (tmp_path / "gunicorn.log").open("wb")
    few = {"POD_JOBS_WEB__PORT": str(port), "POD_JOBS_WEB__PROCESSES": "1", "POD_JOBS_WEB__THREADS": "8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.web.served", served],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "no-such-folder"), **few},
        stderr=log,
    )
    found = Server(port, process.pid, tokens["léa"])

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "gunicorn.log").read_text()
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", port)) == 0

    servers.wait_until(answers, 30, "gunicorn answers")
    yield found
    process.terminate()
    process.wait(40)
    log.close()


def large_file(size: int) -> Iterator[bytes]:
    yield MP4_HEAD.ljust(MB, b"\0")
    for _ in range(size // MB - 1):
        yield bytes(MB)


def test_memory_stays_flat_whatever_the_size(server: Server, settings: Settings) -> None:
    size = 64 * MB
    server.request("GET", "/api/v1/videos", {})
    before = server.peak_mb()
    plain = {"Content-Length": str(size)}
    assert server.request("POST", "/api/v1/videos?name=a.mp4", plain, large_file(size)).status == 201

    opening = b'--x\r\nContent-Disposition: form-data; name="file"; filename="b.mp4"\r\n\r\n'
    closing = b"\r\n--x--\r\n"
    form = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(len(opening) + size + len(closing)),
    }
    body = (piece for part in ([opening], large_file(size), [closing]) for piece in part)
    assert server.request("POST", "/api/v1/videos", form, body).status == 201

    upload = server.create_upload(size)
    patch = {**TUS, "Content-Type": BODY, "Upload-Offset": "0", "Content-Length": str(size)}
    assert server.request("PATCH", upload, patch, large_file(size)).headers["Video-Id"] == "3"

    for number in (1, 2, 3):
        assert (settings.media_folder / f"videos/{number:06d}/source").stat().st_size == size
    assert server.peak_mb() - before < 25, (before, server.peak_mb())


def test_a_chunked_body_without_a_length_will_do(server: Server, settings: Settings) -> None:
    response = server.request("PUT", "/api/v1/videos?name=a.mp4", {"Transfer-Encoding": "chunked"}, large_file(3 * MB))
    assert response.status == 201
    assert (settings.media_folder / "videos/000001/source").stat().st_size == 3 * MB


def test_a_body_that_breaks_off_makes_no_video(server: Server) -> None:
    """A curl that was stopped, a proxy that gave up: half a lecture must not pass for a whole one."""
    with server.open_post(2 * MB, MP4_HEAD.ljust(MB, b"\0")) as line:
        line.shutdown(socket.SHUT_WR)
        assert line.recv(MB).startswith(b"HTTP/1.1 400 ")
    assert b'"videos":[]' in server.request("GET", "/api/v1/videos", {}).body  # type: ignore[attr-defined]


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_cut_line_loses_nothing_that_arrived(server: Server, settings: Settings, abruptly: bool) -> None:
    content = MP4_HEAD + os.urandom(5 * MB)
    upload = server.create_upload(len(content))
    line = server.open_patch(upload, 0, len(content), content[: 3 * MB])
    servers.wait_until(lambda: server.offset(upload) >= 2 * MB, 10, "bytes arrive")
    if abruptly:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    line.close()
    servers.wait_until(lambda: server.go_on(upload, content) == 204, 15, "the upload is free again")
    assert (settings.media_folder / "videos/000001/source").read_bytes() == content


def test_a_silent_line_does_not_hold_the_upload_for_ever(server: Server, settings: Settings) -> None:
    """The phone left the network: nobody closes the connection, and the same upload comes again over another one."""
    content = MP4_HEAD + os.urandom(MB)
    upload = server.create_upload(len(content))
    line = server.open_patch(upload, 0, len(content), content[: MB // 2])
    servers.wait_until(lambda: server.offset(upload) >= MB // 4, 10, "bytes arrive")
    assert server.go_on(upload, content) == 423
    servers.wait_until(lambda: server.go_on(upload, content) == 204, 10, "the upload is free again")
    assert (settings.media_folder / "videos/000001/source").read_bytes() == content
    line.close()


def test_a_refusal_in_the_middle_of_a_body_reaches_the_client(server: Server, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    servers.need(curl, "curl")
    text = tmp_path / "text.mp4"
    text.write_bytes(b"only words " * (8 * MB))
    address = f"http://127.0.0.1:{server.port}/api/v1/videos?name=text.mp4"
    headers = ["-H", f"Authorization: Token {server.token}"]
    ended = subprocess.run(
        [str(curl), "-sS", *headers, "-T", str(text), address], capture_output=True, text=True, timeout=60
    )
    assert '"source-not-media"' in ended.stdout, ended.stderr


class Dribbler:
    """A client that sends `head` and then a byte five times a second, for ever."""

    def __init__(self, server: Server, head: str) -> None:
        self.line = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        self.line.sendall(head.encode())
        self.answer = b""

    def is_cut_off(self) -> bool:
        """One more byte, and a fifth of a second to hear what the server says to that."""
        self.line.settimeout(0.2)
        try:
            self.line.sendall(b"x")
            piece = self.line.recv(65_536)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        self.answer += piece
        return not piece


def test_clients_that_dribble_hold_no_threads(server: Server, settings: Settings) -> None:
    """Twice as many as there are threads; somebody else is served all the same, and soon they are all cut off."""
    signed = f"Host: x\r\nAuthorization: Token {server.token}\r\n"
    upload = server.create_upload(MB)
    tus = f"Tus-Resumable: 1.0.0\r\nContent-Type: {BODY}\r\nUpload-Offset: 0\r\n"
    heads = [
        *["GET / HTTP/1.1\r\nHost: x\r\nX: "] * 8,
        *[f"PATCH /api/v1/videos/1 HTTP/1.1\r\n{signed}Content-Type: application/json\r\nContent-Length: 999\r\n\r\n"]
        * 4,
        *[f"PATCH {upload} HTTP/1.1\r\n{signed}{tus}Content-Length: {MB}\r\n\r\nfirst bytes"] * 4,
    ]
    dribblers = [Dribbler(server, head) for head in heads]
    assert server.request("GET", "/api/v1/me", {}).status == 200
    with ThreadPoolExecutor(len(dribblers)) as pool:
        for dribbler in dribblers:
            pool.submit(servers.wait_until, dribbler.is_cut_off, 20, "it is cut off")
    assert all(dribbler.is_cut_off() for dribbler in dribblers)
    assert {d.answer.split(b"\r\n")[0] for d in dribblers[8:12]} == {b"HTTP/1.1 408 Request Timeout"}
    assert server.offset(upload) > 0, "what came of the upload is kept"
    for dribbler in dribblers:
        dribbler.line.close()
    content = MP4_HEAD.ljust(MB, b"x")
    assert server.request("DELETE", upload, TUS).status == 204
    assert server.go_on(server.create_upload(MB), content) == 204


LAST_WORDS = {
    "after its last request": "GET /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "refused, its recording unsent": (
        "POST /api/v1/videos HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\n"
        "Content-Type: multipart/form-data\r\nContent-Length: 1000000\r\n\r\n"
    ),
}


@pytest.mark.parametrize("served", ["real"])
@pytest.mark.parametrize("words", LAST_WORDS)
def test_clients_that_do_not_hang_up_delay_nobody(server: Server, words: str) -> None:
    """As many as there are threads."""
    began = time.monotonic()
    with ExitStack() as lines:
        for _ in range(8):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            line.sendall(LAST_WORDS[words].format(token=server.token).encode())
            assert line.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 400")
        assert server.request("GET", "/api/v1/me", {}).status == 200
        assert time.monotonic() - began < 10


DISGUISES = {
    "the words of an upload behind a #": "POST /sign-in#/api/v1/videos HTTP/1.1\r\nContent-Length: 9000",
    "its path below another": "POST /sign-in/api/v1/videos HTTP/1.1\r\nContent-Length: 9000",
    "a length with zeros": "POST /sign-in HTTP/1.1\r\nContent-Length: 0000000000009000",
}


@pytest.mark.parametrize("served", ["real"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_body_in_disguise_holds_no_thread(server: Server, disguise: str) -> None:
    """More of them than threads; somebody else is answered at once."""
    form = "\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nname="
    with ExitStack() as stack:
        for _ in range(12):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            line.sendall((DISGUISES[disguise] + form).encode())
        began = time.monotonic()
        assert server.request("GET", "/api/v1/me", {}).status == 200
        assert time.monotonic() - began < 3


def test_a_slow_line_that_keeps_the_pace_is_served(server: Server, settings: Settings) -> None:
    """It takes longer than the grace, because it brings enough."""
    content = MP4_HEAD.ljust(400_000, b"x")
    upload = server.create_upload(len(content))
    began = time.monotonic()
    with server.open_patch(upload, 0, len(content), b"") as line:
        for at in range(0, len(content), 20_000):
            assert select.select([line], [], [], 0.15)[0] == [], "no answer before the end"
            line.sendall(content[at : at + 20_000])
        assert b" 204 " in line.recv(4096)
    assert time.monotonic() - began > 2.5
    assert (settings.media_folder / "videos/000001/source").read_bytes() == content


def test_a_body_that_is_no_upload_has_a_limit_with_or_without_a_length(server: Server) -> None:
    server.request("POST", "/api/v1/videos?name=a.mp4", {}, MP4_HEAD)
    for headers in ({"Transfer-Encoding": "chunked"}, {"Content-Length": str(6 * MB)}):
        body = (b'{"title": "' + b"x" * MB if number == 0 else b"x" * MB for number in range(6))
        with suppress(ConnectionError):  # it may hang up while we are still talking
            answer = server.request("PATCH", "/api/v1/videos/1", {"Content-Type": "application/json", **headers}, body)
            assert answer.status in (411, 413)
    title = server.request("GET", "/api/v1/videos/1", {}).body  # type: ignore[attr-defined]
    assert b"xxx" not in title


def test_captions_of_a_long_recording_arrive_whole(server: Server) -> None:
    """More than any other body that is no upload: those of 12 hours with their words."""
    server.request("POST", "/api/v1/videos?name=a.mp4", {}, MP4_HEAD)
    cues = (
        f"00:{n // 60 % 60:02}:{n % 60:02}.000 --> 00:{n // 60 % 60:02}:{n % 60:02}.900\nUne phrase.\n"
        for n in range(3000)
    )
    text = "WEBVTT\n\n" + "\n".join(cues) + "\nNOTE\n" + "x" * 79 + ("\n" + "x" * 79) * 60_000 + "\n"
    answer = server.request(
        "POST", "/api/v1/videos/1/captions?language=fr", {"Content-Type": "text/vtt"}, text.encode()
    )
    assert len(text) > 4_800_000
    assert answer.status == 201, answer.body[:300]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "header", "status", "kind", "words"),
    [
        (
            "/api/v1/videos?text=" + "x" * 9000,
            "",
            414,
            "application/problem+json",
            "The address of this request is too long.",
        ),
        (
            "/?text=" + "x" * 9000,
            "Accept-Language: fr",
            414,
            "text/html",
            "L’adresse de cette requête est trop longue.",
        ),
        ("/api/v1/videos", "X: " + "x" * 9000, 431, "application/problem+json", "brings more with it"),
        ("/ x", "", 400, "text/html", "The request could not be understood."),
    ],
)
def test_a_head_that_cannot_be_read_is_answered_in_our_words(
    server: Server, path: str, header: str, status: int, kind: str, words: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 20) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: pod.test\r\n{header or 'X: x'}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ") and f"Content-Type: {kind}" in head
    assert words in (json.loads(body)["title"] if kind.endswith("json") else html.unescape(body))
    assert f"Content-Length: {len(body.encode())}" in head


@pytest.fixture
def two_seats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_JOBS_LIMITS__RECEIVING", "2")


@pytest.mark.usefixtures("two_seats")
def test_slow_uploads_of_one_person_leave_threads_to_the_others(
    server: Server, callers: dict[str, Caller], settings: Settings
) -> None:
    slow = [server.open_post(MB, MP4_HEAD) for _ in range(2)]
    servers.wait_until(lambda: len(list(settings.media_folder.glob("uploads/post-*"))) == 2, 10, "both are received")
    refused = server.request("POST", "/api/v1/videos?name=a.mp4", {}, MP4_HEAD)
    assert (refused.status, b"receiving-limit" in refused.body) == (429, True)  # type: ignore[attr-defined]
    tina = {"Authorization": f"Token {callers['tina'].token}"}
    assert server.request("POST", "/api/v1/videos?name=a.mp4", tina, MP4_HEAD).status == 201
    for line in slow:
        line.close()
    servers.wait_until(
        lambda: server.request("POST", "/api/v1/videos?name=a.mp4", {}, MP4_HEAD).status == 201, 10, "a seat is free"
    )


def sip(server: Server, path: str, headers: dict[str, str], buffer_bytes: int = 2048) -> socket.socket:
    """A reader that asks for a file and takes its first bytes only."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    line.settimeout(30)
    line.connect(("127.0.0.1", server.port))
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "pod.test", **headers}.items())
    line.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    assert line.recv(12).startswith(b"HTTP/1.1 20")
    return line


@pytest.mark.parametrize("part", [{}, {"Range": "bytes=1000-"}])
def test_slow_readers_hold_no_threads_and_get_all_of_it(
    server: Server, callers: dict[str, Caller], worker: Worker, settings: Settings, part: dict[str, str]
) -> None:
    """More of them than there are threads."""
    order = worker.start(callers["léa"].upload()["task"])
    worker.finish(order)
    os.truncate(settings.media_folder / worker.folder(order) / "360p.mp4", 30 * MB)
    path = f"/media/{order['video']}/encode-{order['task']}-g1/360p.mp4"
    headers = {"Authorization": f"Token {server.token}", "Connection": "close", **part}
    slow = [sip(server, path, headers) for _ in range(20)]
    paused = sip(server, path, headers, buffer_bytes=100_000)
    assert len(server.request("GET", path, part).body) >= 29 * MB  # type: ignore[attr-defined]
    with paused, paused.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert len(body) == int(re.findall(rb"Content-Length: (\d+)", head)[0]) >= 29 * MB
    for line in slow:
        line.close()
