"""/deliveries: ends of runs on their way to the catalog, for the team: see them, try them all now."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import users
from pod_jobs.jobs import report
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.site import now, site

blueprint = Blueprint("api_deliveries", __name__)


@blueprint.get("/deliveries")
@access.needs("see-reports")
def list_deliveries() -> ResponseReturnValue:
    return answers.fresh({"deliveries": report.deliveries(site().redis)})


@blueprint.post("/deliveries/push")
@access.needs("steer-reports")
def push() -> ResponseReturnValue:
    pushed = report.push_now(site().redis)
    users.note(access.require_user().name, "push deliveries", str(pushed), now())
    return {"pushed": pushed}, 202
