"""/workers/join: a host exchanges its invitation for a token of its own and what its workers need to know."""

from dataclasses import asdict

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pod_jobs.instance import joining
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.services import services

blueprint = Blueprint("api_joining", __name__)


@blueprint.post("/workers/join")
@access.public_for_programs
def join() -> ResponseReturnValue:
    """{"code", "host", "version"}; the answer is {"token", "redis_url", "redis_prefix", "version", "storage"}. Errors: NotFound
    when the invitation was used; Refused for a host of another version."""
    body = answers.body()
    code, host, version = (answers.field(body, name, str) for name in ("code", "host", "version"))
    response = jsonify(asdict(joining.welcome(services().settings, code, host, version)))
    response.headers["Cache-Control"] = "no-store"
    return response
