"""The page of the caption editor. Its modules in static/js/captions load the captions from the API."""

from dataclasses import asdict

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from pod_jobs.catalog.store import captions, videos
from pod_jobs.jobs.speech.plan import cue_rules
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.services import services

blueprint = Blueprint("caption_pages", __name__)


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>")
@access.needs("change-videos")
def edit(video_id: int, track_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for a video that this person may not see; Forbidden."""
    video = videos.get_to_change(video_id, require_user())
    track = captions.get(track_id, video_id)
    locale = get_locale()
    name = locale.languages.get(track.language, track.language) if locale else track.language
    rules = asdict(cue_rules(services().settings))
    return render_template("captions.html", video=video, track=track, track_language=name, rules=rules)
