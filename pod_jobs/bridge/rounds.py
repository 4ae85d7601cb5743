"""The rounds of the bridge: looks at each broker twice a second, and takes in what waits there."""

import logging
import signal
import time
from datetime import UTC, datetime

from peewee import Database, InterfaceError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from pod_jobs import hand_over
from pod_jobs.bridge.intake import Intake
from pod_jobs.catalog import database as catalog_database
from pod_jobs.celery.broker import ORDERS, QUEUES, BrokerQueue, connect
from pod_jobs.errors import Malformed, PermanentError, SettingsError, TransientError
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings

log = logging.getLogger(__name__)

ROUND_S = 0.5
PAUSE_S = 5.0  # after a fault, until a broker is looked at again
TAKE_BACK_S = 60.0  # what another bridge took and did not finish is offered again so often
AT_ONCE = 50  # messages of one queue in one round
PASSING = (RedisError, OperationalError, InterfaceError, OSError, TransientError, SettingsError)  # the message stays


class Broker:
    """One broker of one site."""

    def __init__(self, site: SiteSettings, address: str, intake: Intake) -> None:
        self.site, self._redis, self._intake = site, connect(address), intake
        self._queues = [BrokerQueue(self._redis, name) for name in QUEUES]
        self._take_back_at = self._next_at = 0.0
        self._is_away = False

    def round(self, database: Database) -> set[str]:
        """Take in what waits. Returns the kinds of the new tasks; a fault is logged, and costs this broker a pause."""
        if time.monotonic() < self._next_at:
            return set()
        kinds: set[str] = set()
        try:
            self._offer_again()
            if any(queue.count_waiting() for queue in self._queues):
                with database.connection_context():
                    for queue in self._queues:
                        self._empty(queue, kinds)
            self._is_away = False
        except PASSING as error:
            # what it took is offered again, before what came later
            self._next_at, self._take_back_at = time.monotonic() + PAUSE_S, 0.0
            if not self._is_away:  # once, and not every few seconds; the address may hold a password
                log.warning("site %s: its messages wait: %s", self.site.name, _words(error))
            self._is_away = True
        return kinds

    def _offer_again(self) -> None:
        if time.monotonic() >= self._take_back_at:
            for queue in self._queues:
                if count := queue.take_back():
                    log.info("site %s: %s message(s) of %s are offered again", self.site.name, count, queue.name)
            self._take_back_at = time.monotonic() + TAKE_BACK_S

    def _empty(self, queue: BrokerQueue, kinds: set[str]) -> None:
        for _ in range(AT_ONCE):
            if queue.name in ORDERS and self._intake.is_full():
                return
            raw = queue.take()
            if raw is None:
                return
            now = datetime.now(UTC)
            try:
                kinds.add(self._intake.take(raw, now))
            except Malformed as fault:
                self._intake.refuse(raw, fault, now)
                queue.refuse(raw)
            except PASSING:
                raise
            except Exception as fault:
                log.exception("site %s: a message cannot be taken in", self.site.name)
                self._intake.refuse(raw, PermanentError(f"{type(fault).__name__}: {fault}"), now)
                queue.refuse(raw)
            else:
                queue.done(raw)


def run(settings: Settings, job_types: JobTypes) -> None:
    """Do the rounds until SIGTERM. Errors: SettingsError when a site lacks its secrets, or a broker's address is none."""
    stopping: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: stopping.append(number))
    database = catalog_database.connect(settings.database_url)
    redis = connect_promptly(settings.redis_url)
    brokers = list_brokers(settings)
    while not stopping:
        kinds = {kind for broker in brokers for kind in broker.round(database)} - {""}
        if kinds:
            _hand_over(settings, job_types, database, redis, kinds)
        else:
            _wait(stopping)


def list_brokers(settings: Settings) -> list[Broker]:
    """Of all sites of kind celery. Errors: as of `run`."""
    own = [one for one in settings.site if one.is_celery]
    return [Broker(site, url, Intake(settings, site)) for site in own for url in settings.site_broker_urls(site)]


def _hand_over(settings: Settings, job_types: JobTypes, database: Database, redis: Redis, kinds: set[str]) -> None:
    """Give RQ what comes next. While Redis is away, the janitor does it later."""
    limits = hand_over.limits_of(settings)
    try:
        with database.connection_context():
            for name in {job_types[kind].queue for kind in kinds}:
                hand_over.hand_over(redis, job_types, name, limits)
    except PASSING as error:
        log.warning("what was taken in waits for the janitor: %s", _words(error))


def _wait(stopping: list[int]) -> None:
    until = time.monotonic() + ROUND_S
    while not stopping and time.monotonic() < until:
        time.sleep(0.1)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
