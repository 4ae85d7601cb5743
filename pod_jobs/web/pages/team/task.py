"""One task: what happened when and where, how far it is, the end of its log, and what can be done now. Its owner sees it too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.models import Attempt, Task, User
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import error_groups, site_callbacks, tasks, videos
from pod_jobs.catalog.waiting_order import PRIORITIES, name_of
from pod_jobs.errors import Forbidden, NotFound
from pod_jobs.jobs.job_type import encodings, orderings
from pod_jobs.web import alive, failed_parts, polls, run_logs
from pod_jobs.web.guards import access
from pod_jobs.web.intake import beginnings, many_orders, orders
from pod_jobs.web.intake.many_orders import Chosen
from pod_jobs.web.pages.team import frame, words
from pod_jobs.web.run_logs import LogTail
from pod_jobs.web.services import services

blueprint = Blueprint("team_task", __name__)


@dataclass(frozen=True)
class Event:
    """One line of the timeline. `attempt`: the try that it is about; None for an order. `more`: a remark."""

    at: datetime
    words: str
    attempt: Attempt | None = None
    more: str = ""


@dataclass(frozen=True)
class Seen:
    """What the page shows of a task that is not in the catalog: what its run says, its place in its queue, when it will probably
    begin, the end of its log, the generations of which there is a log, and whether anything of a failed one can be watched."""

    said: dict[str, Any]
    place: int | None
    begins: datetime | None
    log: LogTail | None
    logs: tuple[int, ...]
    part: bool


@blueprint.get("/team/tasks/<int:task_id>")
@access.needs("see-videos")
def show(task_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for a task that this person may not see."""
    return frame.live_page("team/task.html", lambda look: _gather(access.require_user(), task_id, look), _look)


def _gather(user: User, task_id: int, look: polls.Look) -> dict[str, Any]:
    task = orders.task_seen_by(user, task_id)
    attempts, (parent, children) = tasks.attempts_of(task), tasks.family_of(task)
    ordered_by = site_callbacks.of_task(task.id)
    seen: Seen = look((task, tuple(dict.fromkeys(attempt.generation for attempt in attempts))))
    return {
        "task": task,
        "video": task.video,
        "events": _events(task, attempts, ordered_by),
        "said": seen.said,
        "log": seen.log,
        "logs": seen.logs,
        "part": seen.part,
        "is_encoding": task.kind in encodings(services().job_types),
        "outputs": videos.outputs_of_task(task.id),
        "mender": error_groups.mender_of(task),
        "later": _later(task),
        "parent": parent,
        "children": children,
        "priority": name_of(task.priority),
        "place": seen.place,
        "begins": seen.begins,
        "may_change": _may_change(user, task),
        "templates": [template for template in services().settings.templates if template != task.template]
        if task.kind in encodings(services().job_types) and task.kind in orderings(services().job_types)
        else [],
        "kind": task.kind,
        "order": ordered_by,
    }


def _look(asked: tuple[Task, Sequence[int]]) -> Seen:
    """`asked`: the task, and the generations that were tried."""
    task, generations = asked
    place = _place(task)
    return Seen(
        said=alive.progress([task.id]).get(task.id, {}) if task.state == "running" else {},
        place=place,
        begins=beginnings.all_times().get(task.id) if place else None,
        log=run_logs.tail_of(task),
        logs=run_logs.kept(task, generations),
        part=failed_parts.has_part(task),
    )


@blueprint.get("/team/tasks/<int:task_id>/part")
@access.needs("see-videos")
def part(task_id: int) -> ResponseReturnValue:
    """What a failed task had encoded, to watch and to save. Errors: NotFound, also for a task that this person may not see."""
    task = orders.task_seen_by(access.require_user(), task_id)
    return frame.page("team/part.html", task=task, part=failed_parts.part_of(task))


@blueprint.post("/team/tasks/<int:task_id>/<action>")
@access.needs("change-videos")
def act(task_id: int, action: str) -> ResponseReturnValue:
    """Requeue the task, stop it, ask the team to look at it, or say that somebody has. Errors: NotFound, also for an action that
    is none; Forbidden; Refused when the state of the task forbids it."""
    if action not in ACTIONS:
        raise NotFound(f"action {action!r}")
    flash(ACTIONS[action](access.require_user(), task_id))
    return redirect(url_for("team_task.show", task_id=task_id), 303)


@blueprint.post("/team/tasks/<int:task_id>/order")
@access.needs("change-videos")
def order(task_id: int) -> ResponseReturnValue:
    """Order a task like this one by the template in the form. Errors: NotFound, Forbidden, Malformed, Refused."""
    user = access.require_user()
    task = orders.task_to_change(user, task_id)
    if task.video_id is None:
        raise NotFound(f"task {task_id} is of no video")
    new = orders.order(user, task.video_id, task.kind, {"template": request.form.get("template", "")})
    flash(gettext("Ordered. This is the new task."))
    return redirect(url_for("team_task.show", task_id=new.id), 303)


def _requeue(user: User, task_id: int) -> str:
    many_orders.run_one_again(user, task_id)
    return gettext("Requeued.")


def _stop(user: User, task_id: int) -> str:
    orders.cancel(user, task_id)
    return gettext("It will stop within seconds.")


def _ask(user: User, task_id: int) -> str:
    orders.ask_for_help(user, task_id)
    return gettext("The video team will look at it.")


def _answer(user: User, task_id: int) -> str:
    orders.withdraw_help_request(user, task_id)
    return gettext("No longer in the list of those who ask for help.")


def _tell_site(user: User, task_id: int) -> str:
    orders.tell_site(user, task_id)
    return gettext("The site is told within seconds.")


def _prioritise_as(priority: int) -> Callable[[User, int], str]:
    def prioritise(user: User, task_id: int) -> str:
        if not access.may("change-all-videos"):
            raise Forbidden("only the video team gives priorities")
        for error in many_orders.prioritise(user, Chosen(ids=[task_id]), priority).refused.values():
            raise error
        return gettext("It has another priority now.")

    return prioritise


ACTIONS: dict[str, Callable[[User, int], str]] = {
    "requeue": _requeue,
    "stop": _stop,
    "ask-for-help": _ask,
    "help-given": _answer,
    "tell-site": _tell_site,
    **{name: _prioritise_as(value) for name, value in PRIORITIES.items()},
}


def _events(task: Task, attempts: list[Attempt], ordered_by: SiteOrder | None) -> list[Event]:
    """What happened, the first event first. An order to run again is told before the first try of its generation. `ordered_by`:
    the order of a site, which is told of the end."""
    who = task.author.name if task.author else gettext("a schedule or another task")
    events = [Event(task.created_at, gettext("ordered by %(name)s", name=who))]
    for attempt in attempts:
        events.append(Event(attempt.started_at, gettext("try %(number)s", number=attempt.number), attempt))
    was_undone = task.ended_at is not None and task.queued_at > task.ended_at
    if task.queued_at > task.created_at and not was_undone:
        events.append(Event(task.queued_at, gettext("queued again")))
    if task.ended_at is not None:
        arrived = gettext("the result reached the catalog") if task.state == "done" else ""
        events.append(Event(task.ended_at, words.kind_words(task.kind)[task.state], more=arrived))
    if ordered_by is not None and ordered_by.delivered_at is not None:
        sentence = gettext("the site %(name)s knows of the end", name=ordered_by.site)
        events.append(Event(ordered_by.delivered_at, gettext("delivered"), more=sentence))
    if ordered_by is not None and ordered_by.fetched_at is not None:
        sentence = gettext("the site %(name)s last asked for the result", name=ordered_by.site)
        events.append(Event(ordered_by.fetched_at, gettext("fetched"), more=sentence))
    return sorted(events, key=lambda event: event.at)


def _later(task: Task) -> Task | None:
    """The newest task of the same video, kind and template, if it is another one."""
    if task.video is None:
        return None
    tasks_of_video = tasks.tasks_of([task.video])[task.video.id]
    likeness = (task.kind, task.template)
    newest = next(sibling for sibling in tasks_of_video if (sibling.kind, sibling.template) == likeness)
    return newest if newest.id != task.id else None


def _place(task: Task) -> int | None:
    """Its place in its queue, 1 = next; None when it does not wait, or waits far behind."""
    job_type = services().job_types.get(task.kind)
    line = orders.in_line(job_type.queue) if job_type and task.state == "waiting" else []
    return line.index(task.id) + 1 if task.id in line else None


def _may_change(user: User, task: Task) -> bool:
    """May `user` requeue and stop this task?"""
    try:
        orders.task_to_change(user, task.id)
    except (Forbidden, NotFound):
        return False
    return True
