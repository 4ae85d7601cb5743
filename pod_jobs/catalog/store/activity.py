"""The audit as administrators read it: who did what when."""

from dataclasses import dataclass
from datetime import datetime

from pod_jobs.catalog.models import Audit


@dataclass(frozen=True)
class ActivityFilter:
    """Which lines. `who` and `action`: exactly these, "" = any. `since`, `until`: done in this time, None = open."""

    who: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(wanted: ActivityFilter, limit: int, before: int | None = None) -> list[Audit]:
    """The latest lines first. `before`: only those with a smaller id."""
    conditions = [
        condition
        for given, condition in (
            (wanted.who, Audit.who == wanted.who),
            (wanted.action, Audit.action == wanted.action),
            (wanted.since, Audit.at >= wanted.since),
            (wanted.until, Audit.at < wanted.until),
            (before, Audit.id < before),
        )
        if given
    ]
    query = Audit.select().where(*conditions) if conditions else Audit.select()
    return list(query.order_by(Audit.id.desc()).limit(limit))
