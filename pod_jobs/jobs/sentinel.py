"""Addresses of a key-value server that Sentinel watches, and connections to the server that it names as the master.

    redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT,…/SERVICE/DATABASE?OPTION=VALUE

HOST:PORT are those of the sentinels (port 26379 when it is left out), and SERVICE is the name under which they know the master.
User, password, database and options are those of the master, as redis-py reads them in an address of one server. With
rediss+sentinel:// both are spoken to with TLS. The options sentinel_username and sentinel_password are for the sentinels.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
TIMEOUT_S = 1.0  # for one sentinel; the next one is asked then
OF_SENTINELS = ("sentinel_username", "sentinel_password")
FORM = "redis.url: write redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DATABASE, with / # ? of a password as %2F %23 %3F"


@dataclass(frozen=True)
class Watched:
    """A parsed address. `options` are redis-py's for a connection to the master, and `own` those for one to a sentinel."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    options: dict[str, Any]
    own: dict[str, Any]


class Following(SentinelManagedConnection):
    """redis-py's connection to the master, without two faults that it has in redis-py 8.1.

    It asks the sentinels each time that it connects. redis-py's asks only when it is new, and when it broke, it tries its old
    address for ever. It is closed when something interrupts it while it waits for an answer, such as a signal or a time limit.
    redis-py's is used again, and then each answer is taken for that of the next command.
    """

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if not self._sock:
            self.connect()  # type: ignore[no-untyped-call]
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def read_response(self, *arguments: Any, **named: Any) -> Any:
        return super().read_response(*arguments, **{"disconnect_on_error": True, **named})


class FollowingWithTls(Following, SentinelManagedSSLConnection):
    """The same, encrypted."""


def is_watched(url: str) -> bool:
    """Is this an address of sentinels?"""
    return url.partition("://")[0] in SCHEMES


def parse(url: str) -> Watched:
    """Errors: ValueError, in a sentence without the password."""
    try:
        return _parse(url)
    except ValueError:  # Python's own errors show parts of a password with a "/" or "#"
        raise ValueError(FORM) from None


def hosts_of(url: str) -> list[str]:
    """The hosts that an address of a server names, or those of its sentinels; none for a socket. Errors: ValueError."""
    if is_watched(url):
        return [host for host, _ in parse(url).sentinels]
    host = urlsplit(url).hostname
    return [host] if host else []


def _parse(url: str) -> Watched:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    sentinels = tuple(_address(address) for address in hosts.split(",") if address)
    if not sentinels or not service:
        raise ValueError(FORM)
    query = dict(parse_qsl(parts.query))
    sentinel_options: dict[str, Any] = {
        name.removeprefix("sentinel_"): query.pop(name) for name in OF_SENTINELS if name in query
    }
    scheme = parts.scheme.partition("+")[0]
    before = f"{credentials}@" if credentials else ""
    options: dict[str, Any] = dict(parse_url(f"{scheme}://{before}master/{database}?{urlencode(query)}"))
    del options["host"]
    if options.pop("connection_class", None) is SSLConnection:
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        sentinel_options |= {"ssl": True, **tls}
        options["connection_class"] = FollowingWithTls
    else:
        options["connection_class"] = Following
    return Watched(sentinels, unquote(service), options, sentinel_options)


def manager(watched: Watched) -> Sentinel:
    """Asks one sentinel after the other, each once and for at most TIMEOUT_S. Whoever asks has to try again."""
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "driver_info": None}
    return Sentinel(watched.sentinels, sentinel_kwargs={**timeouts, "retry": Retry(NoBackoff(), 0), **watched.own})


def pool(url: str, **options: Any) -> SentinelConnectionPool:
    """Connections to the master, whichever server that is. `options` are redis-py's; those of the address count more.
    Errors: ValueError."""
    watched = parse(url)
    return SentinelConnectionPool(watched.service, manager(watched), **{**options, **watched.options})


def count(url: str) -> tuple[int, int]:
    """How many sentinels answer, of how many that the address names. Errors: ValueError."""
    watched = parse(url)
    with manager(watched) as watcher:
        return sum(map(_answers, watcher.sentinels)), len(watched.sentinels)


def _answers(sentinel: Redis) -> bool:
    try:
        return bool(sentinel.ping())
    except RedisError:
        return False


def _address(text: str) -> tuple[str, int]:
    """ "host", "host:port", "[::1]:port" -> host and port. Errors: ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(FORM)
    return parts.hostname, parts.port or PORT
