"""/me tells the caller who it is; /openapi.yaml describes the API."""

from typing import Any

from flask import Blueprint, current_app, send_from_directory
from flask.typing import ResponseReturnValue

import pod_jobs
from pod_jobs.catalog import permissions
from pod_jobs.catalog.store import instance
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user

blueprint = Blueprint("api_me", __name__)


@blueprint.get("/me")
@access.needs("see-oneself")
def me() -> ResponseReturnValue:
    user = require_user()
    granted = [permission for permission in permissions.PERMISSIONS if access.may(permission)]
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "permissions": granted,
        "language": user.language,
        "media": instance.media_identity(),
        **_for_workers(),
    }


def _for_workers() -> dict[str, Any]:
    """What a worker compares before it takes jobs: the version, and the queues of its token; none = all."""
    if not access.may("run-tasks") or not access.by_token():
        return {}
    queues = access.current_token().queues
    return {"version": pod_jobs.__version__, "queues": queues.split(",") if queues else []}


@blueprint.get("/openapi.yaml")
@access.public
def openapi() -> ResponseReturnValue:
    return send_from_directory(current_app.root_path, "openapi.yaml", mimetype="application/yaml")
