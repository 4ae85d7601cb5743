"""The team's first page: everything at a glance, and the encodings of the last days."""

from datetime import datetime
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import overview as store
from pod_jobs.jobs.job_type import encodings
from pod_jobs.web import overview, polls
from pod_jobs.web.guards import access
from pod_jobs.web.intake import beginnings
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_overview", __name__)

SHOWN = 8  # of running and waiting tasks
DAYS = 30


@blueprint.get("/team")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    return frame.live_page("team/overview.html", lambda look: _gather(now(), look), overview.look)


def _gather(at: datetime, look: polls.Look) -> dict[str, Any]:
    seen = overview.gather(at, look)
    crews = seen.crews or []
    days = store.per_day(encodings(services().job_types), frame.midnights(at, DAYS))
    return {
        "seen": seen,
        "crews": crews,
        "held_queues": [crew.queue for crew in crews if crew.held and not crew.able],
        "running": seen.running[:SHOWN],
        "waiting": [(task, seen.begins.get(task.id), beginnings.queue_of(task)) for task in seen.waiting[:SHOWN]],
        "days": days,
        "highest": max((day.done + day.failed for day in days), default=0),
    }
