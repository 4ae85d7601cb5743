"""/overview: everything at a glance, for programs that watch an instance."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.web import alive, overview, polls
from pod_jobs.web.api import answers
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.overview import Overview
from pod_jobs.web.services import now

blueprint = Blueprint("api_overview", __name__)


@blueprint.get("/overview")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    def make(glance: polls.Glance) -> dict[str, Any]:
        seen = overview.gather(now(), lambda running: glance(running)[-1])
        _, silent, janitor, _ = glance.seen
        return {**_document(seen), "silent_hosts": [host for host, _ in silent], "janitor_lives": janitor}

    return answers.polled(make, _look)


def _look(running: Any) -> tuple[Any, ...]:
    minute = now().replace(second=0, microsecond=0)  # estimates are made anew
    return minute, alive.silent_hosts(), alive.is_janitor_alive(), overview.look(running)


def _document(seen: Overview) -> dict[str, Any]:
    return {
        "running": seen.counts["running"],
        "running_left_s": seen.left_s,
        "waiting": seen.counts["waiting"],
        "waiting_since": instant(seen.oldest),
        "waiting_in_catalog": seen.in_catalog,
        "last_begins_at": instant(seen.last_begins),
        "last_ended_at": instant(seen.last_end),
        "failed_since": instant(seen.since),
        "failed": seen.failed,
        "error_groups": len(seen.groups),
        "new_error_groups": seen.new_groups,
        "help_asked": seen.asked_for_help,
        "trying_again": [
            {"code": one.code, "sentence": translated(one.code, one.facts), "tasks": one.count}
            for one in seen.trying_again
        ],
        "callbacks_waiting": seen.untold.tried,
        "callbacks_given_up": seen.untold.given_up,
        "workers": None
        if seen.crews is None
        else [
            {"queue": crew.queue, "able": crew.able, "held": crew.held, "expected": crew.expected}
            for crew in seen.crews
        ],
        "media_free": None if seen.room is None else int(seen.room.free),
        "media_days": None if seen.room is None else seen.room.days,
    }
