"""/waiting-reports lists the reports that have not reached the catalog yet, and the hosts that keep some on their disks; /push
sends all of the first now. Hosts send theirs every few seconds.
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import users
from pod_jobs.jobs import hosts, report
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_waiting_reports", __name__)


@blueprint.get("/waiting-reports")
@access.needs("see-reports")
def list_waiting() -> ResponseReturnValue:
    redis, heartbeat_s = services().redis, services().settings.worker.heartbeat_s
    keeping = hosts.keeping_reports(redis, now(), heartbeat_s)
    return answers.fresh({"reports": report.describe_waiting(redis), "hosts": keeping})


@blueprint.post("/waiting-reports/push")
@access.needs("steer-reports")
def push() -> ResponseReturnValue:
    pushed = report.push_now(services().redis)
    users.note(access.require_user().name, "push reports", str(pushed), now())
    return {"pushed": pushed}, 202
