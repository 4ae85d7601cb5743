"""What all pages of the team share: how they are rendered, and the notices above them. Their words: words.py."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, g, make_response, render_template, request
from flask_wtf.csrf import generate_csrf

from pod_jobs.catalog.models import Drain, Periodic, Task
from pod_jobs.catalog.store import dead_letters, drains, error_groups, periodic
from pod_jobs.catalog.store.day_figures import yesterday_evening
from pod_jobs.web import alive, polls
from pod_jobs.web.run_logs import log_path
from pod_jobs.web.services import now, services, wants_part

blueprint = Blueprint("team", __name__)

BEAT_S = 30  # pages are made anew, because they tell how long ago something was


Gather = Callable[[Callable[[Any], Any]], dict[str, Any]]


def live_page(template: str, gather: Gather, look: polls.Look = polls.look_at_nothing) -> Response:
    """The answer with `template`, or only its block `live` when htmx asks for that. An unchanged part is answered by 304, and
    nearly always before anything is read.

    `gather(look)` gives the values of the template. What changes outside the catalog (progress, workers, files) it gets only by
    calling its argument, at most once, with what it asks about. `look(asked)` reads that.
    """

    def look_at_all(asked: Any) -> alive.Sight:
        return alive.sight(int(now().timestamp() // BEAT_S), look(asked))

    def make(glance: polls.Glance) -> Response:
        values = gather(lambda asked: glance(asked).own)
        sight: alive.Sight = glance.seen or glance(None)
        return page(template, silent=sight.silent, janitor_lives=sight.janitor, **values)

    return polls.answer(look_at_all, make) if wants_part() else make(polls.Glance(look_at_all))


def page(template: str, **values: Any) -> Response:
    """The answer with `template`, or only its block `live` when htmx asks for that, with an ETag."""
    part = wants_part()
    signs = {} if "silent" in values else signs_of_life()
    text = render_template(template, **{**signs, **values, **({"only_live": True} if part else {})})
    response = make_response(text)
    if part:
        same = text.replace(generate_csrf(), "")  # it is signed anew each second
        response.set_etag(hashlib.sha256(same.encode()).hexdigest()[:32])
        response.make_conditional(request)
    return response


def signs_of_life() -> dict[str, Any]:
    """What the notices above a page of the team need, for one that does not look at it together with its other values."""
    return {"silent": alive.silent_hosts(), "janitor_lives": alive.is_janitor_alive()}


@blueprint.after_app_request
def vary(response: Response) -> Response:
    """A page and its moving part have the same address."""
    if request.path.startswith("/team"):
        response.headers["Vary"] = "HX-Request"
    return response


@blueprint.app_template_global()
def active_drains() -> Sequence[Drain]:
    """What takes no new jobs by order of a person; every page of the team tells it."""
    return drains.list_drains()


@blueprint.app_template_global()
def team_badges() -> dict[str, int]:
    """How many groups of errors and machines there are to look at, and how many lanes of learning traces do not deliver."""
    if "team_badges" not in g:
        names = services().settings.xapi.lane_names
        g.team_badges = {
            "errors": error_groups.count_unknown(yesterday_evening(now())),
            "machines": len(alive.silent_hosts()),
            "lanes": dead_letters.count_held(names) if names else 0,
        }
    badges: dict[str, int] = g.team_badges
    return badges


@blueprint.app_template_global()
def paused_schedules() -> Sequence[Periodic]:
    """The entries of the schedule that are paused."""
    return periodic.paused()


@blueprint.app_template_filter()
def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The others of these fields."""
    return {key: value for key, value in fields.items() if key != name}


@blueprint.app_template_global()
def log_address(task: Task, generation: int = 0) -> str:
    """Where the whole log of a task's run of that generation is served; 0 = of the present one."""
    return request.script_root + log_path(task, generation)
