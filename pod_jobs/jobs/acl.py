"""The rights of a worker in the key-value server: those that the workers of one queue need, and no others.

With them a host can neither read nor change what other queues have, stop other workers, nor change the server. Nor can it reach
the reports that wait there: only the web host's own workers report through the server. They can drop waiting reports (whose
tasks then run again), but not forge one (catalog/seals.py).
"""

from redis.exceptions import RedisError

from pod_jobs.jobs import keys
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.report import REPORT

# The commands that RQ, our own code and the doctor send
COMMANDS = (
    *("ping", "hello", "auth", "select", "info", "time", "client|setname", "client|info", "client|setinfo"),
    *("exists", "expire", "pexpire", "persist", "del", "get", "mget", "set"),
    *("hexists", "hset", "hget", "hgetall", "hmget", "hdel", "hkeys", "hincrby", "hincrbyfloat"),
    *("sadd", "srem", "smembers", "scard"),
    *("zadd", "zrem", "zscore", "zcard", "zcount", "zrange", "zrangebyscore", "zremrangebyscore"),
    *("lmove", "blmove", "lrem", "lpush", "rpush", "lrange", "llen", "lpos"),
    *("xadd", "xrevrange", "xread", "xlen", "multi", "exec", "discard", "watch", "unwatch"),
    *("eval", "evalsha", "script|load", "script|exists", "subscribe", "unsubscribe"),
)


Version = tuple[int, int]
NEWEST: Version = (7, 2)  # the last one with which the rights became finer


def acl_line(
    job_types: JobTypes,
    queue_name: str,
    user: str,
    password: str,
    *,
    on_web_host: bool = False,
    server: Version = NEWEST,
) -> str:
    """The command that gives `user` the rights of a worker of `queue_name`, on another host or `on_web_host`. `server`: the
    version of Redis or Valkey, at least 6.2."""
    kinds = [job_type.kind for job_type in job_types.values() if job_type.queue == queue_name]
    carries = on_web_host or queue_name == REPORT.queue
    patterns = keys.of_a_worker(queue_name, kinds, (REPORT.kind, REPORT.queue) if carries else None)
    if server < (7, 0):  # it has no rights to read alone
        patterns = [pattern.removeprefix("%R") for pattern in patterns]
    channels = ("resetchannels", keys.channel_of_workers(queue_name))
    known = [name for name in COMMANDS if server >= NEWEST or name != "client|setinfo"]
    commands = ("-@all", *(f"+{name}" for name in known))
    return " ".join(("ACL", "SETUSER", user, "reset", "on", f">{password}", *channels, *patterns, *commands))


def version_of_server(url: str) -> Version:
    """The version of the server at `url`; NEWEST while it does not answer."""
    try:
        with connect_promptly(url) as redis:
            major, minor = str(redis.info("server")["redis_version"]).split(".")[:2]
        return int(major), int(minor)
    except (RedisError, ValueError, LookupError):
        return NEWEST
