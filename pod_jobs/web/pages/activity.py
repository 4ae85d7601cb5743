"""The activity log, for administrators: who did what when, by person, action and day, also as CSV."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.database import whole_number
from pod_jobs.catalog.models import Audit
from pod_jobs.catalog.store import activity
from pod_jobs.catalog.store.activity import ActivityFilter
from pod_jobs.web.guards import access
from pod_jobs.web.intake import task_filters
from pod_jobs.web.pages.tables import csv_answer
from pod_jobs.web.pages.team.words import kind_words
from pod_jobs.web.services import services

blueprint = Blueprint("activity", __name__)

LINES, MOST_LINES = 100, 10_000  # on a page, in a CSV
FIELDS = ("who", "action", "since", "until")


@blueprint.get("/admin/log")
@access.needs("administer")
def show() -> ResponseReturnValue:
    fields, wanted, faults = _read()
    rows = [] if faults else activity.page(wanted, LINES + 1, whole_number(request.args.get("before", "")))
    return render_template(
        "log.html",
        fields=fields,
        faults=faults,
        rows=rows[:LINES],
        more=rows[LINES - 1].id if len(rows) > LINES else None,
        actions=sorted(((words, action) for action, words in _all_actions().items()), key=lambda pair: pair[0].lower()),
    )


@blueprint.get("/admin/log.csv")
@access.needs("administer")
def table() -> ResponseReturnValue:
    """The lines that match, at most MOST_LINES, the latest first."""
    _, wanted, faults = _read()
    rows = [] if faults else activity.page(wanted, MOST_LINES)
    lines = [(row.at.isoformat(timespec="seconds"), row.who, row.action, row.subject, row.details) for row in rows]
    return csv_answer("log", [("at", "who", "action", "subject", "details"), *lines])


def _read() -> tuple[dict[str, str], ActivityFilter, list[str]]:
    """The filter in the address: its fields, what they mean, and sentences about what means nothing."""
    named = {name: request.args.get(name, "").strip()[:100] for name in FIELDS}
    fields = {name: value for name, value in named.items() if value}
    days, faults = task_filters.read_days(fields)
    return fields, ActivityFilter(fields.get("who", ""), fields.get("action", ""), **days), faults


@blueprint.app_template_filter()
def action_words(action: str) -> str:
    """What was done, for people; an order of a task has the name of its kind."""
    if action in services().job_types:
        return str(kind_words(action)["name"])
    return _all_actions().get(action, action)


@blueprint.app_template_filter()
def subject_page(row: Audit) -> str:
    """The address of the page about what the line is about, "" = there is none."""
    what, _, text = row.subject.partition(" ")
    number = whole_number(text)
    if what == "video" and number is not None:
        return url_for("pages.video", video_id=number)
    if what == "task" and number is not None:
        return url_for("team_task.show", task_id=number)
    return ""


def _all_actions() -> dict[str, str]:
    """Action in the audit -> what it is called."""
    return {
        "ask-for-help": gettext("asks the team for help"),
        "cancel": gettext("stops a task"),
        "captions": gettext("changes captions"),
        "delete": gettext("deletes"),
        "drain": gettext("lets workers finish and stop"),
        "forget": gettext("leaves a machine out"),
        "help-given": gettext("has given help"),
        "known": gettext("marks an error as known"),
        "password": gettext("sets a password"),
        "pause": gettext("pauses a schedule"),
        "prioritise": gettext("changes a priority"),
        "push reports": gettext("sends reports at once"),
        "requeue": gettext("requeues"),
        "resume": gettext("resumes"),
        "run-now": gettext("runs a schedule now"),
        "sign-in": gettext("signs in"),
        "sign-out everywhere": gettext("signs out everywhere"),
        "speech": gettext("chooses whether speech is recognised"),
        "stop": gettext("stops tasks"),
        "tell-site": gettext("tells a site an end"),
        "token add": gettext("makes a token"),
        "token revoke": gettext("revokes a token"),
        "traces erased": gettext("erases learning traces"),
        "traces off": gettext("wants no learning traces"),
        "traces on": gettext("wants learning traces again"),
        "undo-delete": gettext("undoes a deletion"),
        "undo-prioritise": gettext("undoes a change of priority"),
        "undo-requeue": gettext("undoes a requeue"),
        "undo-stop": gettext("undoes a stop"),
        "unknown": gettext("takes the mark of an error away"),
        "upload": gettext("uploads"),
        "user add": gettext("adds a person"),
        "user link": gettext("makes a sign-in link"),
        "user off": gettext("switches a person off"),
        "user on": gettext("switches a person on again"),
        "user passwd": gettext("sets somebody’s password"),
        "user role": gettext("changes a role"),
        "worker invited": gettext("invites a machine"),
        "worker joined": gettext("a machine joins"),
        "xapi drop": gettext("drops learning traces that were refused"),
        "xapi erase": gettext("erases learning traces of a person"),
        "xapi export": gettext("exports learning traces of a person"),
        "xapi flush": gettext("sends learning traces at once"),
        "xapi resend": gettext("sends refused learning traces again"),
        "xapi skip": gettext("sets waiting learning traces aside"),
    }
