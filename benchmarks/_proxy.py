"""A TCP proxy on a thread. Its modes: pass; and as faults cut (close and refuse), hang (swallow), http500."""

import selectors
import socket
import threading
from typing import Literal

Mode = Literal["pass", "cut", "hang", "http500"]
ERROR_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Forwards 127.0.0.1:<port> to `target` (host, port); `mode` may change at any time."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.mode: Mode = "pass"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._peer: dict[socket.socket, socket.socket | None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        for connection in list(self._peer):
            self._close(connection)
        self._listener.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if self.mode == "cut":
                for connection in list(self._peer):
                    self._close(connection)
            for key, _ in self._selector.select(0.05):
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._listener:
                    self._accept()
                else:
                    self._forward(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self.mode == "cut":
            client.close()
            return
        upstream: socket.socket | None = None
        if self.mode == "pass":
            try:
                upstream = socket.create_connection(self._target, timeout=2)
            except OSError:
                client.close()
                return
        for end in (client, upstream):
            if end is not None:
                end.settimeout(5)
                self._selector.register(end, selectors.EVENT_READ)
        self._peer[client] = upstream
        if upstream is not None:
            self._peer[upstream] = client

    def _forward(self, source: socket.socket) -> None:
        if source not in self._peer:
            return
        if self.mode == "hang":
            self._stop.wait(0.02)  # take no bytes
            return
        try:
            chunk = source.recv(65536)
            sink = self._peer[source]
            if not chunk or sink is None:
                if chunk and self.mode == "http500":
                    source.sendall(ERROR_500)
                self._close(source)
            elif self.mode == "http500":
                source.sendall(ERROR_500)
                self._close(source)
            else:
                sink.sendall(chunk)
        except OSError:
            self._close(source)

    def _close(self, connection: socket.socket) -> None:
        for end in (connection, self._peer.get(connection)):
            if end is not None and end in self._peer:
                del self._peer[end]
                self._selector.unregister(end)
                end.close()
