"""Runs the web app with gunicorn in few processes with many threads. An upload holds a thread; a slow client does not."""

import logging
import resource
from typing import Any

from gunicorn.app.base import BaseApplication

from pod_jobs.errors import SettingsError
from pod_jobs.processes.patient_worker import PatientWorker
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app

log = logging.getLogger(__name__)

GRACEFUL_S = 3  # time for requests to end when the server stops
SILENCE_S = 60  # a gunicorn worker that gives no sign of life for so long is replaced
MOST_CONNECTIONS = 4000  # per web process
OTHER_FILES = 300  # files that a web process opens beside its connections: databases of its threads, log, program


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with the web app. Each of its workers makes the app after the fork, so that processes share no connection."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        web = self.settings.web
        # behind a proxy, all connections come from the proxy's address
        self.connections_per_address = 0 if web.behind_proxy else self.settings.limits.connections
        host = f"[{web.host}]" if ":" in web.host else web.host
        for name, value in {
            "bind": f"{host}:{web.port}",
            "worker_class": PatientWorker,
            "worker_connections": _room_for_connections(),
            "workers": web.processes,
            "threads": web.threads,
            "timeout": SILENCE_S,
            "graceful_timeout": GRACEFUL_S,
            "control_socket_disable": True,
            "loglevel": "warning",
            "when_ready": lambda _server: log.info("ready at %s", self.settings.public_url),
            "proc_name": "pod_jobs web",
        }.items():
            self.cfg.set(name, value)

    def reload(self) -> None:
        """Read the settings anew. gunicorn calls this at SIGHUP; then it makes new web processes and lets the old ones end."""
        try:
            self.settings = load()
        except SettingsError as error:
            log.error("the settings are faulty, and stay as they were: %s", error.reason)
        super().reload()

    def load(self) -> Any:
        return create_app(self.settings)


def _room_for_connections() -> int:
    """How many connections a web process can have; each may also have a file open. Raises the limit of open files as far as
    the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * MOST_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, (soft - OTHER_FILES) // 2)
