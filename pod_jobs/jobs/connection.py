"""Connections to the key-value server: a patient one for workers, and one that fails fast, for the web app and the janitor."""

from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from pod_jobs.jobs import sentinel

RETRY_CAP_S = 5
RETRY_BASE_S = 0.5
RETRIES = 240  # with the cap: about 20 minutes of outage in which no worker gives up
WEB_TIMEOUT_S = 2
HEALTH_CHECK_S = 30

# driver_info is None because redis-py would otherwise search the installed packages for its own version at each new
# connection. That takes 2 ms, and each job opens a connection.


class WatchedRedis(Redis):
    """A connection whose address may be that of sentinels. It is then one to the master, also after another server took over."""

    @classmethod
    def from_url(cls, url: str, **kwargs: Any) -> "WatchedRedis":
        """Takes what redis.Redis.from_url takes, and the addresses of jobs/sentinel.py. Errors: ValueError."""
        watched = sentinel.is_watched(url)
        connection = cls.from_pool(sentinel.pool(url, **kwargs)) if watched else super().from_url(url, **kwargs)
        assert isinstance(connection, WatchedRedis)  # noqa: S101  # for the type checker
        return connection

    def close(self) -> None:
        """As redis-py's, and closes the connections to the sentinels too."""
        super().close()
        if isinstance(self.connection_pool, SentinelConnectionPool):
            self.connection_pool.sentinel_manager.close()


class PatientRedis(WatchedRedis):
    """Waits out an outage. With a plain connection, RQ's worker exits when the connection is lost, and its job runs twice.

    RQ builds its connection with `from_url` of the class that RQ_CONNECTION_CLASS names, so the retries are set there.
    """

    @classmethod
    def from_url(cls, url: str, **kwargs: Any) -> "PatientRedis":
        """Takes what WatchedRedis.from_url takes."""
        patience = {
            "retry": Retry(ExponentialBackoff(cap=RETRY_CAP_S, base=RETRY_BASE_S), RETRIES),
            "retry_on_error": [RedisConnectionError, RedisTimeoutError],
            "health_check_interval": HEALTH_CHECK_S,
            "driver_info": None,
        }
        if not url.startswith("unix:"):
            patience["socket_keepalive"] = True
        connection = super().from_url(url, **{**patience, **kwargs})
        assert isinstance(connection, PatientRedis)  # noqa: S101  # for the type checker
        return connection


class PromptRedis(WatchedRedis):
    """Fails fast, so that a page or a command can report an outage: 2 s to connect, 2 s to answer, one retry."""

    @classmethod
    def from_url(cls, url: str, **kwargs: Any) -> "PromptRedis":
        """Takes what WatchedRedis.from_url takes."""
        promptness = {
            "socket_timeout": WEB_TIMEOUT_S,
            "socket_connect_timeout": WEB_TIMEOUT_S,
            "retry": Retry(ExponentialBackoff(cap=0.2, base=0.05), 1),
            "health_check_interval": HEALTH_CHECK_S,
            "driver_info": None,
        }
        connection = super().from_url(url, **{**promptness, **kwargs})
        assert isinstance(connection, PromptRedis)  # noqa: S101  # for the type checker
        return connection


def connect_promptly(url: str) -> Redis:
    """A connection that gives up within seconds, for code on whose answer somebody waits."""
    return PromptRedis.from_url(url)


def clock_of(redis: Redis) -> float:
    """What time it is for the server, in seconds since 1970."""
    seconds, microseconds = redis.time()
    return float(seconds + microseconds / 1e6)
