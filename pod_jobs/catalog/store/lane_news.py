"""Lanes of which administrators have not been told the present state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pod_jobs.catalog.trace_models import Lane, Statement


@dataclass(frozen=True)
class News:
    """A lane is "stopped", or on "hold" while a statement waits too long, or "open" again after that. `since`: of a lane on hold,
    since when that statement has waited."""

    lane: str
    state: str
    since: datetime
    reason: str


def untold(names: Sequence[str], before: datetime, waits_since: datetime) -> list[News]:
    """The lanes whose state is not what their last mail said, if it was sent before `before`. A lane that only waits, after a
    short fault of its LRS, is news when its first statement arrived before `waits_since`."""
    wrong, goes_on = Lane.told.in_(("stopped", "hold")), Lane.state == "open"
    is_news = (
        ((Lane.state == "stopped") & (Lane.told != "stopped")) | (goes_on & wrong) | (Lane.state == "hold") & ~wrong
    )
    is_time = Lane.told_at.is_null() | (Lane.told_at < before)
    rows = Lane.select().where(Lane.name.in_(list(names)), is_news, is_time).order_by(Lane.name)
    news = []
    for row in rows:
        since = _first_waits_since(row) if row.state == "hold" else row.since
        if since is not None and (row.state != "hold" or since < waits_since):
            news.append(News(row.name, row.state, since, row.reason))
    return news


def _first_waits_since(lane: Lane) -> datetime | None:
    """When the first statement that the lane has not decided arrived; None when there is none."""
    first = (
        Statement.select(Statement.received_at).where(Statement.number > lane.cursor).order_by(Statement.number).first()
    )
    return first.received_at if first else None


def note_told(news: News, now: datetime) -> None:
    """Store that a mail told this."""
    Lane.update(told=news.state, told_at=now).where(Lane.name == news.lane).execute()
