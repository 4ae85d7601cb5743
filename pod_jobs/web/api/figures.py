"""/figures: the figures of the last days."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import day_figures
from pod_jobs.jobs.job_type import queues_of_tasks
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.intake import task_filters
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_figures", __name__)

MOST_DAYS = 366


@blueprint.get("/figures")
@access.needs("see-team-pages")
def list_days() -> ResponseReturnValue:
    """?days=, by default 30. ?site=: only of what it ordered. Errors: Malformed."""
    queue_of, site = queues_of_tasks(services().job_types), task_filters.site_of_address()
    rows = day_figures.last_days(now(), answers.days(MOST_DAYS), queue_of, site)
    return answers.fresh({"days": [{"day": row.day.isoformat(), "numbers": row.numbers} for row in rows]})
