"""How a video was watched: the last report of each attempt, which holds all segments that were watched in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import fn

from pod_jobs.catalog.trace_models import Statement

CHUNK = 500  # numbers in one query
SEGMENTS = "played-segments"  # the end of the key in a body; other programs leave it out now and then


def last_reports(
    video: int, verbs: Sequence[str], since: datetime | None, limit: int
) -> list[tuple[str, datetime, str]]:
    """(registration, arrival, body) of the latest statement in each attempt at a video that has one of `verbs` and tells the
    segments, for attempts with one since then. The latest attempts come first; at most `limit`."""
    newest = fn.MAX(Statement.number)
    where = [Statement.video == video, Statement.registration.is_null(False), Statement.verb.in_(list(verbs))]
    where.append(Statement.body.contains(SEGMENTS))
    if since is not None:
        where.append(Statement.received_at >= since)
    query: Any = Statement.select(newest.alias("newest")).where(*where).group_by(Statement.registration)
    numbers: list[int] = [row[0] for row in query.order_by(newest.desc()).limit(limit).tuples()]
    reports: list[tuple[str, datetime, str]] = []
    for start in range(0, len(numbers), CHUNK):
        chunk: Any = Statement.select(Statement.registration, Statement.received_at, Statement.body).where(
            Statement.number.in_(numbers[start : start + CHUNK])
        )
        reports += list(chunk.order_by(Statement.number.desc()).tuples())
    return reports


def registrations_with(video: int, verb: str) -> set[str]:
    """The attempts at a video that have a statement of this verb."""
    query: Any = Statement.select(Statement.registration).where(Statement.video == video, Statement.verb == verb)
    return {row[0] for row in query.distinct().tuples()}
