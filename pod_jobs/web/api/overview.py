"""/overview: everything at a glance, for programs that watch an instance."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.web import alive, polls
from pod_jobs.web.api import answers
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.overview import Overview, gather, look
from pod_jobs.web.services import now

blueprint = Blueprint("api_overview", __name__)


@blueprint.get("/overview")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    def make(glance: polls.Glance) -> dict[str, Any]:
        overview = gather(now(), lambda running: glance(running).own)
        sight: alive.Sight = glance.seen
        silent = [host for host, _ in sight.silent]
        return {**_document(overview), "silent_hosts": silent, "janitor_lives": sight.janitor}

    return answers.polled(make, _look)


def _look(running: Sequence[int]) -> alive.Sight:
    minute = now().replace(second=0, microsecond=0)  # estimates are made anew
    return alive.sight(minute, look(running))


def _document(overview: Overview) -> dict[str, Any]:
    return {
        "running": overview.counts["running"],
        "running_left_s": overview.left_s,
        "waiting": overview.counts["waiting"],
        "waiting_since": instant(overview.oldest),
        "waiting_in_catalog": overview.in_catalog,
        "last_begins_at": instant(overview.last_begins),
        "last_ended_at": instant(overview.last_end),
        "failed_since": instant(overview.since),
        "failed": overview.failed,
        "error_groups": len(overview.groups),
        "new_error_groups": overview.new_groups,
        "help_asked": overview.asked_for_help,
        "trying_again": [
            {"code": one.code, "sentence": translated(one.code, one.facts), "tasks": one.count}
            for one in overview.trying_again
        ],
        "callbacks_waiting": overview.untold.tried,
        "callbacks_given_up": overview.untold.given_up,
        "workers": None
        if overview.crews is None
        else [
            {"queue": crew.queue, "able": crew.able, "held": crew.held, "expected": crew.expected}
            for crew in overview.crews
        ],
        "media_free": None if overview.room is None else int(overview.room.free),
        "media_days": None if overview.room is None else overview.room.days,
    }
