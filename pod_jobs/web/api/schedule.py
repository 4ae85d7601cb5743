"""/schedule: the periodic tasks of the settings, and orders for them."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Periodic
from pod_jobs.catalog.store import periodic
from pod_jobs.jobs.ticks import next_ticks
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.web.api import answers, documents
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.intake import periodic_orders
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_schedule", __name__)

COMING = 5


@blueprint.get("/schedule")
@access.needs("see-team-pages")
def list_entries() -> ResponseReturnValue:
    stored = periodic.rows()
    return answers.fresh(
        {"entries": [_document(entry, stored.get(entry.name)) for entry in services().settings.periodic]}
    )


@blueprint.post("/schedule/<name>/run")
@access.needs("steer-system-tasks")
def run(name: str) -> ResponseReturnValue:
    """Order its task now. Errors: NotFound; Refused while its last task is open."""
    task = periodic_orders.run_now(require_user(), periodic_orders.entry_of(name))
    return documents.task(link_base(), task), 202


@blueprint.put("/schedule/<name>/pause")
@access.needs("steer-system-tasks")
def pause(name: str) -> ResponseReturnValue:
    """{"why": a reason for people}. Errors: NotFound, Malformed."""
    why = answers.field({"why": "", **answers.body()}, "why", str)
    entry = periodic_orders.entry_of(name)
    periodic.pause(entry.name, require_user().name, why, now())
    return _document(entry, periodic.rows().get(entry.name)), 200


@blueprint.delete("/schedule/<name>/pause")
@access.needs("steer-system-tasks")
def resume(name: str) -> ResponseReturnValue:
    """Errors: NotFound."""
    periodic.resume(periodic_orders.entry_of(name).name, require_user().name, now())
    return "", 204


def _document(entry: PeriodicSettings, stored: Periodic | None) -> dict[str, Any]:
    paused = None
    if stored is not None and stored.paused_at is not None:
        paused = {"by": stored.paused_by, "at": instant(stored.paused_at), "why": stored.why}
    return {
        "name": entry.name,
        "kind": entry.kind,
        "cron": entry.cron,
        "every_min": entry.every_min,
        "time_zone": entry.time_zone,
        "missed": entry.missed,
        "last_task": stored.task_id if stored is not None else None,
        "next": [instant(tick) for tick in next_ticks(entry, now(), COMING)],
        "paused": paused,
    }
