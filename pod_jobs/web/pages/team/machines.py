"""Drains, ended by a person on a page."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from redis.exceptions import RedisError

from pod_jobs.catalog.store import drains as store
from pod_jobs.jobs import drains
from pod_jobs.web.guards import access
from pod_jobs.web.site import now, site

blueprint = Blueprint("team_machines", __name__)


@blueprint.post("/team/drains/<int:drain_id>/end")
@access.needs("steer-workers")
def resume(drain_id: int) -> ResponseReturnValue:
    """Errors: NotFound."""
    store.end(drain_id, access.require_user().name, now())
    publish()
    flash(gettext("The workers take jobs again."))
    return redirect(url_for("team_overview.show"), 303)


def publish() -> None:
    """Tell the workers of all drains. While Redis is away the janitor tells them later."""
    try:
        drains.publish(site().redis, store.told())
    except RedisError:
        flash(gettext("The key-value server does not answer; the workers learn of this when it is back."))
