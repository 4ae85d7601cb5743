"""Limits how often passwords can be guessed: few tries for one name from one address, more for a name or an address alone.

Each count is a key (jobs/keys.py) that lasts WINDOW_S from its first try. Successful tries are not counted in the end.
SET NX creates a key together with its expiry. EXPIRE NX would be shorter, but needs Redis 7, and Redis 6.2 is supported.
"""

import hashlib
import ipaddress

from redis import Redis

from pod_jobs.errors import Refused
from pod_jobs.jobs.keys import sign_in_tries

WINDOW_S = 15 * 60
# Everybody in a lecture hall may share one address. Locking out a name takes tries from a dozen addresses.
TRIES = {"both": 5, "address": 40, "name": 60}


def enter(redis: Redis, name: str, address: str) -> None:
    """Count a try. Call this before the password is checked, so that parallel tries count too. Errors: Refused when there
    were too many."""
    keys = _keys(name, address)
    _count(redis, {"both": keys["both"]})  # first: tries that it refuses do not count for the name alone
    _count(redis, {what: keys[what] for what in ("address", "name")})


def _count(redis: Redis, keys: dict[str, str]) -> None:
    with redis.pipeline() as pipe:
        for key in keys.values():
            pipe.set(key, 0, ex=WINDOW_S, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
        answers = pipe.execute()
    counts = dict(zip(keys, answers[1::3], strict=True))
    if any(counts[what] > TRIES[what] for what in keys):
        wait_s = max(ttl for what, ttl in zip(keys, answers[2::3], strict=True) if counts[what] > TRIES[what])
        raise Refused(f"more than {TRIES}", code="too-many-attempts", minutes=str(max(1, -(-wait_s // 60))))


def succeed(redis: Redis, name: str, address: str) -> None:
    """The password was right: forget the tries for this name from this address, and subtract this one from the other counts."""
    keys = _keys(name, address)
    with redis.pipeline() as pipe:
        pipe.delete(keys["both"])
        for what in ("address", "name"):
            pipe.set(keys[what], 0, ex=WINDOW_S, nx=True)
            pipe.decr(keys[what])
        pipe.execute()


def _keys(name: str, address: str) -> dict[str, str]:
    network = _network(address)
    parts = {"both": f"{name.casefold()}\n{network}", "address": network, "name": name.casefold()}
    return {what: sign_in_tries(what, hashlib.sha256(text.encode()).hexdigest()[:24]) for what, text in parts.items()}


def _network(address: str) -> str:
    """The IPv4 address, or the /64 network of the IPv6 address: a household has one IPv4 address, but 2^64 of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "?"
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
