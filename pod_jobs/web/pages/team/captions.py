"""Captions: what nobody has reviewed, by owner, and which videos have none; order some for a selection."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from pod_jobs.catalog.store import captions as store
from pod_jobs.errors import Malformed
from pod_jobs.web import polls
from pod_jobs.web.alive import is_speech_on
from pod_jobs.web.guards import access
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake.caption_orders import MOST_AT_ONCE, order_for
from pod_jobs.web.pages.team import frame

blueprint = Blueprint("team_captions", __name__)

SHOWN = 100  # tracks, and videos
LARGEST_ID = 2**31 - 1  # every database can hold it


@blueprint.get("/team/captions")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:
    """?owner= shows the unreviewed captions of one person only; ?after= and ?before= are the ids to go on from in the two
    lists."""
    owner = request.args.get("owner") or None
    after = min(request.args.get("after", 0, type=int), LARGEST_ID)
    before = request.args.get("before", type=int)
    before = None if before is None else min(before, LARGEST_ID)

    def gather(look: polls.Look) -> dict[str, Any]:
        return {
            "owner": owner,
            "tracks": store.unreviewed(owner, SHOWN, after),
            "owners": store.unreviewed_by_owner(),
            "without": store.videos_without(SHOWN, before),
            "most": SHOWN,
            "is_speech_on": look(None),
        }

    return frame.live_page("team/captions.html", gather, lambda _asked: is_speech_on())


@blueprint.app_template_global()
def language_name(code: str) -> str:
    """The name of a language in the language of the page."""
    locale = get_locale()
    return str(locale.languages.get(code, code)) if locale else code


@blueprint.post("/team/captions/orders")
@access.needs("change-all-videos")
def order() -> ResponseReturnValue:
    """A transcription for each `video` of the form, or with `all` for each `shown`. Errors: Malformed."""
    chosen = "shown" if "all" in request.form else "video"
    numbers = request.form.getlist(chosen, type=int)[:MOST_AT_ONCE]
    if not numbers:
        raise Malformed("video: at least one is needed")
    ordered, refused = order_for(access.require_user(), numbers, {}, again=False)
    flash(gettext("Ordered: %(count)s", count=len(ordered)))
    for number, error in refused:
        flash(gettext("Video %(number)s: %(reason)s", number=number, reason=translated(error.code, error.facts)))
    return redirect(url_for("team_captions.show"), 303)
