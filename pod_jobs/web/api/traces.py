"""/xapi: takes learning traces in, and shows people lanes, dead letters, labels and attempts at videos."""

import math
from datetime import timedelta

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import dead_letters, lanes, statements, users
from pod_jobs.errors import Malformed, NotFound, Refused
from pod_jobs.web.api import answers, documents, trace_documents
from pod_jobs.web.api.lanes import flush, video_seen_by
from pod_jobs.web.guards import access, problems
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.intake import statements as intake
from pod_jobs.web.services import now, services
from pod_jobs.xapi.statement import Problem, parse_request

blueprint = Blueprint("api_traces", __name__)

DAYS = 30


@blueprint.post("/xapi/statements")
@access.needs("send-traces")
def accept() -> ResponseReturnValue:
    """The body is one statement or an array. The answer is 204 if traces are switched off, or this person has opted out."""
    user, settings = require_user(), services().settings
    trusted = access.by_token() and may(user.role, "send-anybodys-traces")
    if (request.content_length or 0) > intake.REQUEST_BYTES:
        return _refused(Problem("size", "$", f"more than {intake.REQUEST_BYTES} bytes"))
    request.max_content_length = intake.REQUEST_BYTES
    raws = parse_request(request.get_data(cache=False))
    if isinstance(raws, Problem):
        return _refused(raws)
    if len(raws) > intake.REQUEST_STATEMENTS:
        return _refused(Problem("size", "$", f"more than {intake.REQUEST_STATEMENTS} statements"))
    if not settings.xapi.lane_names or (not trusted and statements.has_opted_out(user.id)):
        return "", 204
    wait_s = 0.0 if trusted else intake.allowances(settings).wait_s(user.id, len(raws))
    if wait_s:
        return _too_many(wait_s)
    entries = [entry.document() for entry in intake.take_in(raws, settings, user, trusted, now())]
    if entries and not any(entry["accepted"] for entry in entries):
        return _problem({**entries[0]["problem"], "statements": entries})
    return {"statements": entries}


@blueprint.get("/xapi/lanes")
@access.needs("see-traces")
def list_lanes() -> ResponseReturnValue:
    xapi = services().settings.xapi
    sights = dead_letters.overview(xapi.lane_names, now(), xapi.filters)
    return answers.fresh({"lanes": [trace_documents.lane(sight) for sight in sights]})


@blueprint.post("/xapi/lanes/<name>/flush")
@access.needs("steer-traces")
def try_now(name: str) -> ResponseReturnValue:
    """Try the lane now, or when the record store can no longer be working on the last request (`waits_until`)."""
    _check_lane(name)
    waits_until = flush(name)
    users.note(require_user().name, "xapi flush", f"lane {name}", now())
    return {"lane": name, "waits_until": documents.instant(waits_until)}, 202


@blueprint.get("/xapi/lanes/<name>/dead")
@access.needs("see-traces")
def list_dead(name: str) -> ResponseReturnValue:
    _check_lane(name)
    limit, before = answers.page()
    rows = dead_letters.dead_letters(name, limit, before)
    following = rows[-1][0].number if len(rows) == limit else None
    return answers.fresh({"dead": [trace_documents.dead_letter(*row) for row in rows], "next": following})


@blueprint.post("/xapi/lanes/<name>/dead/resend")
@access.needs("steer-traces")
def resend(name: str) -> ResponseReturnValue:
    """Send dead letters again: {"numbers": [...]} or {"all": true}. Errors: NotFound."""
    _check_lane(name)
    count = dead_letters.resend(name, _numbers(), now())
    if count:
        flush(name)
    return _decided(name, "resend", count)


@blueprint.post("/xapi/lanes/<name>/dead/drop")
@access.needs("steer-traces")
def drop(name: str) -> ResponseReturnValue:
    """Drop dead letters for good: {"numbers": [...]} or {"all": true}. Errors: NotFound."""
    _check_lane(name)
    return _decided(name, "drop", dead_letters.drop(name, _numbers(), now()))


@blueprint.get("/xapi/lanes/<name>/waiting")
@access.needs("see-traces")
def list_waiting(name: str) -> ResponseReturnValue:
    """What the lane still has to send, the oldest first. Errors: NotFound."""
    _check_lane(name)
    limit, after = answers.page("after")
    rows = dead_letters.waiting(name, limit, after or 0, services().settings.xapi.filters[name])
    following = rows[-1][0].number if len(rows) == limit else None
    return answers.fresh({"waiting": [trace_documents.waiting(*row) for row in rows], "next": following})


@blueprint.post("/xapi/lanes/<name>/waiting/skip")
@access.needs("steer-traces")
def skip(name: str) -> ResponseReturnValue:
    """Set waiting statements aside: {"numbers": [...]}. They become dead letters. Errors: NotFound, Refused."""
    _check_lane(name)
    numbers = _numbers()
    if numbers is None:
        raise Malformed("numbers: only statements that are named are set aside")
    return _decided(name, "skip", dead_letters.skip(name, numbers, now(), services().settings.xapi.filters[name]))


@blueprint.get("/xapi/labels")
@access.needs("see-traces")
def labels() -> ResponseReturnValue:
    """The number of statements of each verb in the last 30 days, and of those that broke each rule."""
    first_day = (now() - timedelta(days=DAYS)).strftime("%Y-%m-%d")
    return answers.fresh(trace_documents.labels(statements.label_counts(first_day)))


@blueprint.get("/xapi/sessions")
@access.needs("see-videos")
def list_sessions() -> ResponseReturnValue:
    """The latest attempts at a video (?video=). Errors: NotFound, also for another lecturer's video."""
    video = request.args.get("video", "")
    if not (video.isascii() and video.isdigit() and len(video) < 10):
        raise Malformed("video: a number is needed")
    video_seen_by(require_user(), int(video))
    rows = statements.latest_registrations(int(video))
    return answers.fresh({"sessions": [trace_documents.session_line(*row) for row in rows]})


@blueprint.get("/xapi/sessions/<registration>")
@access.needs("see-videos")
def show_session(registration: str) -> ResponseReturnValue:
    """One attempt: its statements in the order of their arrival, and the verdicts of the rules. Errors: NotFound."""
    rows = statements.of_registration(registration)
    if not rows or rows[0].video is None:
        raise NotFound(f"attempt {registration}")
    video_seen_by(require_user(), rows[0].video)
    return answers.fresh(trace_documents.session(rows, now()))


def _check_lane(name: str) -> None:
    settings = services().settings.xapi
    if name not in settings.lane_names:
        raise NotFound(f"lane {name}")
    lanes.ensure(settings.lane_names, lanes.last_number(), now())


def _numbers() -> list[int] | None:
    """The numbers of the dead letters that the request means; None = all. Errors: Malformed."""
    body = answers.body()
    if body.get("all") is True:
        return None
    numbers = answers.field(body, "numbers", list)
    if not all(map(answers.is_count, numbers)):
        raise Malformed("numbers: a list of whole numbers is needed")
    return numbers


def _decided(name: str, verb: str, count: int) -> ResponseReturnValue:
    users.note(require_user().name, f"xapi {verb}", f"lane {name}", now(), f"statements: {count}")
    return {"lane": name, "count": count}


def _refused(fault: Problem) -> Response:
    return _problem(intake.problem(fault))


def _problem(document: intake.Document) -> Response:
    response = jsonify(document)
    response.mimetype = "application/problem+json"
    response.status_code = document["status"]
    return response


def _too_many(wait_s: float) -> Response:
    response = problems.answer(Refused(f"more than {services().settings.xapi.per_minute} a minute", code="trace-limit"))
    response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response
