"""The periodic tasks: when they ran and will run; run one now, pause it, resume it."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.models import Periodic
from pod_jobs.catalog.store import periodic as store
from pod_jobs.errors import NotFound
from pod_jobs.jobs.ticks import next_ticks
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.web.guards import access
from pod_jobs.web.intake import periodic_orders
from pod_jobs.web.pages.team import cron_words, frame
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_schedule", __name__)

COMING = 5


@dataclass(frozen=True)
class Entry:
    """An entry of the settings with what is stored of it; `stored` None: its first tick has not come. `rhythm`: in words."""

    entry: PeriodicSettings
    stored: Periodic | None
    rhythm: str
    coming: list[datetime]


@blueprint.get("/team/schedule")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    return frame.live_page(
        "team/schedule.html", lambda look: {"entries": _entries(now()), "most": store.WHY_CHARACTERS}
    )


def _entries(at: datetime) -> list[Entry]:
    stored = store.rows()
    return [
        Entry(entry, stored.get(entry.name), cron_words.rhythm(entry), next_ticks(entry, at, COMING))
        for entry in services().settings.periodic
    ]


@blueprint.post("/team/schedule/<name>/<action>")
@access.needs("steer-system-tasks")
def act(name: str, action: str) -> ResponseReturnValue:
    """`run`, `pause` (with the field `why`) or `resume` an entry. Errors: NotFound, Refused, Malformed."""
    entry, user = periodic_orders.entry_of(name), access.require_user()
    if action not in ("run", "pause", "resume"):
        raise NotFound(f"action {action!r}")
    if action == "run":
        task = periodic_orders.run_now(user, entry)
        return redirect(url_for("team_task.show", task_id=task.id), 303)
    if action == "pause":
        store.pause(entry.name, user.name, request.form.get("why", ""), now())
        flash(gettext("Paused. It orders no task until it is resumed."))
    else:
        store.resume(entry.name, user.name, now())
        flash(gettext("Resumed. What was due in between is not made up for."))
    return redirect(url_for("team_schedule.show"), 303)
