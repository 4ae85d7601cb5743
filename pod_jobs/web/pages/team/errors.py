"""Failures in groups: how many different things are broken, since when, where, and who can mend them."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.models import Attempt, Task
from pod_jobs.catalog.store import day_figures, tasks
from pod_jobs.catalog.store import error_groups as store
from pod_jobs.jobs.job_type import encodings
from pod_jobs.web import failed_parts, polls, run_logs
from pod_jobs.web.guards import access
from pod_jobs.web.intake import task_filters
from pod_jobs.web.pages.tables import wanted_days
from pod_jobs.web.pages.team import frame
from pod_jobs.web.run_logs import LogTail
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_errors", __name__)

PERIODS = (1, 7, 30, 365)  # days that can be chosen; 1 = since yesterday at day_figures.EVENING
SHOWN = 20  # failed tasks of a group


@blueprint.get("/team/errors")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    return frame.live_page("team/errors.html", lambda look: _all_groups(now(), wanted_days(PERIODS)))


def _all_groups(at: datetime, days: int) -> dict[str, Any]:
    since, site = since_of(at, days), task_filters.site_of_address()
    groups = store.list_open(since, site)
    midnights = day_figures.midnights(at, store.TREND_DAYS)
    trends = store.trends([open_group.group.fingerprint for open_group in groups], midnights, site)
    return {
        "since": since,
        "days": days,
        "periods": PERIODS,
        "site": site,
        "sites": [one.name for one in services().settings.site],
        "open_groups": [open_group for open_group in groups if not open_group.is_quiet],
        "known_groups": [open_group for open_group in groups if open_group.is_quiet],
        "new_since": day_figures.yesterday_evening(at),
        "trends": trends,
        "midnights": midnights,
        "highest": max((max(trend) for trend in trends.values()), default=0),
        "asked": tasks.help_asked(SHOWN, site),
    }


@blueprint.get("/team/errors/<mark>")
@access.needs("see-team-pages")
def group(mark: str) -> ResponseReturnValue:
    """One group, by its fingerprint. Errors: NotFound."""

    def gather(look: polls.Look) -> dict[str, Any]:
        stored, open_group = store.get(mark), store.get_open(mark)
        failed = store.failed_tasks(mark, SHOWN)
        midnights = day_figures.midnights(now(), store.TREND_DAYS)
        log, part = look(failed[0] if failed else None)
        return {
            "group": stored,
            "found": open_group,
            "failed": failed,
            "facts": open_group.facts if open_group else {},
            "trend": store.trends([mark], midnights)[mark],
            "midnights": midnights,
            "latest": failed[0] if failed else None,
            "attempt": _last_attempt(failed[0]) if failed else None,
            "log": log,
            "part": part,
            "is_encoding": stored.kind in encodings(services().job_types),
            "most": store.NOTE_CHARACTERS,
            "many": SHOWN,
        }

    return frame.live_page("team/error_group.html", gather, _look)


def _look(task: Task | None) -> tuple[LogTail | None, bool]:
    """The end of the log of a failed task, and whether anything of it can be watched."""
    return (None, False) if task is None else (run_logs.tail_of(task), failed_parts.has_part(task))


@blueprint.post("/team/errors/<mark>/known")
@access.needs("mark-errors")
def mark_known(mark: str) -> ResponseReturnValue:
    """The field `note` says what is known. Errors: NotFound, Malformed."""
    store.mark_known(mark, access.require_user().name, request.form.get("note", ""), now())
    flash(gettext("Marked as known. It comes back here when another task fails like this."))
    return redirect(url_for("team_errors.group", mark=mark), 303)


@blueprint.post("/team/errors/<mark>/unmark")
@access.needs("mark-errors")
def unmark(mark: str) -> ResponseReturnValue:
    """Errors: NotFound."""
    store.unmark(mark, access.require_user().name, now())
    flash(gettext("No longer marked as known."))
    return redirect(url_for("team_errors.group", mark=mark), 303)


def since_of(at: datetime, days: int) -> datetime:
    """The beginning of the last `days` days, today included; for one day, yesterday evening."""
    return day_figures.yesterday_evening(at) if days == 1 else day_figures.midnights(at, days)[0]


@blueprint.app_template_global()
def most_counted() -> int:
    """From how many tasks on a page says "more than"."""
    return store.COUNTED


@blueprint.app_template_global()
def mender_words(mender: str) -> dict[str, str]:
    """Who can mend a group of errors: {"short": for a label, "long": a sentence}."""
    return {
        "author": {
            "short": gettext("for its author"),
            "long": gettext("Only the author can help, by uploading another file; the page of the video says so."),
        },
        "order": {
            "short": gettext("for whoever ordered it"),
            "long": gettext("Whoever ordered it can help, by ordering it otherwise; the error says what is wrong."),
        },
        "machine": {
            "short": gettext("one machine only"),
            "long": gettext("Only one machine fails like this, while others do such tasks: look at that machine."),
        },
        "nobody": {
            "short": gettext("passes by itself"),
            "long": gettext("Nobody has to: such a fault passes. Requeue the tasks when it has."),
        },
        "team": {
            "short": gettext("for the video team"),
            "long": gettext("The video team: the log below shows what was done."),
        },
    }[mender]


def _last_attempt(task: Task) -> Attempt | None:
    attempts: list[Any] = tasks.attempts_of(task)
    return attempts[-1] if attempts else None
