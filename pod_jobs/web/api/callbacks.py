"""/callbacks: what sites were not told yet of the ends of their tasks, and sending it at once."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.site_models import CALLBACKS, SiteOrder
from pod_jobs.catalog.store import site_callbacks
from pod_jobs.errors import Malformed
from pod_jobs.web.api import answers, documents
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.intake import orders

blueprint = Blueprint("api_callbacks", __name__)


@blueprint.get("/callbacks")
@access.needs("see-team-pages")
def list_untold() -> ResponseReturnValue:
    """?state= (by default "waiting"), ?site=, ?limit= and ?before=, the id of a task. Errors: Malformed."""
    limit, before = answers.page()
    state = request.args.get("state", "waiting")
    if state not in CALLBACKS:
        raise Malformed(f"state: {state[:40]!r} is none of {', '.join(CALLBACKS)}")
    rows = site_callbacks.list_untold(request.args.get("site", ""), state, limit, before)
    following = rows[-1].task_id if len(rows) == limit else None
    return answers.fresh({"callbacks": [_document(row) for row in rows], "next": following})


@blueprint.post("/callbacks/send")
@access.needs("change-all-videos")
def send() -> ResponseReturnValue:
    """{"site": name}, or {} for all sites. Errors: Malformed."""
    document = answers.body()
    site = answers.field(document, "site", str) if "site" in document else ""
    return {"sent": orders.tell_sites(require_user(), site)}, 202


@blueprint.post("/tasks/<int:task_id>/callback")
@access.needs("change-videos")
def send_one(task_id: int) -> ResponseReturnValue:
    """Errors: NotFound; Refused when the site is owed none."""
    orders.tell_site(require_user(), task_id)
    return documents.task(link_base(), orders.task_seen_by(require_user(), task_id)), 202


def _document(row: SiteOrder) -> dict[str, Any]:
    return {
        "task": row.task_id,
        "site": row.site,
        "state": row.callback,
        "tries": row.tries,
        "tried_at": documents.instant(row.tried_at),
        "due_at": documents.instant(row.due_at),
        "reason": row.reason,
    }
