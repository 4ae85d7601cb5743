"""/figures: the figures of the last days."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import day_figures
from pod_jobs.errors import Malformed
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.site import now

blueprint = Blueprint("api_figures", __name__)

MOST_DAYS = 366
USUAL_DAYS = 30


@blueprint.get("/figures")
@access.needs("see-team-pages")
def list_days() -> ResponseReturnValue:
    """?days=, by default 30. Errors: Malformed."""
    given = request.args.get("days", "") or str(USUAL_DAYS)
    if not (given.isascii() and given.isdecimal() and len(given) < 6 and 1 <= int(given) <= MOST_DAYS):
        raise Malformed(f"days: 1 to {MOST_DAYS} is needed")
    found = day_figures.last_days(now(), int(given))
    return answers.fresh({"days": [{"day": one.day.isoformat(), "numbers": one.numbers} for one in found]})
