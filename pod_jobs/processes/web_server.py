"""Runs the web app under gunicorn with few processes and many threads: each upload and each slow client holds a thread."""

import logging
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from pod_jobs.settings import Settings
from pod_jobs.web.app import create_app
from pod_jobs.web.guards import slow_clients

log = logging.getLogger(__name__)

GRACEFUL_S = 3  # time for requests to end when the server stops
SILENCE_S = 60  # a gunicorn worker that gives no sign of life for so long is replaced


class PacedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, which drop clients that are too slow (web/guards/slow_clients.py)."""

    def handle(self, conn: Any) -> Any:
        """Handle a request on the connection `conn`, which is new or was kept alive."""
        if not isinstance(conn.sock, slow_clients.PacedSocket):
            conn.sock = slow_clients.PacedSocket(fileno=conn.sock.detach())
        conn.sock.follow(slow_clients.HEAD)
        outcome = super().handle(conn)
        if outcome and not conn.sock.is_over:
            return outcome
        conn.sock.part()  # here, because gunicorn would do it in the single thread that accepts all connections
        return False

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Handle one request, and drop the rest of its body."""
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock.follow(slow_clients.REST)


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with the web app. Each of its workers makes the app after the fork, so that processes share no connection."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        web = self.settings.web
        host = f"[{web.host}]" if ":" in web.host else web.host
        for name, value in {
            "bind": f"{host}:{web.port}",
            "worker_class": PacedWorker,
            "workers": web.processes,
            "threads": web.threads,
            "timeout": SILENCE_S,
            "graceful_timeout": GRACEFUL_S,
            "keepalive": 15,
            "control_socket_disable": True,
            "loglevel": "warning",
            "when_ready": lambda _server: log.info("ready at %s", self.settings.public_url),
            "proc_name": "pod_jobs web",
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self.settings)
