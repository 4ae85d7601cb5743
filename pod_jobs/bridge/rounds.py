"""The rounds of the bridge: looks at each broker twice a second, and takes in what waits there."""

import logging
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Thread

from peewee import Database, InterfaceError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from pod_jobs import hand_over
from pod_jobs.bridge.intake import Intake
from pod_jobs.catalog import database as catalog_database
from pod_jobs.celery.broker import ORDERS, QUEUES, BrokerQueue, Oversized, connect, sum_of
from pod_jobs.errors import Malformed, PermanentError, PodJobsError, SettingsError, TransientError
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings

log = logging.getLogger(__name__)

ROUND_S = 0.5
STOP_S = 5.0  # that a round under way gets to end
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
        except Exception as error:  # what is no Redis may answer anything, and redis-py then raises anything
            if not isinstance(error, PASSING):
                log.exception("site %s: a fault in a round", self.site.name)
            # what it took is offered again, before what came later
            self._next_at, self._take_back_at = time.monotonic() + PAUSE_S, 0.0
            if not self._is_away:  # told once, and not every few seconds
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
            now = datetime.now(UTC)
            try:
                raw = queue.take()
            except Oversized as fault:
                self._note(fault.sum, fault, now)
                queue.put_aside(fault)
                continue
            if raw is None:
                return
            try:
                kinds.add(self._intake.take(raw, now, queue.since(raw)))
            except Malformed as fault:
                self._refuse(queue, raw, fault, now)
            except PASSING:
                raise
            except Exception as fault:
                log.exception("site %s: a message cannot be taken in", self.site.name)
                self._refuse(queue, raw, PermanentError(f"{type(fault).__name__}: {fault}"), now)
            else:
                queue.done(raw)

    def _refuse(self, queue: BrokerQueue, raw: bytes, fault: PodJobsError, now: datetime) -> None:
        """Keep a message aside, so that it holds up no other one, whatever is wrong with it."""
        self._note(sum_of(raw), fault, now)
        queue.refuse(raw)

    def _note(self, content: str, fault: PodJobsError, now: datetime) -> None:
        """Let the team find it among the errors."""
        try:
            self._intake.refuse(content, fault, now)
        except PASSING:
            raise
        except Exception:
            log.exception("site %s: a message is kept aside, and there is no task that says so", self.site.name)


def run(settings: Settings, job_types: JobTypes) -> None:
    """Do the rounds until SIGTERM. Errors: SettingsError when no broker of any site can be used."""
    stopping: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: stopping.append(number))
    serve(settings, job_types, stopping)


def serve(settings: Settings, job_types: JobTypes, stopping: Sequence[int]) -> None:
    """The rounds, until there is something in `stopping`. Each broker has a thread: one that answers a byte a second holds up no
    other. Errors: as of `run`."""
    database, redis = catalog_database.connect(settings.database_url), connect_promptly(settings.redis_url)

    def rounds(broker: Broker) -> None:
        while not stopping:
            if kinds := broker.round(database) - {""}:
                _hand_over(settings, job_types, database, redis, kinds)
            else:
                _wait(stopping)

    brokers = list_brokers(settings)
    if not brokers:
        raise SettingsError("no site of kind celery has a broker that can be used; the log says why")
    threads = [
        Thread(target=rounds, args=(broker,), name=f"broker of {broker.site.name}", daemon=True) for broker in brokers
    ]
    for thread in threads:
        thread.start()
    while not stopping:
        time.sleep(0.1)
    until = time.monotonic() + STOP_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def list_brokers(settings: Settings) -> list[Broker]:
    """Of all sites of kind celery. What cannot be used is logged, and keeps no other site waiting."""
    brokers = []
    for site in (site for site in settings.site if site.is_celery):
        try:
            for url in settings.site_broker_urls(site):
                try:
                    brokers.append(Broker(site, url, Intake(settings, site)))
                except SettingsError as error:
                    log.error(
                        "site %s: a broker is left out until the bridge starts again: %s", site.name, error.reason
                    )
        except SettingsError as error:
            log.error("site %s is left out until the bridge starts again: %s", site.name, error.reason)
    return brokers


def _hand_over(settings: Settings, job_types: JobTypes, database: Database, redis: Redis, kinds: set[str]) -> None:
    """Give RQ what comes next. While Redis is away, the janitor does it later."""
    limits = hand_over.limits_of(settings)
    try:
        with database.connection_context():
            for name in {job_types[kind].queue for kind in kinds}:
                hand_over.hand_over(redis, job_types, name, limits)
    except PASSING as error:
        log.warning("what was taken in waits for the janitor: %s", _words(error))
    except Exception:
        log.exception("what was taken in waits for the janitor")


def _wait(stopping: Sequence[int]) -> None:
    until = time.monotonic() + ROUND_S
    while not stopping and time.monotonic() < until:
        time.sleep(0.1)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
