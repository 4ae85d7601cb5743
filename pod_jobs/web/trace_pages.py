"""Pages of the learning traces: the lanes for the team, the attempts at a video for its owner, everybody's own choice."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.store import statements, users, videos
from pod_jobs.web import access
from pod_jobs.web.access import require_user
from pod_jobs.web.site import now, site

blueprint = Blueprint("trace_pages", __name__)


@blueprint.app_template_global()
def traces_are_on() -> bool:
    """Is there anywhere to send them?"""
    return bool(site().settings.xapi.lane_names)


@blueprint.app_template_global()
def wants_traces() -> bool:
    """Has the signed-in person not opted out?"""
    return not statements.is_out(require_user().id)


@blueprint.get("/traces")
@access.only("team", "admin")
def lanes() -> ResponseReturnValue:
    return render_template("traces.html")


@blueprint.get("/videos/<int:video_id>/traces")
def of_video(video_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for another lecturer's."""
    return render_template("video_traces.html", video=videos.get(video_id, require_user()))


@blueprint.post("/account/traces")
def choose() -> ResponseReturnValue:
    user, out = require_user(), "traces" not in request.form
    statements.opt_out(user, out, now())
    users.note(user.name, "traces off" if out else "traces on", f"user {user.id}", now())
    flash(gettext("Your choice is saved."))
    return redirect(url_for("account.show"), 303)
