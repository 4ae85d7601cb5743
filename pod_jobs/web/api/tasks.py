"""/tasks: list, show, cancel, run again."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import TASK_STATES
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import task_search
from pod_jobs.catalog.store.many_orders import UNDO
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.catalog.team_models import ManyOrder
from pod_jobs.catalog.waiting_order import PRIORITIES
from pod_jobs.errors import Malformed, NotFound
from pod_jobs.settings import QUEUES
from pod_jobs.web import failed_parts, polls, run_logs
from pod_jobs.web.api import answers, documents
from pod_jobs.web.guards import access, problems
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.intake import many_orders, orders, task_filters, undo
from pod_jobs.web.intake.many_orders import Chosen, Outcome

blueprint = Blueprint("api_tasks", __name__)

MOST_AT_ONCE = 1000
TEXTS, INSTANTS = task_filters.TEXTS, task_filters.DAYS


@blueprint.get("/tasks")
@access.needs("see-videos")
def list_tasks() -> ResponseReturnValue:
    """?state= may be given several times; the other fields are those of a filter. Failures that were made good are among them."""
    limit, before = answers.page()
    task_filter = _filter_of_address()

    def make(glance: polls.Glance) -> dict[str, Any]:
        rows = task_search.page(task_filter, limit, before, task_search.WHOLE)
        return {"tasks": documents.task_list(link_base(), rows, glance), "next": answers.next_of(rows, limit)}

    return answers.polled(make, documents.read_live, polls.own_videos())


@blueprint.get("/tasks/count")
@access.needs("see-videos")
def count() -> ResponseReturnValue:
    """How many tasks the filter finds, before something is ordered for them (the field "count" of such an order)."""
    return answers.fresh({"count": task_search.count(_filter_of_address())})


@blueprint.post("/tasks/requeue")
@access.needs("change-videos")
def requeue_many() -> ResponseReturnValue:
    """{"tasks": [ids]} or {"filter": {…}}, and "before", an id below which the tasks lie. One call orders at most 1000, the
    newest first; "next" is the value of "before" for the rest. A refusal stops nothing else, and the answer says why."""
    return _order_many(many_orders.run_again)


@blueprint.post("/tasks/cancel")
@access.needs("change-videos")
def cancel_many() -> ResponseReturnValue:
    """As `requeue_many`, for tasks that wait or run."""
    return _order_many(many_orders.stop)


@blueprint.post("/tasks/delete")
@access.needs("change-all-videos")
def delete_many() -> ResponseReturnValue:
    """As `requeue_many`, for ended tasks whose results are not shown and that are not the newest of their kind."""
    return _order_many(many_orders.delete)


@blueprint.get("/tasks/orders")
@access.needs("change-videos")
def list_orders() -> ResponseReturnValue:
    """The orders for many tasks that this person can still take back."""
    listed = [_order_document(order) for order in undo.recent(require_user())]
    return answers.fresh({"orders": listed})


@blueprint.post("/tasks/undo")
@access.needs("change-videos")
def undo_many() -> ResponseReturnValue:
    """{"order": id}. Tasks that have moved on since stay as they are, and the answer says why. Errors: NotFound; Refused."""
    outcome = undo.undo(require_user(), answers.field(answers.body(), "order", int))
    return {"done": outcome.done, "refused": _refusals(outcome)}, 200


@blueprint.post("/tasks/prioritise")
@access.needs("change-all-videos")
def prioritise() -> ResponseReturnValue:
    """As `requeue_many`, and "priority": high, normal or low. Only tasks that wait have one to change."""
    priority = answers.field(answers.body(), "priority", str)
    if priority not in PRIORITIES:
        raise Malformed(f"priority: {priority!r} is none of {', '.join(PRIORITIES)}")
    return _order_many(partial(many_orders.prioritise, priority=PRIORITIES[priority]))


@blueprint.get("/tasks/<int:task_id>")
@access.needs("see-videos")
def show(task_id: int) -> ResponseReturnValue:

    def make(glance: polls.Glance) -> dict[str, Any]:
        return documents.task(link_base(), orders.task_seen_by(require_user(), task_id), glance)

    return answers.polled(make, documents.read_live, polls.own_videos())


@blueprint.post("/tasks/<int:task_id>/cancel")
@access.needs("change-videos")
def cancel(task_id: int) -> ResponseReturnValue:
    return documents.task(link_base(), orders.cancel(require_user(), task_id)), 202


@blueprint.post("/tasks/<int:task_id>/requeue")
@access.needs("change-videos")
def requeue(task_id: int) -> ResponseReturnValue:
    return documents.task(link_base(), many_orders.run_one_again(require_user(), task_id)), 202


@blueprint.get("/tasks/<int:task_id>/log")
@access.needs("see-videos")
def log(task_id: int) -> ResponseReturnValue:
    """The end of the log of the task's present run. Errors: NotFound, also when it has none."""
    tail = run_logs.tail_of(orders.task_seen_by(require_user(), task_id))
    if tail is None:
        raise NotFound(f"a log of task {task_id}")
    return answers.fresh({"text": tail.text, "whole": tail.is_whole, "command": tail.command, "bytes": tail.bytes})


@blueprint.get("/tasks/<int:task_id>/part")
@access.needs("see-videos")
def part(task_id: int) -> ResponseReturnValue:
    """What a failed task had encoded, to watch and to save. Errors: NotFound, also when nothing of it can be played."""
    found = failed_parts.part_of(orders.task_seen_by(require_user(), task_id))
    if found is None:
        raise NotFound(f"a part of task {task_id} that can be played")
    return answers.fresh(documents.failed_part(link_base(), found))


@blueprint.put("/tasks/<int:task_id>/help")
@access.needs("change-videos")
def ask_for_help(task_id: int) -> ResponseReturnValue:
    """The owner asks the team to look at a failed task."""
    return documents.task(link_base(), orders.ask_for_help(require_user(), task_id)), 202


@blueprint.delete("/tasks/<int:task_id>/help")
@access.needs("change-videos")
def withdraw_help_request(task_id: int) -> ResponseReturnValue:
    orders.withdraw_help_request(require_user(), task_id)
    return "", 204


def _order_many(change: Callable[..., Outcome]) -> ResponseReturnValue:
    """What `change`, a function of many_orders, does with the tasks that the body names. "order" in it: the one to go on with.
    Errors: Malformed; those of `_chosen` and of `change`."""
    document = answers.body()
    chosen, count = _chosen(document)
    order = None if document.get("order") is None else answers.field(document, "order", int)
    outcome = change(require_user(), chosen, most=MOST_AT_ONCE, order=order)
    counts = {"matching": count, "done": outcome.done, "refused": _refusals(outcome), "next": outcome.next}
    return {**counts, "order": outcome.order}, 200


def _refusals(outcome: Outcome) -> list[dict[str, Any]]:
    return [{"task": task_id, **problems.document_of(error)} for task_id, error in sorted(outcome.refused.items())]


def _order_document(order: ManyOrder) -> dict[str, Any]:
    until = documents.instant(order.at + UNDO)
    return {
        "order": order.id,
        "who": order.user.name,
        "action": order.action,
        "tasks": order.tasks,
        "undo_until": until,
    }


def _chosen(document: dict[str, Any]) -> tuple[Chosen, int]:
    """The tasks that a bulk order is for, and how many they are. Errors: Malformed; Refused when they are not "count"."""
    before = document.get("before")
    if before is not None and not answers.is_count(before):
        raise Malformed("before: an id is needed")
    counted = None if document.get("count") is None else answers.field(document, "count", int)
    if ("tasks" in document) == ("filter" in document):
        raise Malformed("tasks, a list of ids, or filter, an object, is needed")
    if "filter" in document:
        chosen = Chosen(wanted=_filter(answers.field(document, "filter", dict)), before=before).seen_by(require_user())
        return chosen, chosen.count() if counted is None else many_orders.check_unchanged(chosen, counted)
    ids = answers.field(document, "tasks", list)
    if not 1 <= len(ids) <= MOST_AT_ONCE or not all(answers.is_count(task_id) for task_id in ids):
        raise Malformed(f"tasks: 1 to {MOST_AT_ONCE} ids are needed")
    return Chosen(ids=set(ids), before=before), len(set(ids))


def _filter_of_address() -> TaskFilter:
    """The filter in the address of this request, among what the person may see. Errors: Malformed."""
    user, states = require_user(), request.args.getlist("state")
    if unknown := [state for state in states if state not in TASK_STATES]:
        raise Malformed(f"state: {unknown[0]!r} is none of {', '.join(TASK_STATES)}")
    given = {name: request.args[name] for name in (*TEXTS, *INSTANTS) if name != "state" and name in request.args}
    owner_id = None if may(user.role, "see-all-videos") else user.id
    return replace(_filter(given, may_be_empty=True), states=tuple(states), owner_id=owner_id)


def _filter(given: dict[str, Any], *, may_be_empty: bool = False) -> TaskFilter:
    """For an order, a filter must say something: one that was meant to and is empty by mistake would order every task.
    Errors: Malformed."""
    if unknown := sorted(given.keys() - {*TEXTS, *INSTANTS}):
        raise Malformed(f"filter: {unknown[0]!r} is none of {', '.join((*TEXTS, *INSTANTS))}")
    texts: Any = {name: answers.field(given, name, str) for name in TEXTS if name in given}
    task_filters.check_lengths(texts)
    if not may_be_empty and not any((*texts.values(), *(name in given for name in INSTANTS))):
        raise Malformed("filter: it chooses every task; name at least one field")
    if texts.get("state", TASK_STATES[0]) not in TASK_STATES:
        raise Malformed(f"filter: state: {texts['state']!r} is none of {', '.join(TASK_STATES)}")
    if texts.get("queue", QUEUES[0]) not in QUEUES:
        raise Malformed(f"filter: queue: {texts['queue']!r} is none of {', '.join(QUEUES)}")
    return task_filters.made(texts, {name: answers.instant(given, name) for name in INSTANTS if name in given})
