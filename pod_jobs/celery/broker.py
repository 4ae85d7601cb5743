"""Takes messages from a queue of Celery's in Redis so that none is lost, whatever dies in between.

A message is moved to a list of ours in one step, and leaves it only when the caller has committed what it makes of it. There
is no visibility time-out. A message that is too large never gets here: a script on the broker measures it. A bridge that starts
offers again what lies in that list. So a message may be delivered twice, while another bridge works on it. The caller must
therefore commit under the message's id.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from pod_jobs.celery.messages import MOST_BYTES
from pod_jobs.errors import Malformed, ServiceUnavailable, SettingsError
from pod_jobs.system.instants import read_instant

ORDERS = ("encoding", "transcripting")  # Pod's queues, whose messages become tasks
QUEUES = (*ORDERS, "xapi")
TAKEN, REFUSED = "pod-jobs.taken", "pod-jobs.refused"  # lists beside each queue
SINCE = "pod-jobs.since"  # beside each queue: SHA-256 of a message -> when it was first taken, in seconds since 1970
# What Celery's own workers took and did not acknowledge: delivery tag -> [message, exchange, queue]
RESERVED = "unacked"
RESERVED_INDEX = "unacked_index"
MOST_RESERVED_BYTES = MOST_BYTES + 1000
TIMEOUT_S = 5.0
# Scripts that the broker runs. KEYS: a queue, and the list beside it that a message goes to. They do without LMOVE: Pod's host
# may have a Redis that is older than 6.2
TAKE = """
local raw = redis.call('LINDEX', KEYS[1], -1)
if not raw then return false end
if #raw > tonumber(ARGV[1]) then return {#raw, redis.sha1hex(raw)} end
return redis.call('RPOPLPUSH', KEYS[1], KEYS[2])"""
PUT_ASIDE = """
local raw = redis.call('LINDEX', KEYS[1], -1)
if raw and redis.sha1hex(raw) == ARGV[1] then redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) end"""
OFFER = """
local raw = redis.call('LPOP', KEYS[2])
return raw and redis.call('RPUSH', KEYS[1], raw) or 0"""


def connect(address: str) -> Redis:
    """The broker at an address of Celery's: redis://, rediss://, redis+socket:///path?virtual_host=5. Opens nothing yet.
    Errors: SettingsError, without the address, which may hold a password."""
    try:
        return Redis.from_url(
            _url_of(address),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
            driver_info=None,
            protocol=2,  # Redis 5 knows no other
        )
    except (ValueError, TypeError):
        raise SettingsError("a broker's address cannot be read") from None  # the cause may show the password


def _url_of(address: str) -> str:
    """The address in the form that redis-py reads. Errors: ValueError, SettingsError."""
    parts = urlsplit(address)
    if parts.scheme == "redis+socket":
        database = parse_qs(parts.query).get("virtual_host", ["0"])[0].strip("/")
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return f"unix://{user}{quote(unquote(parts.path))}?db={quote(database)}"
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise SettingsError("a broker's address begins with redis://, rediss:// or redis+socket://")
    return address.rstrip("/") if parts.scheme.startswith("redis") and "?" not in address else address


class Oversized(Malformed):
    """A message that is next in its queue has more than MOST_BYTES. `sum`: a text that stands for its content."""

    def __init__(self, size: int, sum_of_it: str) -> None:
        super().__init__(f"a message of {size} bytes; at most {MOST_BYTES} are read", code="message-too-large")
        self.sum = sum_of_it


class BrokerQueue:
    """One queue. `redis` must return bytes."""

    def __init__(self, redis: Redis, name: str) -> None:
        self.name = name
        self._redis = redis
        self._taken, self._refused, self._since = f"{name}.{TAKEN}", f"{name}.{REFUSED}", f"{name}.{SINCE}"

    def count_waiting(self) -> int:
        """How many messages nobody has taken yet."""
        return int(self._redis.llen(self.name))

    def count_taken(self) -> int:
        """How many messages a bridge took and has not finished."""
        return int(self._redis.llen(self._taken))

    def count_refused(self) -> int:
        """How many messages are kept aside."""
        return int(self._redis.llen(self._refused))

    def take(self) -> bytes | None:
        """The message that waits longest; None when none waits. It counts as taken until `done` or `refuse`. Errors: Oversized
        for one that stays where it is until `put_aside`; a broker that runs no scripts for us sends that one too."""
        try:
            raw = self._redis.eval(TAKE, 2, self.name, self._taken, str(MOST_BYTES))
        except NoPermissionError:
            raw = self._redis.rpoplpush(self.name, self._taken)
        if isinstance(raw, list):
            raise Oversized(int(raw[0]), raw[1].decode())
        assert raw is None or isinstance(raw, bytes)  # noqa: S101  # for the type checker
        if raw is not None:
            self.remember(raw, time.time())
        return raw

    def remember(self, raw: bytes | str, at_s: float) -> None:
        """The message was first taken at this time, unless an earlier one is known."""
        self._redis.hsetnx(self._since, sum_of(raw), repr(at_s))

    def since(self, raw: bytes) -> datetime | None:
        """When the message was first taken, by whatever bridge; None when nobody knows."""
        instant = self._redis.hget(self._since, sum_of(raw))
        return None if instant is None else read_instant(instant)

    def done(self, raw: bytes) -> None:
        """What the message asks for is committed."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.lrem(self._taken, 1, raw)  # type: ignore[arg-type]  # redis-py takes bytes here too
            pipe.hdel(self._since, sum_of(raw))
            pipe.execute()

    def refuse(self, raw: bytes) -> None:
        """Keep a message aside that cannot be carried out. Refused twice, it is kept once."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.lrem(self._refused, 0, raw)  # type: ignore[arg-type]
            pipe.lpush(self._refused, raw)
            pipe.lrem(self._taken, 1, raw)  # type: ignore[arg-type]
            pipe.execute()

    def put_aside(self, message: Oversized) -> None:
        """Keep aside what `take` could not take, unless another bridge has done it."""
        self._redis.eval(PUT_ASIDE, 2, self.name, self._refused, message.sum)

    def take_back(self) -> int:
        """Offer again what a bridge took and did not finish, in the order of its arrival and before what waits. Returns how
        many messages."""
        return self._move(self._taken)

    def offer_refused(self) -> int:
        """Offer again what was kept aside, before what waits. Returns how many messages."""
        return self._move(self._refused)

    def _move(self, source: str) -> int:
        # a bound, because a faulty server may say for ever that it moved one
        most, count = int(self._redis.llen(source)), 0
        while count < most and self._offer(source):
            count += 1
        return count

    def _offer(self, source: str) -> bool:
        try:
            return bool(self._redis.eval(OFFER, 2, self.name, source))
        except NoPermissionError:
            return self._offer_without_script(source)

    def _offer_without_script(self, source: str) -> bool:
        """Errors: WatchError when `source` has changed meanwhile; nothing is moved then."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(source)
            raw = pipe.lindex(source, 0)
            if raw is None:
                return False
            pipe.multi()
            pipe.lpop(source)
            pipe.rpush(self.name, raw)
            pipe.execute()
            return True


@dataclass(frozen=True)
class QueueFigures:
    """How many messages of a queue wait, were taken by a bridge and are not finished, and are kept aside."""

    name: str
    waiting: int
    taken: int
    refused: int


class Broker:
    """One broker, for whoever looks after it. Errors of every method: ServiceUnavailable, without the address."""

    def __init__(self, address: str) -> None:
        self._redis = connect(address)

    def figures(self) -> list[QueueFigures]:
        """The figures of each queue."""
        with _faults_told():
            queues = [BrokerQueue(self._redis, name) for name in QUEUES]
            return [
                QueueFigures(queue.name, queue.count_waiting(), queue.count_taken(), queue.count_refused())
                for queue in queues
            ]

    def count_reserved(self) -> int:
        """How many messages Celery's own workers took and did not acknowledge."""
        with _faults_told():
            return int(self._redis.hlen(RESERVED))

    def offer_refused(self) -> int:
        """Offer again what was kept aside, before what waits. Returns how many messages."""
        with _faults_told():
            return sum(BrokerQueue(self._redis, name).offer_refused() for name in QUEUES)

    def offer_reserved(self) -> int:
        """Put what Celery's own workers took back into its queues, before what waits. Only when none of them runs any more: what
        one of them works on would be done twice. One that is too large stays. Returns how many messages."""
        with _faults_told():
            tags = self._redis.hkeys(RESERVED)
            tags.sort(key=lambda tag: self._redis.zscore(RESERVED_INDEX, tag) or 0.0, reverse=True)
            return sum(self._offer(tag) for tag in tags)  # the newest first: each goes before those that were put back

    def _offer(self, tag: bytes | str) -> bool:
        if int(self._redis.hstrlen(RESERVED, tag)) > MOST_RESERVED_BYTES:
            return False
        entry = self._redis.hget(RESERVED, tag)
        try:
            message, _, queue = json.loads(entry or b"")
            content = json.dumps(message)
        except (ValueError, TypeError):
            return False  # of another program
        if queue not in QUEUES:
            return False
        if reserved_s := self._redis.zscore(RESERVED_INDEX, tag):
            BrokerQueue(self._redis, queue).remember(content, reserved_s)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(queue, content)
            pipe.hdel(RESERVED, tag)
            pipe.zrem(RESERVED_INDEX, tag)
            pipe.execute()
        return True


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what is no Redis may answer anything, and redis-py then raises anything
        raise ServiceUnavailable(f"the broker: {type(error).__name__}") from error


def sum_of(raw: bytes | str) -> str:
    """A text that stands for the content of a message."""
    return hashlib.sha256(raw.encode() if isinstance(raw, str) else raw).hexdigest()
