"""The janitor's work for learning traces: enqueue lanes that are due, make statements of events, end sessions whose page is
gone, purge old statements.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import events, lanes, personal_traces, statements
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import ProductionEvent, Statement
from pod_jobs.instance import learning_traces
from pod_jobs.janitor.leader import Fence
from pod_jobs.janitor.sightings import Sightings
from pod_jobs.jobs import queue, snapshot
from pod_jobs.jobs.deliver_statements import DELIVER_STATEMENTS, job_id
from pod_jobs.settings import Settings
from pod_jobs.xapi import production
from pod_jobs.xapi.actors import Actor
from pod_jobs.xapi.ending import end_id, last_statements
from pod_jobs.xapi.profile import INITIALIZED, extension
from pod_jobs.xapi.statement import Application, Frozen, accept
from pod_jobs.xapi.verdicts import value_at

log = logging.getLogger(__name__)

SILENCE = timedelta(hours=24)  # after which the server ends a session; its page would have ended it after half of that
LOOKS_BACK = timedelta(days=3)  # for sessions that began then
SESSIONS = 200  # looked at in one slice


class LaneRelay:
    """Enqueues lanes that are due, and again those whose job RQ lost, or whose job ended without claiming the lane."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._idle = Sightings(redis, "lanes")

    def relay(self, now: datetime) -> int:
        """Enqueue them. Returns how many."""
        xapi = self._settings.xapi
        if personal_traces.ordered_erasures():
            return 0  # they are carried out when no lane is worked
        due = {job_id(*lane): lane[0] for lane in lanes.due(xapi.lane_names, xapi.flush_s, now, xapi.filters)}
        refused = [
            job for job, lane in due.items() if not queue.enqueue(self._redis, DELIVER_STATEMENTS, job, {"lane": lane})
        ]
        shot = snapshot.take(self._redis, (DELIVER_STATEMENTS.queue,), refused)
        for job, idle_s in self._idle.look(job for job in refused if not shot.placed(job)).items():
            if idle_s >= self._settings.janitor.lost_s:
                queue.remove(self._redis, job)  # the next round enqueues it
        return len(due) - len(refused)


def tell_events(settings: Settings, now: datetime, fence: Fence) -> int:
    """Turn production events into statements. Without a lane, the events are only deleted. Returns how many there were."""
    pending = events.pending()
    if not pending:
        return 0
    rows = [_as_row(settings, event, now) for event in pending] if settings.xapi.lane_names else []
    with fence():
        events.replace(pending, [row for row in rows if row is not None], list(settings.xapi.lane_names), now)
    return len(pending)


def erase_ordered(settings: Settings, now: datetime, fence: Fence) -> int:
    """Erase what people asked to be erased while it may have been on its way. Returns of how many people."""
    if not personal_traces.ordered_erasures():
        return 0
    with fence():
        return learning_traces.erase_ordered(settings, now)


def purge(settings: Settings, now: datetime, fence: Fence) -> Iterator[None]:
    """Delete old statements that every record store has. Yields wherever it may pause."""
    days = settings.retention.statements_days
    purged = days
    while purged:
        with fence():
            purged = statements.purge(now - timedelta(days=days), settings.xapi.lane_names)
        yield


def end_silent_sessions(settings: Settings, now: datetime, fence: Fence) -> Iterator[None]:
    """End the sessions of our pages that nobody ended and that were silent for SILENCE. Yields wherever it may pause."""
    if not settings.xapi.lane_names:
        return
    last = 0
    until = now - SILENCE
    while begun := statements.with_verb(INITIALIZED, until - LOOKS_BACK, until, last, SESSIONS):
        last = begun[-1].number
        ends = {end_id(row.id): row for row in begun}
        open_ones = [ends[one] for one in sorted(statements.unknown(list(ends)))]
        if open_ones:
            out = [learning_traces.actor_of(settings, person) for person in statements.opted_out()]
            rows = [row for begin in open_ones for row in _end(settings, begin, out, now)]
            if rows:
                with fence():
                    statements.add(rows, settings.xapi.lane_names, now)
        yield


def _end(settings: Settings, begin: Statement, opted_out: list[Actor], now: datetime) -> list[NewStatement]:
    """What ends the session that `begin` began; [] if it is not silent yet, or not ours to end."""
    said = json.loads(begin.body)
    is_ours = value_at(said, "actor", "account", "homePage") == settings.xapi_home_page
    if not is_ours or begin.registration is None or said["actor"] in opted_out:
        return []
    kept = [(row, json.loads(row.body)) for row in statements.of_registration(begin.registration)]
    own = [row for row, body in kept if extension(body, "context", "session-id") == begin.id]
    if not own or own[-1].received_at > now - SILENCE:
        return []
    ends = [
        accept(one, Application(), now, learning_traces.LIMITS)
        for one in last_statements([body for _, body in kept], begin.id)
    ]
    frozen = [one for one in ends if isinstance(one, Frozen)]
    return [replace(learning_traces.as_row(settings, one, None), video=begin.video) for one in frozen]


def _as_row(settings: Settings, event: ProductionEvent, now: datetime) -> NewStatement | None:
    raw = _statement(settings, event)
    frozen = None if raw is None else accept(raw, Application(), now, learning_traces.LIMITS)
    if not isinstance(frozen, Frozen):
        log.warning("event %s of video %s makes no statement: %s", event.kind, event.video, frozen)
        return None
    return learning_traces.as_row(settings, frozen, learning_traces.activity_of(settings, event.video, "").iri)


def _statement(settings: Settings, event: ProductionEvent) -> dict[str, Any] | None:
    """The statement that tells of an event; None if its person is gone or has opted out."""
    facts = event.facts
    video = learning_traces.activity_of(settings, event.video, facts["title"])
    at = event.at
    match event.kind:
        case "uploaded":
            person = User.get_or_none(User.id == facts["person"])
            if person is None or statements.has_opted_out(person.id):
                return None
            return production.build_uploaded(video, learning_traces.actor_of(settings, person), at)
        case "encoded":
            return production.build_encoded(video, event.run, facts["success"], facts["duration_s"], at)
        case "transcribed":
            return production.build_transcribed(video, event.run, facts["language"], at)
        case _:
            return production.build_published(video, event.run, at)
