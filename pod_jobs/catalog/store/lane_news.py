"""Lanes of which administrators have not been told the present state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pod_jobs.catalog.trace_models import Lane


@dataclass(frozen=True)
class News:
    """A lane is "stopped", or "open" again after that."""

    lane: str
    state: str
    since: datetime
    reason: str


def untold(names: Sequence[str], before: datetime) -> list[News]:
    """The lanes whose state is not what their last mail said, if it was sent before `before`. A lane that only waits, after a
    short fault of its LRS, is no news."""
    is_news = (Lane.state == "stopped") & (Lane.told != "stopped") | (Lane.state == "open") & (Lane.told == "stopped")
    is_time = Lane.told_at.is_null() | (Lane.told_at < before)
    rows = Lane.select().where(Lane.name.in_(list(names)), is_news, is_time).order_by(Lane.name)
    return [News(row.name, row.state, row.since, row.reason) for row in rows]


def note_told(news: News, now: datetime) -> None:
    """Store that a mail told this."""
    Lane.update(told=news.state, told_at=now).where(Lane.name == news.lane).execute()
