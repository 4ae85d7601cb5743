"""/tasks: list, show, cancel, run again."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import TASK_STATES
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import tasks
from pod_jobs.errors import Malformed, NotFound
from pod_jobs.web import run_logs
from pod_jobs.web.api import answers, documents
from pod_jobs.web.guards import access, problems
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.intake import bulk, orders
from pod_jobs.web.site import site

blueprint = Blueprint("api_tasks", __name__)

MOST_AT_ONCE = 1000


@blueprint.get("/tasks")
@access.needs("see-videos")
def list_tasks() -> ResponseReturnValue:
    """?state= may be given several times."""
    user = require_user()
    limit, before = answers.page()
    states = request.args.getlist("state")
    if unknown := [state for state in states if state not in TASK_STATES]:
        raise Malformed(f"state: {unknown[0]!r} is none of {', '.join(TASK_STATES)}")
    owner = None if may(user.role, "see-all-videos") else user
    rows = tasks.list_tasks(states, request.args.get("kind", ""), owner, limit, before)
    return answers.fresh(
        {"tasks": documents.task_list(site().redis, link_base(), rows), "next": answers.next_of(rows, limit)}
    )


@blueprint.post("/tasks/requeue")
@access.needs("change-videos")
def requeue_many() -> ResponseReturnValue:
    """{"tasks": [ids, at most 1000]}. Each is ordered for itself; the answer says which were, and why the others were refused."""
    wanted = answers.field(answers.body(), "tasks", list)
    if not 1 <= len(wanted) <= MOST_AT_ONCE or not all(answers.is_count(one) for one in wanted):
        raise Malformed(f"tasks: 1 to {MOST_AT_ONCE} ids are needed")
    outcome = bulk.run_again(require_user(), wanted)
    refused = [{"task": task_id, **problems.document_of(error)} for task_id, error in sorted(outcome.refused.items())]
    return {"done": outcome.done, "refused": refused}, 200


@blueprint.get("/tasks/<int:task_id>")
@access.needs("see-videos")
def show(task_id: int) -> ResponseReturnValue:
    row = orders.task_seen_by(require_user(), task_id)
    return answers.fresh(documents.task(site().redis, link_base(), row))


@blueprint.post("/tasks/<int:task_id>/cancel")
@access.needs("change-videos")
def cancel(task_id: int) -> ResponseReturnValue:
    return documents.task(site().redis, link_base(), orders.cancel(require_user(), task_id)), 202


@blueprint.post("/tasks/<int:task_id>/requeue")
@access.needs("change-videos")
def requeue(task_id: int) -> ResponseReturnValue:
    return documents.task(site().redis, link_base(), orders.run_again(require_user(), task_id)), 202


@blueprint.get("/tasks/<int:task_id>/log")
@access.needs("see-videos")
def log(task_id: int) -> ResponseReturnValue:
    """The end of the log of the task's present run. Errors: NotFound, also when it has none."""
    tail = run_logs.tail_of(orders.task_seen_by(require_user(), task_id))
    if tail is None:
        raise NotFound(f"a log of task {task_id}")
    return answers.fresh({"text": tail.text, "whole": tail.is_whole, "command": tail.command, "bytes": tail.bytes})


@blueprint.put("/tasks/<int:task_id>/help")
@access.needs("change-videos")
def ask_for_help(task_id: int) -> ResponseReturnValue:
    """The owner asks the team to look at a failed task."""
    return documents.task(site().redis, link_base(), orders.ask_for_help(require_user(), task_id)), 202


@blueprint.delete("/tasks/<int:task_id>/help")
@access.needs("change-videos")
def help_given(task_id: int) -> ResponseReturnValue:
    orders.help_given(require_user(), task_id)
    return "", 204
