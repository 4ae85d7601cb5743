"""Filters of the list of tasks that a person saves under a name: saved, renamed and deleted on that page."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.store import saved_filters
from pod_jobs.catalog.team_models import SavedFilter
from pod_jobs.errors import Malformed, Refused
from pod_jobs.web.guards import access
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake import task_filters

blueprint = Blueprint("team_filters", __name__)


@blueprint.post("/team/filters")
@access.needs("see-team-pages")
def save() -> ResponseReturnValue:
    """Save the filter in the form under the form's `name`."""
    asked, user = task_filters.read(request.form), access.require_user()
    if asked.faults:
        flash(" ".join(asked.faults), "bad")
    else:
        _try(lambda: saved_filters.save(user, request.form.get("name", ""), asked.fields), gettext("Saved."))
    return _back(asked.fields)


@blueprint.post("/team/filters/<int:filter_id>/rename")
@access.needs("see-team-pages")
def rename(filter_id: int) -> ResponseReturnValue:
    """Errors: NotFound."""
    user = access.require_user()
    _try(lambda: saved_filters.rename(user, filter_id, request.form.get("name", "")), gettext("Renamed."))
    return _back(task_filters.read(request.form).fields)


@blueprint.post("/team/filters/<int:filter_id>/delete")
@access.needs("see-team-pages")
def delete(filter_id: int) -> ResponseReturnValue:
    """Errors: NotFound."""
    saved_filters.delete(access.require_user(), filter_id)
    flash(gettext("The filter is deleted. The tasks are as they were."))
    return _back(task_filters.read(request.form).fields)


@blueprint.app_template_global()
def own_filters() -> Sequence[SavedFilter]:
    """Those of the person who asks."""
    return saved_filters.list_of(access.require_user())


@blueprint.app_template_global()
def most_filters() -> dict[str, int]:
    """How many filters a person may save, and how long their names may be."""
    return {"count": saved_filters.MOST, "characters": saved_filters.NAME_CHARACTERS}


def _back(fields: dict[str, Any]) -> ResponseReturnValue:
    """To the list with this filter."""
    return redirect(url_for("team_tasks.show", **fields), 303)


def _try(change: Callable[[], object], done: str) -> None:
    """Change something and say `done`, or say why not."""
    try:
        change()
        flash(done)
    except (Malformed, Refused) as error:
        flash(translated(error.code, error.facts), "bad")
