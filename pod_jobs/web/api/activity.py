"""/log: who did what when."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import activity
from pod_jobs.web.api import answers
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access

blueprint = Blueprint("api_activity", __name__)


@blueprint.get("/log")
@access.needs("administer")
def list_lines() -> ResponseReturnValue:
    """?who=, ?action=, ?since= and ?until= (instants in ISO 8601). Errors: Malformed."""
    limit, before = answers.page()
    given = request.args.to_dict()
    instants = {name: answers.instant(given, name) for name in ("since", "until") if name in given}
    wanted = activity.ActivityFilter(given.get("who", ""), given.get("action", ""), **instants)
    rows = activity.page(wanted, limit, before)
    lines = [
        {
            "id": row.id,
            "at": instant(row.at),
            "who": row.who,
            "action": row.action,
            "subject": row.subject,
            "details": row.details,
        }
        for row in rows
    ]
    return answers.fresh({"lines": lines, "next": answers.next_of(rows, limit)})
