"""/errors: failures in groups of one cause; what the team knows of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import ErrorGroup
from pod_jobs.catalog.store import error_groups, tasks
from pod_jobs.catalog.store.day_figures import midnights
from pod_jobs.catalog.store.error_groups import OpenGroup
from pod_jobs.web import polls
from pod_jobs.web.api import answers, documents
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import link_base
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake import task_filters
from pod_jobs.web.services import now

blueprint = Blueprint("api_errors", __name__)

MOST_DAYS = 3650
MOST_ASKED = 200  # tasks that the team was asked to look at


@blueprint.get("/errors")
@access.needs("see-team-pages")
def list_groups() -> ResponseReturnValue:
    """?days=: only failures of so many last days, by default 30. ?site=: only of tasks that it ordered. Errors: Malformed."""
    days, site = timedelta(days=answers.days(MOST_DAYS)), task_filters.site_of_address()

    def make(glance: polls.Glance) -> dict[str, Any]:
        glance(None)
        groups = error_groups.list_open(now() - days, site)
        trends = _trends([open_group.group.fingerprint for open_group in groups], site)
        return {
            "groups": [_document(one.group, one, trends[one.group.fingerprint]) for one in groups],
            "help_asked": documents.task_list(link_base(), tasks.help_asked(MOST_ASKED, site)),
        }

    return answers.polled(make, lambda _: now().replace(second=0, microsecond=0))


@blueprint.get("/errors/<mark>")
@access.needs("see-team-pages")
def show(mark: str) -> ResponseReturnValue:
    """Errors: NotFound."""
    return answers.fresh(_present(mark))


@blueprint.put("/errors/<mark>/known")
@access.needs("mark-errors")
def mark_known(mark: str) -> ResponseReturnValue:
    """{"note": what is known}. Errors: NotFound, Malformed."""
    note = answers.field({"note": "", **answers.body()}, "note", str)
    error_groups.mark_known(mark, access.require_user().name, note, now())
    return _present(mark), 200


@blueprint.delete("/errors/<mark>/known")
@access.needs("mark-errors")
def unmark(mark: str) -> ResponseReturnValue:
    """Errors: NotFound."""
    error_groups.unmark(mark, access.require_user().name, now())
    return "", 204


def _present(mark: str) -> dict[str, Any]:
    return _document(error_groups.get(mark), error_groups.get_open(mark), _trends([mark])[mark])


def _trends(marks: Sequence[str], site: str = "") -> dict[str, list[int]]:
    return error_groups.trends(marks, midnights(now(), error_groups.TREND_DAYS), site)


def _document(group: ErrorGroup, open_group: OpenGroup | None, trend: list[int]) -> dict[str, Any]:
    marking = {"by": group.known_by, "at": instant(group.known_at), "note": group.note}
    return {
        "fingerprint": group.fingerprint,
        "kind": group.kind,
        "code": group.code,
        "sentence": translated(group.code or "internal", open_group.facts if open_group else {}),
        "form": group.form,
        "first_at": instant(group.first_at),
        "count": open_group.count if open_group else 0,
        "last_at": instant(open_group.last_at) if open_group else None,
        "latest_task": open_group.latest_task if open_group else None,
        "mender": open_group.mender if open_group else None,
        "places": [
            {"host": place.host, "version": place.version, "ffmpeg": place.ffmpeg, "count": place.count}
            for place in (open_group.where if open_group else ())
        ],
        "trend": trend,
        "known": marking if group.known_at is not None else None,
        "came_back": open_group.came_back if open_group else False,
    }
