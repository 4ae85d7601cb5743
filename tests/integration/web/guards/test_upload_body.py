"""The body of an upload is read straight from the connection: all of it, and nothing of what follows."""

import io
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.unreader import SocketUnreader

from pod_jobs.web.guards.slow_clients import UPLOAD, Pace, PacedSocket
from pod_jobs.web.guards.upload_body import UploadBody, read_directly

NEXT = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("came_along", [0, 3, 10, 10 + len(NEXT)])
def test_it_is_all_of_the_body_and_nothing_of_the_next_request(came_along: int) -> None:
    ours, client = socket.socketpair()
    sent = b"0123456789" + NEXT
    with client, PacedSocket(ours.detach()) as sock:
        sock.follow(UPLOAD)
        unreader = SocketUnreader(sock)
        unreader.unread(sent[:came_along])
        client.sendall(sent[came_along:10])
        request = SimpleNamespace(body=Body(LengthReader(unreader, 10)))
        read_directly(request, sock)
        assert isinstance(request.body, UploadBody)
        assert request.body.read(4) == sent[:4] or came_along == 3
        assert io.BufferedReader(request.body).read().endswith(b"89")
        assert request.body.read(1024) == b"", "gunicorn looks whether there is more"
        assert unreader.take_buffered() == sent[10:came_along]


def test_a_client_that_is_too_slow_ends_it() -> None:
    ours, client = socket.socketpair()
    with client, PacedSocket(ours.detach()) as sock:
        sock.follow(Pace(silence_s=0.05, grace_s=10, bytes_per_s=1))
        client.sendall(b"abc")
        body = UploadBody(sock, b"", 10)
        assert (body.read(10), body.read(10), sock.is_over) == (b"abc", b"", True)


def test_a_body_of_unknown_length_stays_gunicorns() -> None:
    ours, client = socket.socketpair()
    with client, PacedSocket(ours.detach()) as sock:
        chunked = Body(ChunkedReader(None, SocketUnreader(sock)))
        request = SimpleNamespace(body=chunked)
        read_directly(request, sock)
        assert request.body is chunked
