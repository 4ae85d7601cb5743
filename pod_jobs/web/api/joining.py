"""/workers/join: a host exchanges its invitation for a token of its own and what its workers need to know."""

from dataclasses import asdict

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pod_jobs.instance import joining
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.site import site

blueprint = Blueprint("api_joining", __name__)


@blueprint.post("/workers/join")
@access.public_for_programs
def join() -> ResponseReturnValue:
    """{"code", "host"} of an invitation; the answer is {"token", "redis_url"}. Errors: NotFound when it was used."""
    said = answers.body()
    code, host = answers.field(said, "code", str), answers.field(said, "host", str)
    response = jsonify(asdict(joining.welcome(site().settings, code, host)))
    response.headers["Cache-Control"] = "no-store"
    return response
