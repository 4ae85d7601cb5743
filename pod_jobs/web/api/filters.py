"""/filters: the filters of the team's list of tasks that this person saved under a name."""

from typing import Any

from flask import Blueprint, jsonify, url_for
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import saved_filters
from pod_jobs.catalog.team_models import SavedFilter
from pod_jobs.errors import Malformed
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.intake import task_filters

blueprint = Blueprint("api_filters", __name__)

FIELDS = (*task_filters.TEXTS, *task_filters.DAYS)


@blueprint.get("/filters")
@access.needs("see-team-pages")
def list_own() -> ResponseReturnValue:
    return answers.fresh({"filters": [_document(saved) for saved in saved_filters.list_of(access.require_user())]})


@blueprint.post("/filters")
@access.needs("see-team-pages")
def save() -> ResponseReturnValue:
    """{"name": …, "fields": {"state": "error", …}}: fields as in the address of the page; `since` and `until` are days.
    Errors: Malformed; Refused when the name is taken, or too many are saved."""
    body = answers.body()
    given = answers.field(body, "fields", dict)
    if unknown := sorted(given.keys() - {*FIELDS}):
        raise Malformed(f"fields: {unknown[0]!r} is none of {', '.join(FIELDS)}")
    fields = {name: answers.field(given, name, str) for name in given}
    task_filters.check_lengths(fields)
    asked = task_filters.read(fields)
    if asked.faults:
        raise Malformed(" ".join(asked.faults))
    saved = saved_filters.save(access.require_user(), answers.field(body, "name", str), asked.fields)
    return jsonify(_document(saved)), 201


@blueprint.patch("/filters/<int:filter_id>")
@access.needs("see-team-pages")
def rename(filter_id: int) -> ResponseReturnValue:
    """{"name": …}. Errors: NotFound; Malformed; Refused when the name is taken."""
    name = answers.field(answers.body(), "name", str)
    return _document(saved_filters.rename(access.require_user(), filter_id, name)), 200


@blueprint.delete("/filters/<int:filter_id>")
@access.needs("see-team-pages")
def delete(filter_id: int) -> ResponseReturnValue:
    """Errors: NotFound."""
    saved_filters.delete(access.require_user(), filter_id)
    return "", 204


def _document(saved: SavedFilter) -> dict[str, Any]:
    page = url_for("team_tasks.show", **saved.fields)
    return {"id": saved.id, "name": saved.name, "fields": saved.fields, "page": page}
