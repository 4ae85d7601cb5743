"""Every task, by a filter that lives in the address; and orders for all that match it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.database import whole_number
from pod_jobs.catalog.models import TASK_STATES, User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import error_groups, overview, task_search
from pod_jobs.catalog.store.many_orders import UNDO
from pod_jobs.catalog.store.task_search import Extent, TaskFilter
from pod_jobs.catalog.team_models import ManyOrder
from pod_jobs.catalog.waiting_order import PRIORITIES
from pod_jobs.errors import NotFound, Refused
from pod_jobs.jobs.job_type import encodings
from pod_jobs.media_folder import WEB
from pod_jobs.settings import QUEUES
from pod_jobs.web import alive, polls
from pod_jobs.web.guards import access
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake import beginnings, many_orders, orders, task_filters, undo
from pod_jobs.web.intake.beginnings import AtWork
from pod_jobs.web.intake.many_orders import Chosen, Outcome
from pod_jobs.web.intake.task_filters import GivenFilter
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_tasks", __name__)

ROWS = 50
EXAMPLES = 5  # tasks named for each reason
LOOKED_AFTER = ("waiting", "running", "error")
MOST_IN_STATE = 999


def _prioritise_as(priority: int) -> Callable[[User, Chosen, int], Outcome]:
    return lambda user, chosen, most: many_orders.prioritise(user, chosen, priority, most)


ORDERS: dict[str, Callable[[User, Chosen, int], Outcome]] = {
    "requeue": many_orders.run_again,
    "stop": many_orders.stop,
    "delete": many_orders.delete,
    **{name: _prioritise_as(value) for name, value in PRIORITIES.items()},
}

# The states of the tasks that an order changes
CHANGES = {
    "requeue": ("error", "cancelled"),
    "stop": ("waiting", "running"),
    "delete": ("done", "error", "cancelled"),
    **dict.fromkeys(PRIORITIES, ("waiting",)),
}


@blueprint.get("/team/tasks")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    asked, before = task_filters.read(request.args), whole_number(request.args.get("before", ""))
    return frame.live_page("team/tasks.html", lambda look: _gather(asked, before, look), _look)


def _gather(asked: GivenFilter, before: int | None, look: polls.Look) -> dict[str, Any]:
    rows = [] if asked.faults else task_search.page(asked.wanted, ROWS + 1, before)
    shown = rows[:ROWS]
    waits = any(task.state == "waiting" for task in shown)
    running = overview.running(beginnings.RUNNING) if waits else [task for task in shown if task.state == "running"]
    seen: AtWork = look(([task.id for task in running], waits))
    return {
        "asked": asked,
        "rows": shown,
        "count": 0 if asked.faults else task_search.count(asked.wanted, error_groups.COUNTED + 1),
        "open_counts": _open_counts(asked),
        "most_in_state": MOST_IN_STATE,
        "more": shown[-1].id if len(rows) > ROWS else None,
        "attempts": task_search.latest_attempts(shown),
        "said_by": seen.progress,
        "places": seen.places,
        "far": seen.far,
        "begins": beginnings.times(now(), running, beginnings.waiting(seen), seen) if waits else {},
        "states": TASK_STATES,
        "kinds": [kind for kind, job_type in services().job_types.items() if job_type.of_task],
        "templates": list(services().settings.templates),
        "usual_template": WEB,
        "encodings": encodings(services().job_types),
        "queues": QUEUES,
        "codes": error_groups.codes(),
        "sites": [site.name for site in services().settings.site],
    }


def _open_counts(asked: GivenFilter) -> dict[str, int]:
    """State -> how many tasks are in it, of those that people look after; nothing beside another filter, which takes longer."""
    if asked.fields.keys() - {"state"}:
        return {}
    return {state: task_search.count(TaskFilter(state=state), MOST_IN_STATE + 1) for state in LOOKED_AFTER}


def _look(asked: tuple[Sequence[int], bool]) -> AtWork:
    """`asked`: the ids of the running tasks; and whether waiting ones are shown, for which the lines are needed."""
    running, waits = asked
    return beginnings.look(running) if waits else AtWork(None, alive.progress(running), {})


@blueprint.get("/team/tasks/<action>")
@access.needs("change-all-videos")
def confirm(action: str) -> ResponseReturnValue:
    """Asks whether `action` is meant for all tasks that match the filter. Errors: NotFound for an action that is none."""
    return _confirm(_known(action), task_filters.read(request.args), changed=False)


@blueprint.post("/team/tasks/<action>")
@access.needs("change-all-videos")
def order(action: str) -> ResponseReturnValue:
    """Carries out what was confirmed; asks again when other tasks match by now. Errors: NotFound."""
    asked = task_filters.read(request.form)
    try:
        change, chosen = ORDERS[_known(action)], Chosen(wanted=asked.wanted)
        number = many_orders.check_unchanged(chosen, "" if asked.faults else request.form.get("extent", ""))
        outcome = change(access.require_user(), chosen, number)
    except Refused:
        return _confirm(action, asked, changed=True)
    flash(gettext("Done: %(count)s.", count=len(outcome.done)))
    _tell_refusals(outcome)
    return redirect(url_for("team_tasks.show", **_values(asked)), 303)


@blueprint.post("/team/callbacks")
@access.needs("change-all-videos")
def tell_sites() -> ResponseReturnValue:
    """Lets every callback that a site does not have be tried at once: of one site, or of all."""
    asked = task_filters.read(request.form)
    count = orders.tell_sites(access.require_user(), asked.wanted.site)
    flash(gettext("Messages about an end that are sent within seconds: %(count)s.", count=count))
    return redirect(url_for("team_tasks.show", **_values(asked)), 303)


@blueprint.post("/team/orders/<int:order_id>/undo")
@access.needs("change-all-videos")
def take_back(order_id: int) -> ResponseReturnValue:
    """Take an order for many tasks back. Errors: NotFound."""
    try:
        outcome = undo.undo(access.require_user(), order_id)
        flash(gettext("Undone: %(count)s.", count=len(outcome.done)))
        _tell_refusals(outcome)
    except Refused as error:
        flash(translated(error.code, error.facts), "bad")
    return redirect(url_for("team_tasks.show", **_values(task_filters.read(request.form))), 303)


@blueprint.app_template_global()
def orders_to_undo() -> list[tuple[ManyOrder, int]]:
    """The orders for many tasks that the person who asks can take back, and for how many seconds."""
    user = access.require_user()
    recent_orders = undo.recent(user) if may(user.role, "change-all-videos") else []
    return [(many_order, max(1, round((many_order.at + UNDO - now()).total_seconds()))) for many_order in recent_orders]


@blueprint.app_template_global()
def order_words(order: ManyOrder) -> str:
    """What an order for many tasks did."""
    count = order.tasks
    return {
        "requeue": gettext("Tasks requeued: %(count)s", count=count),
        "stop": gettext("Tasks stopped: %(count)s", count=count),
        "prioritise": gettext("Tasks with another priority: %(count)s", count=count),
        "delete": gettext("Tasks deleted: %(count)s", count=count),
    }[order.action]


def _tell_refusals(outcome: Outcome) -> None:
    if outcome.refused:
        flash(gettext("Left as they are: %(count)s.", count=len(outcome.refused)))
    for words, ids in _by_reason(outcome).items():
        shown = ", ".join(f"#{number}" for number in ids[:EXAMPLES])
        flash(f"{words} ({len(ids)}: {shown}{' …' if len(ids) > EXAMPLES else ''})")


def _by_reason(outcome: Outcome) -> dict[str, list[int]]:
    """The reason for people -> the tasks that were refused for it, the most frequent first."""
    numbers_by_reason: dict[str, list[int]] = {}
    for number, error in sorted(outcome.refused.items()):
        numbers_by_reason.setdefault(translated(error.code, error.facts), []).append(number)
    return dict(sorted(numbers_by_reason.items(), key=lambda item: -len(item[1])))


def _values(asked: GivenFilter) -> dict[str, Any]:
    """The filter as values of an address."""
    return dict(asked.fields)


def _confirm(action: str, asked: GivenFilter, *, changed: bool) -> ResponseReturnValue:
    extent = Extent(0, 0) if asked.faults else task_search.extent(asked.wanted)
    affected = sum(_count_in(state, asked) for state in CHANGES[action]) if extent.count else 0
    return frame.page(
        "team/confirm_tasks.html",
        action=action,
        asked=asked,
        extent=extent,
        affected=affected,
        changed=changed,
        address=url_for("team_tasks.order", action=action),
        fields={**asked.fields, "extent": str(extent)},
        back=url_for("team_tasks.show", **_values(asked)),
    )


def _count_in(state: str, asked: GivenFilter) -> int:
    """How many of the tasks that match are in this state."""
    return task_search.count(replace(asked.wanted, state=state)) if asked.wanted.state in ("", state) else 0


def _known(action: str) -> str:
    if action not in ORDERS:
        raise NotFound(f"action {action!r}")
    return action
