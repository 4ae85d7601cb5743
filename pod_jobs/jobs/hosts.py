"""What the hosts with workers say of themselves: versions, load, memory, free disk, and when they said it.

Each worker writes the entry of its queue on its host, and takes it back when it stops. So an old entry belongs to a
silent host: it died, hangs, or is cut off. If the host has another worker of the queue, that one writes the entry again.
The instants are those of the key-value server, because a host whose clock is wrong has to say so here.
"""

import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

import pod_jobs
from pod_jobs.catalog.figures import is_figure
from pod_jobs.jobs import keys
from pod_jobs.jobs.connection import clock_of, connect_promptly
from pod_jobs.speech.models import is_installed
from pod_jobs.system.host_load import read_load

HELD_CHARACTERS = 500
WRITE_S = 5.0  # a worker writes at most this often
SILENT_BEATS = 2.5  # a host is silent when so many signs of life in a row did not come
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no clock that is right says an instant before
AHEAD = timedelta(days=1)  # nor one so far ahead of ours
FORGOTTEN_AFTER = timedelta(days=1)  # an older entry is of a host that nobody misses any more
FACTS: dict[str, type] = {
    **dict.fromkeys(("version", "ffmpeg", "held", "at", "reports_since"), str),
    "speech": bool,
    **dict.fromkeys(("processors", "load", "memory", "memory_free", "disk_free", "reports"), float),
}
# The values of fields that the entries of older workers lack
BEFORE = {"held": "", "speech": False, "reports": 0, "reports_since": ""}


@dataclass(frozen=True)
class HostFacts:
    """What the workers of one queue say of their host. `load`: how many processes want a processor. Memory and disk are in
    bytes; `disk_free` is that of the media folder, as it was before the present job. None = not known. `held`: why they take no
    job, in words; "" = they do. `speech`: is the recognition of speech installed? `reports`: how many of ended runs are kept on
    its disk until the catalog takes them, and since when (kept_reports.py)."""

    host: str
    queue: str
    at: datetime
    version: str
    ffmpeg: str
    held: str
    speech: bool
    processors: float | None
    load: float | None
    memory: float | None
    memory_free: float | None
    disk_free: float | None
    reports: float | None
    reports_since: datetime | None


class SignOfLife:
    """Writes the entry of one worker."""

    def __init__(
        self,
        redis: Redis,
        host: str,
        queue: str,
        ffmpeg: Callable[[], str],
        free_bytes: Callable[[], int],
        reports: Callable[[], tuple[int, datetime | None]] = lambda: (0, None),
    ) -> None:
        """`free_bytes` may wait for a disk, so that it is asked only between two jobs. `reports`: how many this host keeps, and
        since when."""
        self._redis, self._field = redis, f"{queue}@{host}"
        self._ask_ffmpeg, self._ask_free_bytes, self._ask_reports = ffmpeg, free_bytes, reports
        self._ffmpeg: str | None = None
        self._held = ""
        self._disk_free: int | None = None
        self._next = self._next_look = 0.0

    def look_at_disk(self) -> None:
        """Ask how much is free, at most each WRITE_S."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + WRITE_S
            try:
                self._disk_free = self._ask_free_bytes()
            except Exception:  # noqa: BLE001  # whatever is wrong with the disk, the worker's own checks say it
                self._disk_free = None

    def hold(self, why: str) -> None:
        """Say at once why the worker takes no job; "" = it does."""
        self._held, self._next = why[:HELD_CHARACTERS], 0.0
        self.give()

    def give(self) -> None:
        """Write the entry if the last one is WRITE_S old."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + WRITE_S
        if self._ffmpeg is None:
            self._ffmpeg = self._ask_ffmpeg()
        reports, since = self._ask_reports()
        entry: dict[str, Any] = {
            "version": pod_jobs.__version__,
            "ffmpeg": self._ffmpeg,
            "held": self._held,
            "speech": is_installed(),
            "at": datetime.fromtimestamp(clock_of(self._redis), UTC).isoformat(),
            "reports": reports,
            "reports_since": since.isoformat() if since else "",
        }
        entry |= {**asdict(read_load()), "disk_free": self._disk_free}
        self._redis.hset(keys.HOSTS, self._field, json.dumps(entry))

    def take_back(self) -> None:
        """This worker stops as it was told to."""
        try:
            self._redis.hdel(keys.HOSTS, self._field)
        except RedisError:
            return


@contextmanager
def waiting_to_begin(redis_url: str, queue: str) -> Iterator[Callable[[str], None]]:
    """For a worker of this host that waits before it begins. Within the block, a function to call every few seconds with the
    reason; while the key-value server is away, nobody hears it. If the process is told to end meanwhile, the entry goes."""
    try:
        redis = connect_promptly(redis_url)
    except ValueError:  # the address; the reason says so itself, in the log
        yield lambda why: None
        return
    sign = SignOfLife(redis, socket.gethostname(), queue, lambda: "", lambda: 0)

    def say(why: str) -> None:
        with suppress(RedisError):
            sign.hold(why)

    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield say
    except BaseException:
        sign.take_back()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        redis.close()


def list_hosts(redis: Redis, now: datetime) -> list[HostFacts]:
    """The entries, by host and queue; left out are those older than FORGOTTEN_AFTER, and values that are not ours."""
    entries = []
    for field, value in redis.hgetall(keys.HOSTS).items():
        queue, _, host = keys.text(field).partition("@")
        facts = _facts(host, queue, value, now)
        if facts is not None and now - facts.at < FORGOTTEN_AFTER:
            entries.append(facts)
    return sorted(entries, key=lambda entry: (entry.host, entry.queue))


def is_silent(facts: HostFacts, now: datetime, heartbeat_s: float) -> bool:
    return now - facts.at > timedelta(seconds=SILENT_BEATS * heartbeat_s)


def keeping_reports(redis: Redis, now: datetime, heartbeat_s: float) -> list[dict[str, Any]]:
    """The hosts that keep reports, as {"host", "reports", "since"}; `since` is an ISO instant, or None = not known. They are as
    the latest entry of each host says, without those that are silent. Hosts that keep the same reports, as containers with one
    folder do, are listed once, by the first of their names."""
    latest = {facts.host: facts for facts in sorted(list_hosts(redis, now), key=lambda entry: entry.at)}
    found: dict[str, dict[str, Any]] = {}
    for host, facts in sorted(latest.items()):
        if facts.reports and not is_silent(facts, now, heartbeat_s):
            since = instants(facts)["reports_since"]
            found.setdefault(since or host, {"host": host, "reports": int(facts.reports), "since": since})
    return list(found.values())


def instants(facts: HostFacts) -> dict[str, str | None]:
    """The instants among the facts as ISO instants; None = not known."""
    since = facts.reports_since
    return {"at": facts.at.isoformat(), "reports_since": since.isoformat() if since else None}


def forget(redis: Redis, host: str) -> None:
    """Remove the entries of a host. One that lives writes them again within seconds."""
    fields = [field for field in redis.hkeys(keys.HOSTS) if keys.text(field).partition("@")[2] == host]
    if fields:
        redis.hdel(keys.HOSTS, *fields)


def _facts(host: str, queue: str, value: bytes | str, now: datetime) -> HostFacts | None:
    """None when the value is not what `SignOfLife` writes."""
    try:
        entry: Any = json.loads(value)
        entry = {**BEFORE, **entry} if isinstance(entry, dict) else entry
        if (
            not host
            or not isinstance(entry, dict)
            or not all(_fits(entry.get(name), kind) for name, kind in FACTS.items())
        ):
            return None
        at, since = _instant(entry["at"], now), _instant(entry["reports_since"], now)
    except (ValueError, RecursionError):
        return None
    if at is None:
        return None
    entry |= {"at": at, "reports_since": since}
    return HostFacts(host, queue, **{name: entry[name] for name in FACTS})


def _instant(text: str, now: datetime) -> datetime | None:
    """None for one that no clock says that is right, such as those that cannot be told in another zone. Errors: ValueError."""
    found = datetime.fromisoformat(text) if text else None
    if found is None or found.tzinfo is None or not EARLIEST <= found <= now + AHEAD:
        return None
    return found.astimezone(UTC)


def _fits(value: Any, kind: type) -> bool:
    if kind in (str, bool):
        return type(value) is kind
    return value is None or is_figure(value)
