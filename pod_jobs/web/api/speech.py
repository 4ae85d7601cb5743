"""/videos/…/speech: what is wanted of a recording's speech; /captions: orders for many videos, and what waits for a review."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import captions, users, videos
from pod_jobs.errors import Malformed
from pod_jobs.jobs.speech.wish import read_wish
from pod_jobs.web.api import answers, documents
from pod_jobs.web.api.captions import track_document
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.intake import caption_orders, orders
from pod_jobs.web.intake.caption_orders import MOST_AT_ONCE
from pod_jobs.web.services import now

blueprint = Blueprint("api_speech", __name__)


@blueprint.get("/videos/<int:video_id>/speech")
@access.needs("see-videos")
def show_wish(video_id: int) -> ResponseReturnValue:
    """What people want of the transcription of this video."""
    videos.get(video_id, require_user())
    return answers.fresh(captions.wish_document(video_id))


@blueprint.put("/videos/<int:video_id>/speech")
@access.needs("change-videos")
def set_wish(video_id: int) -> ResponseReturnValue:
    """{"language": "fr" or "", "glossary": ["Esup-Pod"], "automatic": true, false or null}; an absent field stays as it is.

    With `automatic` false, a running transcription that no person ordered ends."""
    user = require_user()
    videos.get_to_change(video_id, user)
    wish = captions.wish_document(video_id) | read_wish(answers.body())
    captions.set_wish(video_id, wish)
    if wish["automatic"] is False:
        orders.cancel_automatic(user, video_id)
    users.note(user.name, "speech", f"video {video_id}", now())
    return captions.wish_document(video_id)


@blueprint.post("/captions/orders")
@access.needs("change-videos")
def order_many() -> ResponseReturnValue:
    """{"videos": [3, 4], "again": false} and the options of a transcription: one for each of these videos.

    A video that is refused does not hold up the others: the answer lists what was ordered and what was refused. Refused are
    videos that want no automatic captions and, without `again`, those that already have captions from their speech."""
    user, body = require_user(), answers.body()
    numbers, again = answers.field(body, "videos", list), body.get("again", False)
    if not 0 < len(numbers) <= MOST_AT_ONCE or not all(map(answers.is_count, numbers)) or not isinstance(again, bool):
        raise Malformed(f"videos: 1 to {MOST_AT_ONCE} numbers are needed; again: true or false")
    options = {name: value for name, value in body.items() if name not in ("videos", "again")}
    ordered, refused = caption_orders.order_for(user, numbers, options, again=again)
    return {
        "ordered": [{"video": number, "task": task.id} for number, task in ordered],
        "refused": [
            {"video": number, "error": documents.error(error.code, error.facts, error.reason)}
            for number, error in refused
        ],
    }, 202


@blueprint.get("/captions/unreviewed")
@access.needs("see-videos")
def unreviewed() -> ResponseReturnValue:
    """Captions that nobody has reviewed, the oldest first: of one's own videos; for the team, of everybody's or ?owner='s.

    `owners` counts the videos of each person. ?limit= and ?after= (a `next`) go on."""
    user = require_user()
    whose = None if access.may("see-all-videos") else user.name
    limit, after = answers.page("after")
    owner = whose or request.args.get("owner") or None
    tracks = captions.unreviewed(owner, limit, after or 0)
    listed = [{**track_document(track), **_video(track.video)} for track in tracks]
    owners = [{"owner": name, "videos": count} for name, count in captions.unreviewed_by_owner(whose)]
    return answers.fresh({"captions": listed, "owners": owners, "next": answers.next_of(tracks, limit)})


@blueprint.get("/captions/missing")
@access.needs("see-team-pages")
def missing() -> ResponseReturnValue:
    """Videos that have no captions from their speech, the newest first. ?limit= and ?before= (a `next`) go on."""
    limit, before = answers.page()
    rows = captions.videos_without(limit, before)
    listed = [{**_video(video)["video"], "created_at": documents.instant(video.created_at)} for video in rows]
    return answers.fresh({"videos": listed, "next": answers.next_of(rows, limit)})


def _video(video: Video) -> dict[str, Any]:
    return {"video": {"id": video.id, "title": video.title, "owner": video.owner.name}}
