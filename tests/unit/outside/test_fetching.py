"""Fetching a recording from a server that behaves, and from those that do not."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import AddressForbidden, BadSource, Cancelled, ServiceUnavailable
from pod_jobs.outside import exchange, fetching
from pod_jobs.outside.addresses import Allowed
from pod_jobs.outside.exchange import Times
from pod_jobs.outside.fetching import Fetched, Limits, fetch
from tests.servers import QuietHandler, answering

HERE = Allowed(networks=("127.0.0.0/8",))
FILM = bytes(range(256)) * 4000


@dataclass
class Pod:
    """A web server with one file. `answer(request, number of the request)` writes the answer."""

    url: str = ""
    answer: Callable[[Any, int], None] = lambda request, number: whole(request)
    ranges: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)


def send(request: Any, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def whole(request: Any, cut_at: int | None = None, etag: str = '"1"') -> None:
    """All of the film, or what a range asks for; the connection breaks after `cut_at` bytes."""
    wanted = request.headers.get("Range")
    begin = int(wanted[6:-1]) if wanted and request.headers.get("If-Range") == etag else 0
    headers = {"Content-Length": str(len(FILM) - begin), "ETag": etag}
    if begin:
        headers["Content-Range"] = f"bytes {begin}-{len(FILM) - 1}/{len(FILM)}"
    send(request, 206 if begin else 200, headers, FILM[begin:][:cut_at])


@pytest.fixture
def pod() -> Iterator[Pod]:
    found = Pod()

    class Answering(QuietHandler):
        def do_GET(self) -> None:
            found.ranges.append(self.headers.get("Range", ""))
            found.hosts.append(self.headers["Host"])
            try:
                found.answer(self, len(found.ranges))
            except (BrokenPipeError, ConnectionResetError):
                pass

    with answering(Answering) as port:
        found.url = f"http://pod.univ.fr:{port}/media/film.mp4"
        yield found


def get(pod: Pod, to: Path, allowed: Allowed = HERE, limit: int = 10**9, **more: Any) -> Fetched:
    limits = Limits(limit, Times(1.0, more.pop("read_s", 2.0)), pause_s=0.05)
    tick = more.pop("tick", lambda size: None)
    return fetch(more.pop("url", pod.url), allowed, to, limits, tick, lambda host, port: ["127.0.0.1"])


def test_a_recording_arrives_with_its_sum(pod: Pod, tmp_path: Path) -> None:
    to = tmp_path / "film é"
    seen: list[int] = []
    done = get(pod, to, tick=seen.append)
    assert done == Fetched(len(FILM), hashlib.sha256(FILM).hexdigest(), pod.url)
    assert to.read_bytes() == FILM and seen[-1] == len(FILM)
    assert pod.hosts[0].startswith("pod.univ.fr:") and sorted(path.name for path in tmp_path.iterdir()) == [to.name]


def test_a_broken_connection_is_taken_up_where_it_broke(pod: Pod, tmp_path: Path) -> None:
    pod.answer = lambda request, number: whole(request, cut_at=300_000 if number < 3 else None)
    assert get(pod, tmp_path / "film").sha256 == hashlib.sha256(FILM).hexdigest()
    assert pod.ranges == ["", "bytes=300000-", "bytes=600000-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(pod: Pod, tmp_path: Path) -> None:
    pod.answer = lambda request, number: whole(request, cut_at=3000 if number == 1 else None, etag=f'"{number}"')
    assert get(pod, tmp_path / "film").sha256 == hashlib.sha256(FILM).hexdigest()


def test_a_range_that_nobody_asked_for_is_not_joined(pod: Pod, tmp_path: Path) -> None:
    def answer(request: Any, number: int) -> None:
        if number == 2:
            send(request, 206, {"Content-Length": "5", "Content-Range": f"bytes 1-5/{len(FILM)}"}, b"wrong")
        else:
            whole(request, cut_at=3000 if number == 1 else None)

    pod.answer = answer
    assert get(pod, tmp_path / "film").sha256 == hashlib.sha256(FILM).hexdigest()


def test_the_next_run_goes_on(pod: Pod, tmp_path: Path) -> None:
    def one_part(request: Any, number: int) -> None:
        whole(request, cut_at=4000) if number == 1 else send(request, 503, {"Content-Length": "0"})

    pod.answer = one_part
    with pytest.raises(ServiceUnavailable, match="503"):
        get(pod, tmp_path / "film")
    pod.answer = lambda request, number: whole(request)
    assert get(pod, tmp_path / "film").bytes == len(FILM)
    assert pod.ranges[-1] == "bytes=4000-"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final_and_names_the_host(pod: Pod, tmp_path: Path, status: int) -> None:
    pod.answer = lambda request, number: send(request, status, {"Content-Length": "0"})
    with pytest.raises(BadSource, match=f"answers {status}") as error:
        get(pod, tmp_path / "film")
    assert error.value.sentence == "The recording could not be fetched from pod.univ.fr." and len(pod.ranges) == 1


def test_an_outage_is_tried_again(pod: Pod, tmp_path: Path) -> None:
    def answer(request: Any, number: int) -> None:
        whole(request) if number == 4 else send(request, 500, {"Content-Length": "0"})

    pod.answer = answer
    assert get(pod, tmp_path / "film").bytes == len(FILM)


def test_a_file_that_announces_too_much_is_not_begun(pod: Pod, tmp_path: Path) -> None:
    with pytest.raises(BadSource) as error:
        get(pod, tmp_path / "film", limit=len(FILM) - 1)
    assert error.value.code == "source-too-large" and list(tmp_path.iterdir()) == []


def test_a_file_that_sends_more_than_it_announced_ends_there(pod: Pod, tmp_path: Path) -> None:
    pod.answer = lambda request, number: send(request, 200, {"Content-Length": "1000"}, FILM)
    assert get(pod, tmp_path / "film").bytes == 1000


def test_a_file_without_an_end_is_stopped_by_the_bytes_that_arrived(pod: Pod, tmp_path: Path) -> None:
    def endless(request: Any, number: int) -> None:
        send(request, 200, {})
        while True:
            request.wfile.write(FILM)

    pod.answer = endless
    began = time.monotonic()
    with pytest.raises(BadSource) as error:
        get(pod, tmp_path / "film", limit=30_000_000)
    assert error.value.code == "source-too-large" and list(tmp_path.iterdir()) == []
    assert time.monotonic() - began < 20


def test_a_server_that_says_nothing_is_given_up(pod: Pod, tmp_path: Path) -> None:
    pod.answer = lambda request, number: time.sleep(1.0)
    with pytest.raises(ServiceUnavailable):
        get(pod, tmp_path / "film", read_s=0.1)
    assert len(pod.ranges) == 5


def test_bytes_are_counted_as_they_drip(pod: Pod, tmp_path: Path) -> None:
    """A cancelled task must not wait for a server that sends a byte now and then."""
    seen: list[int] = []

    def drip(request: Any, number: int) -> None:
        send(request, 200, {"Content-Length": "1000"})
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.05)

    def tick(size: int) -> None:
        seen.append(size)
        if size >= 3:
            raise Cancelled("enough")

    pod.answer = drip
    with pytest.raises(Cancelled):
        get(pod, tmp_path / "film", tick=tick)
    assert 3 <= seen[-1] < 100


def test_a_head_that_drips_is_given_up(pod: Pod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "HEAD_S", 0.3)
    monkeypatch.setattr(fetching, "TRIES", 1)

    def drip(request: Any, number: int) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.05)

    pod.answer = drip
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        get(pod, tmp_path / "film", read_s=0.5)
    assert time.monotonic() - began < 5


def test_an_empty_file_is_no_recording(pod: Pod, tmp_path: Path) -> None:
    pod.answer = lambda request, number: send(request, 200, {"Content-Length": "0"})
    with pytest.raises(BadSource) as error:
        get(pod, tmp_path / "film")
    assert error.value.code == "source-empty"


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://10.0.0.1/"])
def test_a_redirect_into_a_private_network_is_refused(pod: Pod, tmp_path: Path, to: str) -> None:
    pod.answer = lambda request, number: send(request, 302, {"Location": to, "Content-Length": "0"})
    with pytest.raises(AddressForbidden):
        get(pod, tmp_path / "film")


def test_a_redirect_that_is_allowed_is_followed_and_not_for_ever(pod: Pod, tmp_path: Path) -> None:
    def answer(request: Any, number: int) -> None:
        whole(request) if number == 3 else send(request, 302, {"Location": "/other.mp4", "Content-Length": "0"})

    pod.answer = answer
    assert get(pod, tmp_path / "film").address.endswith("/other.mp4")
    pod.answer = lambda request, number: send(request, 302, {"Location": "/again", "Content-Length": "0"})
    with pytest.raises(BadSource, match="redirects"):
        get(pod, tmp_path / "film")


def test_a_name_that_answers_otherwise_the_second_time_gains_nothing(pod: Pod, tmp_path: Path) -> None:
    """The name is looked up once for each connection, and that one answer is both checked and used."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.168.0.1"]

    limits = Limits(10**9, Times(1.0, 2.0), pause_s=0.05)
    assert fetch(pod.url, HERE, tmp_path / "film", limits, lambda size: None, rebinding).bytes == len(FILM)
    assert len(asked) == 1


def test_what_the_caller_raises_ends_the_work(pod: Pod, tmp_path: Path) -> None:
    def stop(size: int) -> None:
        if size:
            raise Cancelled("a person cancelled the task")

    with pytest.raises(Cancelled):
        get(pod, tmp_path / "film", tick=stop)
