"""Drains: which workers take no new jobs, who ordered that, and why. jobs/drains.py tells the workers."""

from datetime import datetime
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Audit, Drain
from pod_jobs.errors import Malformed, NotFound

SCOPES = ("all", "queue", "host", "worker")
WHY_CHARACTERS = 500


def begin(scope: str, name: str, who: str, why: str, now: datetime) -> Drain:
    """Drain the workers of `scope` and `name`. If they are drained already, that drain stays. Errors: Malformed."""
    if scope not in SCOPES or bool(name) == (scope == "all") or len(name) > 100 or len(why) > WHY_CHARACTERS:
        raise Malformed(
            f"a drain needs a scope ({', '.join(SCOPES)}), a name unless the scope is all, and a short reason"
        )
    with transaction():
        drain, is_new = Drain.get_or_create(
            scope=scope, name=name, defaults={"who": who, "why": why.strip(), "at": now}
        )
        if is_new:
            Audit.create(at=now, who=who, action="drain", subject=f"{scope} {name}".strip(), details=why.strip())
    return drain


def end(drain_id: int, who: str, now: datetime) -> Drain:
    """End a drain, so that these workers take jobs again. Errors: NotFound."""
    with transaction():
        drain = Drain.get_or_none(Drain.id == drain_id)
        if drain is None:
            raise NotFound(f"drain {drain_id}")
        drain.delete_instance()
        Audit.create(at=now, who=who, action="resume", subject=f"{drain.scope} {drain.name}".strip())
    return drain


def list_drains() -> list[Drain]:
    """All drains, the oldest first."""
    return list(Drain.select().order_by(Drain.id))


def for_workers() -> list[dict[str, Any]]:
    """All drains as plain values for the workers: [{"scope", "name", "who", "why"}, …]."""
    return [{"scope": drain.scope, "name": drain.name, "who": drain.who, "why": drain.why} for drain in list_drains()]
