"""Runs each of the janitor's duties when it is due. A duty that fails is logged, and runs again when it is due next."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from peewee import PeeweeException
from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.store import caption_index, day_figures, instance, reports
from pod_jobs.catalog.store import drains as store_drains
from pod_jobs.errors import Deposed, PodJobsError, SettingsError
from pod_jobs.hand_over import limits_of
from pod_jobs.instance import redis_owner
from pod_jobs.janitor import bucket, callbacks, lane_mails, periodic, purge, registries, relay, revoked, traces
from pod_jobs.janitor.leader import LOCK_TTL_S, Fence, Leader
from pod_jobs.janitor.reconcile import Reconciler
from pod_jobs.jobs import drains, keys
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.dead_workers import put_back_jobs_of_the_dead
from pod_jobs.jobs.job_type import JobTypes, queues_of_tasks
from pod_jobs.settings import QUEUES, Settings

log = logging.getLogger(__name__)

PURGE_S = 3600.0
FIGURES_DAYS = 366  # how far back figures are summed up the first time after an update
SLICE_S = 0.2  # a purge may delay the other duties by so much in each round
UNFINISHED = object()


@dataclass
class Duty:
    """Something to do every `every_s` seconds. If it returns UNFINISHED, it goes on in the next round."""

    name: str
    every_s: float
    do: Callable[[datetime], object]
    next_at: float = 0.0


class InSlices:
    """A long duty that is done in slices, one per round. `begin(now)` is a generator that yields wherever it may pause."""

    def __init__(self, begin: Callable[[datetime], Iterator[None]]) -> None:
        self._begin = begin
        self._rest: Iterator[None] | None = None

    def __call__(self, now: datetime) -> object:
        # After an error the next turn starts from the beginning
        steps, self._rest = self._rest or self._begin(now), None
        until = time.monotonic() + SLICE_S
        for _ in steps:
            if time.monotonic() >= until:
                self._rest = steps
                return UNFINISHED
        return None


def run(settings: Settings, job_types: JobTypes) -> None:
    """Do the rounds until SIGTERM. The connection to Redis fails fast, so that an outage costs one round and not 20 minutes.

    Errors: SettingsError for a [[periodic]] entry of a kind that is not periodic.
    """
    periodic.check_kinds(settings.periodic, job_types)
    stopping: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: stopping.append(number))
    database = catalog_database.connect(settings.database_url)
    redis = connect_promptly(settings.redis_url)
    leader = Leader(redis)
    duties = build_duties(settings, job_types, redis, leader.writing)
    while not stopping:
        began = time.monotonic()
        try:
            with database.connection_context():
                if settings.redis.url and not redis_owner.owns(redis, instance.identity()):
                    raise SettingsError(redis_owner.WORDS)
                do_round(duties, redis, leader)
        except (RedisError, PeeweeException, PodJobsError) as error:
            log.warning("a round failed: %s: %s", type(error).__name__, error)
        while not stopping and time.monotonic() - began < settings.janitor.tick_s:
            time.sleep(0.05)
    try:
        leader.release()
    except RedisError:
        log.info("the lock will expire by itself")


def do_round(duties: list[Duty], redis: Redis, leader: Leader) -> None:
    """Do all duties that are due, as long as this janitor leads."""
    for duty in duties:
        if time.monotonic() < duty.next_at:
            continue
        if not leader.hold():
            return
        redis.set(keys.JANITOR, f"{socket.gethostname()}:{os.getpid()}", ex=LOCK_TTL_S)
        duty.next_at = time.monotonic() + duty.every_s
        try:
            if duty.do(datetime.now(UTC)) is UNFINISHED:
                duty.next_at = 0.0
        except Deposed as error:
            log.warning("%s: %s", duty.name, error.reason)
            leader.release()
            return
        except (RedisError, PeeweeException, PodJobsError, OSError) as error:
            log.warning("%s failed: %s: %s", duty.name, type(error).__name__, error)
        except Exception:  # noqa: BLE001  # a fault in one duty must not stop the others or the next round
            log.exception("%s failed", duty.name)


def _index_captions() -> Iterator[None]:
    """Index the captions that an update of pod_jobs marked. Needs no fence, because doing it twice changes nothing."""
    while caption_index.index_some(1):
        yield


def sum_up_figures(job_types: JobTypes, now: datetime, fence: Fence) -> Iterator[None]:
    """Sum up the figures of each day, for the page of the team. Yields after each day. Errors: Deposed."""
    for figures in day_figures.sum_up(now, FIGURES_DAYS, queues_of_tasks(job_types)):
        with fence():
            day_figures.keep(figures)
        yield


def build_duties(settings: Settings, job_types: JobTypes, redis: Redis, fence: Fence) -> list[Duty]:
    """The duties, in an order in which earlier ones prepare later ones."""
    times, retention = settings.janitor, settings.retention
    allowed = reports.Allowed(settings.retry.deaths, settings.retry.losses)
    reconciler = Reconciler(redis, QUEUES, times.lost_s, allowed, fence)
    limits = limits_of(settings)
    report_relay = relay.ReportRelay(redis, QUEUES, times.lost_s)
    lane_relay = traces.LaneRelay(redis, settings)
    site_callbacks = callbacks.Callbacks(settings, fence)
    due: registries.DueAt = {}
    duties = [
        Duty("revoked workers", times.tick_s, lambda now: revoked.end_runs_of_revoked(redis, allowed, now, fence)),
        Duty("relay", times.tick_s, lambda _: relay.relay_outbox(redis, job_types, limits, fence)),
        Duty("start due jobs", times.tick_s, lambda now: registries.start_due(redis, QUEUES, due, now)),
        Duty("clean registries", times.registries_s, lambda _: registries.clean(redis, QUEUES)),
        Duty("jobs of the dead", 5.0, lambda _: [put_back_jobs_of_the_dead(redis, name) for name in QUEUES]),
        Duty("taken jobs", 5.0, lambda _: registries.return_taken_jobs(redis, QUEUES)),
        Duty("reports", times.reconcile_s, lambda _: report_relay.relay()),
        Duty("reconcile", times.reconcile_s, reconciler.reconcile),
        Duty("deleted tasks", times.reconcile_s, lambda now: UNFINISHED if purge.delete_hidden(now, fence) else None),
        Duty("drains", times.reconcile_s, lambda _: drains.publish(redis, store_drains.for_workers())),
        Duty("periodic", times.tick_s, lambda now: periodic.fire_due(settings.periodic, now, fence)),
        Duty("events", times.tick_s, lambda now: traces.tell_events(settings, now, fence)),
        Duty("erasures of traces", times.tick_s, lambda now: traces.erase_ordered(settings, now, fence)),
        Duty("lanes", times.tick_s, lane_relay.relay),
        Duty("mails about lanes", times.tick_s, lane_mails.LaneMails(settings, fence).tend),
        Duty("callbacks", times.tick_s, site_callbacks.tend),
        Duty("results of sites", PURGE_S, lambda now: callbacks.purge(settings, now, fence)),
        Duty("silent sessions", PURGE_S, InSlices(lambda now: traces.end_silent_sessions(settings, now, fence))),
        Duty("purge traces", PURGE_S, InSlices(lambda now: traces.purge(settings, now, fence))),
        Duty("purge", PURGE_S, InSlices(lambda now: purge.purge(settings, now, fence))),
        Duty("bucket", PURGE_S, bucket.Sweeper(settings).begin),
        Duty("figures", PURGE_S, InSlices(lambda now: sum_up_figures(job_types, now, fence))),
        Duty("index captions", PURGE_S, InSlices(lambda _: _index_captions())),
    ]
    if days := retention.failures_days:
        old = timedelta(days=days)
        duties.append(
            Duty("purge failures", PURGE_S, InSlices(lambda _: registries.purge_failures(redis, QUEUES, old)))
        )
    return duties
