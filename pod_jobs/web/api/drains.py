"""/workers lists the workers; /drains says which of them take no new jobs."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Drain
from pod_jobs.catalog.store import drains as store
from pod_jobs.jobs import drains, workforce
from pod_jobs.settings import QUEUES
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.site import now, site

blueprint = Blueprint("api_drains", __name__)


@blueprint.get("/workers")
@access.needs("see-workers")
def list_workers() -> ResponseReturnValue:
    return answers.fresh({"workers": workforce.list_workers(site().redis, QUEUES)})


@blueprint.get("/drains")
@access.needs("see-workers")
def list_drains() -> ResponseReturnValue:
    return answers.fresh({"drains": [_document(drain) for drain in store.list_drains()]})


@blueprint.post("/drains")
@access.needs("steer-workers")
def begin() -> ResponseReturnValue:
    """{"scope": "all", "queue", "host" or "worker", "name": its name, "why": a reason for people}"""
    said = answers.body()
    scope, name = answers.field(said, "scope", str), said.get("name", "")
    drain = store.begin(scope, _text(name), access.require_user().name, _text(said.get("why", "")), now())
    drains.publish(site().redis, store.told())
    return jsonify(_document(drain)), 201


@blueprint.delete("/drains/<int:drain_id>")
@access.needs("steer-workers")
def end(drain_id: int) -> ResponseReturnValue:
    store.end(drain_id, access.require_user().name, now())
    drains.publish(site().redis, store.told())
    return "", 204


def _text(value: Any) -> str:
    return answers.field({"text": value}, "text", str)


def _document(drain: Drain) -> dict[str, Any]:
    return {
        "id": drain.id,
        "scope": drain.scope,
        "name": drain.name,
        "who": drain.who,
        "why": drain.why,
        "at": drain.at.isoformat(),
    }
