"""Pages of the learning traces: the lanes, for the team; the attempts at a video, for its owner; the choice of each person."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import dead_letters, personal_traces, statements, users, videos
from pod_jobs.errors import NotFound
from pod_jobs.instance import learning_traces
from pod_jobs.web import watched
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.pages.tables import csv_answer
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import now, services
from pod_jobs.xapi.statement import plain_name

blueprint = Blueprint("trace_pages", __name__)


@blueprint.app_template_global()
def traces_are_on() -> bool:
    """Is there a lane that traces are sent by?"""
    return bool(services().settings.xapi.lane_names)


@blueprint.app_template_global()
def traces_are_voided() -> bool:
    """Are record stores told to void what a person has erased?"""
    return services().settings.xapi.void_erased


@blueprint.app_template_global()
def wants_traces() -> bool:
    """Has the signed-in person not opted out?"""
    return not statements.has_opted_out(require_user().id)


@blueprint.get("/traces")
@access.needs("see-traces")
def lanes() -> ResponseReturnValue:
    xapi = services().settings.xapi
    sights = dead_letters.overview(xapi.lane_names, now(), xapi.filters)
    return render_template("traces.html", sights=sights, **frame.signs_of_life())


@blueprint.get("/videos/<int:video_id>/traces")
@access.needs("see-videos")
def of_video(video_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for a video that this person may not see."""
    video = videos.get(video_id, require_user())
    report = watched.report(video, *watched.wanted())
    words = {7: gettext("last 7 days"), 30: gettext("last 30 days"), 365: gettext("last year"), 0: gettext("all")}
    periods = [(days, words[days]) for days in watched.PERIODS]
    return render_template("video_traces.html", video=video, watching=report, periods=periods)


@blueprint.get("/videos/<int:video_id>/traces/<what>.csv")
@access.needs("see-videos")
def table(video_id: int, what: str) -> ResponseReturnValue:
    """`what`: moments, viewers or days. Errors: NotFound, also for a video that this person may not see."""
    video = videos.get(video_id, access.require_user())
    report = watched.report(video, *watched.wanted())
    if what not in watched.COLUMNS or report is None:
        raise NotFound(f"a table of {what}")
    name = f"video-{video_id}-{what}" + (f"-{report.day.isoformat()}" if report.day and what != "days" else "")
    return csv_answer(name, [watched.COLUMNS[what], *watched.rows(what, report)])


@blueprint.post("/account/traces")
@access.needs("have-account", session_only=True)
def choose() -> ResponseReturnValue:
    user, out = require_user(), "traces" not in request.form
    statements.opt_out(user, out, now())
    users.note(user.name, "traces off" if out else "traces on", f"user {user.id}", now())
    flash(gettext("Your choice is saved."))
    if "erase" in request.form:
        personal_traces.order_erasure(user, now())
        if learning_traces.erase_ordered(services().settings, now()):
            flash(gettext("What was recorded is erased."))
        else:
            flash(gettext("What was recorded is being sent at this moment; it will be erased within a few minutes."))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/traces.jsonl")
@access.needs("have-account", session_only=True)
def download() -> ResponseReturnValue:
    """The statements of the signed-in person that are kept here, one JSON object per line."""
    marks = learning_traces.marks_of(services().settings, require_user())
    lines = "".join(f"{row.body}\n" for row in personal_traces.of_person(marks))
    response = Response(lines, mimetype="application/x-ndjson")
    response.headers["Content-Disposition"] = 'attachment; filename="learning-traces.jsonl"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def recording(video: Video) -> dict[str, Any] | None:
    """What a video's page needs to record how the video is watched (static/js/xapi); None: nothing is recorded.

    `now` is the time of the server in milliseconds since 1970, to which the page sets its clock.
    """
    settings, person = services().settings, require_user()
    if not settings.xapi.lane_names or statements.has_opted_out(person.id):
        return None
    return {
        "person": person.uuid,
        "activity": learning_traces.activity_of(settings, video.id, "").iri,
        "title": plain_name(video.title),
        "threshold": settings.xapi.completion_threshold,
        "screen": settings.xapi.screen,
        "now": int(now().timestamp() * 1000),
    }
