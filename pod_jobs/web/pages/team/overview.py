"""The team's first page: everything at a glance, and the encodings of the last days."""

from datetime import datetime
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import day_figures, visits
from pod_jobs.catalog.store import overview as store
from pod_jobs.jobs.job_type import encodings
from pod_jobs.web import polls
from pod_jobs.web.guards import access
from pod_jobs.web.intake import beginnings
from pod_jobs.web.overview import gather, look
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import now, services, wants_part

blueprint = Blueprint("team_overview", __name__)

SHOWN = 8  # of running and waiting tasks
DAYS = 30


@blueprint.get("/team")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    if not wants_part() and not access.by_token():
        visits.note(access.require_user(), now())
    return frame.live_page("team/overview.html", lambda look_at: _values(now(), look_at), look)


def _values(at: datetime, look_at: polls.Look) -> dict[str, Any]:
    overview = gather(at, look_at, visits.last(access.require_user()))
    crews = overview.crews or []
    days = store.per_day(encodings(services().job_types), day_figures.midnights(at, DAYS))
    sites = [site.name for site in services().settings.site]
    open_of_sites = store.open_of_sites() if sites else {}
    return {
        "overview": overview,
        "sites": [(name, open_of_sites.get(name, {})) for name in sites],
        "crews": crews,
        "held_queues": [crew.queue for crew in crews if crew.held and not crew.able],
        "running": overview.running[:SHOWN],
        "waiting": [
            (task, overview.begins.get(task.id), beginnings.queue_of(task)) for task in overview.waiting[:SHOWN]
        ],
        "days": days,
        "highest": max((day.done + day.failed for day in days), default=0),
    }
