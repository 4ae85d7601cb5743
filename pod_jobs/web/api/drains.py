"""/workers lists the workers, /hosts what their hosts say of themselves; /drains says which workers take no new jobs."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Drain
from pod_jobs.catalog.store import drains as store
from pod_jobs.catalog.store import machines, users
from pod_jobs.catalog.store.day_figures import midnights
from pod_jobs.jobs import hosts, workforce
from pod_jobs.settings import QUEUES
from pod_jobs.web import alive
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.intake import worker_orders
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_drains", __name__)


@blueprint.get("/workers")
@access.needs("see-workers")
def list_workers() -> ResponseReturnValue:
    return answers.fresh({"workers": workforce.list_workers(services().redis, QUEUES)})


@blueprint.get("/drains")
@access.needs("see-workers")
def list_drains() -> ResponseReturnValue:
    return answers.fresh({"drains": [_document(drain) for drain in store.list_drains()]})


@blueprint.post("/drains")
@access.needs("steer-workers")
def begin() -> ResponseReturnValue:
    """{"scope": "all", "queue", "host" or "worker", "name": its name, "why": a reason for people, "now": true to let present
    jobs go back to their queues}"""
    body = answers.body()
    scope, name = answers.field(body, "scope", str), _text(body.get("name", ""))
    at_once = answers.field({"now": False, **body}, "now", bool)
    drain = worker_orders.begin_drain(access.require_user(), scope, name, _text(body.get("why", "")))
    if at_once:
        worker_orders.interrupt(scope, name)
    return jsonify(_document(drain)), 201


@blueprint.delete("/drains/<int:drain_id>")
@access.needs("steer-workers")
def end(drain_id: int) -> ResponseReturnValue:
    worker_orders.end_drain(access.require_user(), drain_id)
    return "", 204


@blueprint.get("/hosts")
@access.needs("see-workers")
def list_hosts() -> ResponseReturnValue:
    at = now()
    entries = hosts.list_hosts(services().redis, at)
    listed = [{**asdict(host), **hosts.instants(host), "silent": alive.is_silent(host, at)} for host in entries]
    return answers.fresh({"hosts": listed, "ended_today": machines.ended_since(midnights(at, 1)[0])})


@blueprint.delete("/hosts/<name>")
@access.needs("steer-workers")
def forget_host(name: str) -> ResponseReturnValue:
    """Leave a host out that will not come back. One that lives comes back within seconds."""
    hosts.forget(services().redis, name)
    users.note(access.require_user().name, "forget", f"host {name}"[:100], now())
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
