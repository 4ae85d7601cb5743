"""A person's choice about learning traces, on the account page."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.store import statements, users
from pod_jobs.web.access import require_user
from pod_jobs.web.site import now, site

blueprint = Blueprint("trace_choice", __name__)


@blueprint.app_template_global()
def wants_traces() -> bool | None:
    """Of the signed-in person; None where nothing is recorded anyhow."""
    return None if not site().settings.xapi.lane_names else not statements.is_out(require_user().id)


@blueprint.post("/account/traces")
def choose() -> ResponseReturnValue:
    user, out = require_user(), "traces" not in request.form
    statements.opt_out(user, out, now())
    users.note(user.name, "traces off" if out else "traces on", f"user {user.id}", now())
    flash(gettext("Your choice is saved."))
    return redirect(url_for("account.show"), 303)
